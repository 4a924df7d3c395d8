"""The length of a minute of the product in a chaos run, in seconds."""

MINUTE = 6.0
