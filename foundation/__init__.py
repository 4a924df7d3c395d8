"""The lowest layer: what every other package may use; imports none of them."""
