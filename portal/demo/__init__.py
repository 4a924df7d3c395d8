"""`manage.py demo`: portal, worker and a sandbox Clarius Cloud, started and connected by one command."""
