"""Bodies of failed answers, and exams that arrive between two pages."""

import gzip
import json

from sandbox.behaviour import create_submission, customers

PAGE = "<!doctype html><html><head><title>Clarius</title></head><body><h1>Please wait</h1></body></html>"
BODIES = ("html", "json", "empty")
BOMB_BYTES = 200_000_000


def body_of(kind: str, status: int) -> tuple[str, str]:
    """Return a body and its type: html like a proxy, json like the API, or empty."""
    if kind == "json":
        return json.dumps({"detail": f"Sandbox fault, status {status}."}), "application/json"
    if kind == "empty":
        return "", "text/plain"
    return f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>", "text/html"


def gzip_bomb() -> bytes:
    """Return about 200 kB that decompress to 200 MB."""
    return gzip.compress(b" " * BOMB_BYTES, 9)


def grow(*, count: int) -> None:
    """Submit `count` exams of a confirmed customer without a notification."""
    customer = customers().filter(confirmed_at__isnull=False).first()
    if customer is not None:
        for _ in range(count):
            create_submission(customer=customer, notify=False)
