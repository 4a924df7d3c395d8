"""What needs an administrator: one page, its count in the navigation, and a daily mail."""
