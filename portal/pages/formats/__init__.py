"""Formats of dates and times that Django and the admin theme write."""
