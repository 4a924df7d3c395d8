"""How long a minute of the product lasts while it is attacked."""

MINUTE = 6.0
