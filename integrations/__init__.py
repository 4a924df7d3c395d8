"""Who we are at Clarius Cloud."""
