"""Pages on which an account takes, watches and ends its links."""
