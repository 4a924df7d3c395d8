"""Decode images and videos; runs as a process of its own with limits, never inside web or worker."""

# Where a decoder leaves what it found out, beside the renditions.
FACTS_FILE = "facts.json"
