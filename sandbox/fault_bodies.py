"""Bodies of answers that went wrong, and an exam that arrives at the wrong moment."""

import gzip
import json

from sandbox.behaviour import create_submission, customers

PAGE = "<!doctype html><html><head><title>Clarius</title></head><body><h1>Please wait</h1></body></html>"
BODIES = ("html", "json", "empty")
BOMB_BYTES = 200_000_000


def body_of(kind: str, status: int) -> tuple[str, str]:
    """Return a body and its type: html as a proxy writes it, json as the API does, or empty."""
    if kind == "json":
        return json.dumps({"detail": f"Sandbox fault, status {status}."}), "application/json"
    if kind == "empty":
        return "", "text/plain"
    return f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>", "text/html"


def gzip_bomb() -> bytes:
    """Return some 200 kB that unpack to 200 MB."""
    return gzip.compress(b" " * BOMB_BYTES, 9)


def grow(*, count: int) -> None:
    """Let a confirmed customer submit `count` exams, unannounced."""
    customer = customers().filter(confirmed_at__isnull=False).first()
    if customer is not None:
        for _ in range(count):
            create_submission(customer=customer, notify=False)
