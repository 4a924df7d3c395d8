"""PDF documents as pictures of their pages: browsers show no PDF under the policy of private files."""

from pathlib import Path

import pypdfium2 as pdfium

from exams.decoding.facts import QUALITY, Facts, Unreadable, require_size

PAGE_PIXELS = 1240
MOST_PAGES = 20


def decode(*, source: Path, folder: Path) -> Facts:
    """Write page-1.jpg and so on, at most twenty, and return how many pages there are; raises Unreadable."""
    try:
        with pdfium.PdfDocument(source) as document:
            count = len(document)
            for number in range(min(count, MOST_PAGES)):
                _write(document[number], folder / f"page-{number + 1}.jpg")
    except (pdfium.PdfiumError, OSError, ValueError, MemoryError) as error:
        raise Unreadable(f"The document cannot be read ({type(error).__name__}).") from error
    if not count:
        raise Unreadable("The document has no pages.")
    return {"page_count": count}


def _write(page: pdfium.PdfPage, target: Path) -> None:
    width, height = page.get_size()
    if min(width, height) <= 0:
        raise Unreadable("A page has no size.")
    scale = PAGE_PIXELS / width
    require_size(round(width * scale), round(height * scale))
    page.render(scale=scale).to_pil().convert("RGB").save(target, format="JPEG", quality=QUALITY)
