"""Tests of the health checks and their views."""
