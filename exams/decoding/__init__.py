"""Decode images, videos and documents in a separate process with limits, never in a web or worker process."""

# The file with the facts that a decoder found, in the folder of the renditions.
FACTS_FILE = "facts.json"
