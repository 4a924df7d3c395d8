"""A Clarius Cloud to run beside the portal: its own process, its own database, nothing of the portal's."""
