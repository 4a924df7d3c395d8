"""Decode images and videos; runs as a process of its own with limits, never inside web or worker."""
