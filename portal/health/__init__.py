"""Health: views of the registered checks as a page, a daily mail, a command and a readiness probe."""
