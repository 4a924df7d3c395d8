"""The parts of every page of the administration."""
