"""What needs an administrator."""
