"""What every page of the administration has in common."""
