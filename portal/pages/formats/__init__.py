"""How days and times are written where no page says so itself."""
