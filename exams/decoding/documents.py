"""Render PDF pages as pictures, because browsers show no PDF under the security policy of private files."""

import re
from pathlib import Path

import pypdfium2 as pdfium
from PIL import Image, ImageDraw
from pypdfium2.raw import FPDF_ERR_PASSWORD

from exams.decoding import Problem
from exams.decoding.facts import QUALITY, Facts, Unreadable

# The width of an A4 page at 150 dots an inch.
PAGE_PIXELS = 1240
# A longer page is drawn smaller, so that it cannot use up the memory for the others.
LONGEST_PAGE_PIXELS = 20_000
# Readers download longer documents.
MOST_PAGES = 20
LETTER_PIXELS = 30
_COUNT_OF_NONE = re.compile(rb"/Count\s+0\b")
_PAGE = re.compile(rb"/Type\s*/Page\b")


def decode(*, source: Path, folder: Path) -> Facts:
    """Write page-1.jpg and so on, at most twenty, and return how many there are and which cannot be shown.

    Raises Unreadable.
    """
    try:
        with pdfium.PdfDocument(source) as document:
            # Otherwise what somebody filled in would be missing on the pictures.
            document.init_forms()
            count = len(document)
            hidden = [
                number
                for number in range(1, min(count, MOST_PAGES) + 1)
                if not _write_page(document, number, folder / f"page-{number}.jpg")
            ]
    except pdfium.PdfiumError as error:
        raise Unreadable(_problem_of(error, source), error) from error
    except (OSError, ValueError, MemoryError) as error:
        raise Unreadable(Problem.UNREADABLE, error) from error
    return {"page_count": count, "hidden_pages": hidden}


def _problem_of(error: pdfium.PdfiumError, source: Path) -> Problem:
    if error.err_code == FPDF_ERR_PASSWORD:
        return Problem.ENCRYPTED
    # The library refuses a document without pages as if it were damaged.
    data = source.read_bytes()
    is_empty = _COUNT_OF_NONE.search(data) and not _PAGE.search(data)
    return Problem.NO_PAGES if is_empty else Problem.UNREADABLE


def _write_page(document: pdfium.PdfDocument, number: int, target: Path) -> bool:
    """Write the picture of a page, or of a sentence that it cannot be shown; return whether it is shown."""
    try:
        picture, is_shown = _draw_page(document[number - 1]), True
    except (pdfium.PdfiumError, ValueError, MemoryError, ZeroDivisionError, OverflowError):
        picture, is_shown = _say_that_it_is_hidden(number), False
    picture.save(target, format="JPEG", quality=QUALITY)
    return is_shown


def _draw_page(page: pdfium.PdfPage) -> Image.Image:
    width, height = page.get_size()
    scale = min(PAGE_PIXELS / width, LONGEST_PAGE_PIXELS / height)
    bitmap = page.render(scale=scale, may_draw_forms=True)
    return bitmap.to_pil().convert("RGB")


def _say_that_it_is_hidden(number: int) -> Image.Image:
    picture = Image.new("RGB", (PAGE_PIXELS, PAGE_PIXELS // 4), "white")
    sentence = f"Page {number} cannot be shown here. Download the document to read it."
    ImageDraw.Draw(picture).text((60, 120), sentence, fill="black", font_size=LETTER_PIXELS)
    return picture
