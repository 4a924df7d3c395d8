"""The building blocks of every admin page."""
