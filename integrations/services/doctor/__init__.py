"""What is wrong, in plain words: one finding for each thing that has to work."""
