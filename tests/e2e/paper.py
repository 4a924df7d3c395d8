"""A report to send: a PDF of one page."""

import secrets
from pathlib import Path

from PIL import Image


def write_pdf(path: Path) -> Path:
    """Write a PDF with unique content, and return its path."""
    colour = tuple(secrets.token_bytes(3))
    Image.new("RGB", (300, 420), colour).save(path, "PDF")  # type: ignore[arg-type]
    return path
