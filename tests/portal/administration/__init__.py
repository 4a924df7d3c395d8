"""Tests of what all admin pages have in common."""
