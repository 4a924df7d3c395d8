"""Render PDF pages as pictures, because browsers show no PDF under the security policy of private files."""

from pathlib import Path

import pypdfium2 as pdfium

from exams.decoding.facts import QUALITY, Facts, Unreadable, require_size

# The width of an A4 page at 150 dots an inch.
PAGE_PIXELS = 1240
# Readers download longer documents.
MOST_PAGES = 20


def decode(*, source: Path, folder: Path) -> Facts:
    """Write page-1.jpg and so on, at most twenty, and return the number of pages; raises Unreadable."""
    try:
        with pdfium.PdfDocument(source) as document:
            count = len(document)
            for number in range(min(count, MOST_PAGES)):
                _write_page(document[number], folder / f"page-{number + 1}.jpg")
    except (pdfium.PdfiumError, OSError, ValueError, MemoryError) as error:
        raise Unreadable(f"The document cannot be read ({type(error).__name__}).") from error
    if not count:
        raise Unreadable("The document has no pages.")
    return {"page_count": count}


def _write_page(page: pdfium.PdfPage, target: Path) -> None:
    width, height = page.get_size()
    if min(width, height) <= 0:
        raise Unreadable("A page has no size.")
    scale = PAGE_PIXELS / width
    require_size(round(width * scale), round(height * scale))
    page.render(scale=scale).to_pil().convert("RGB").save(target, format="JPEG", quality=QUALITY)
