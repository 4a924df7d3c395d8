"""A one-page report as a PDF, drawn in code so that the demo needs no file."""

import io

from PIL import Image, ImageDraw, ImageFont

A4_AT_100_DPI = (827, 1169)
LINES = (
    "Transthoracic echocardiogram",
    "",
    "Left ventricle: normal size and wall thickness.",
    "Systolic function: preserved, no regional wall motion abnormality.",
    "Valves: no significant stenosis or regurgitation seen.",
    "Pericardium: no effusion.",
    "",
    "Compared with the earlier examination: no change.",
    "",
    "Demonstration only. Not a medical report.",
)


def draw_report() -> bytes:
    """Return the PDF."""
    page = Image.new("RGB", A4_AT_100_DPI, "white")
    draw = ImageDraw.Draw(page)
    title, text = ImageFont.load_default(30), ImageFont.load_default(18)
    draw.text((80, 90), LINES[0], fill="#12344d", font=title)
    draw.line((80, 140, 747, 140), fill="#12344d", width=2)
    for number, line in enumerate(LINES[1:]):
        draw.text((80, 170 + number * 32), line, fill="#222222", font=text)
    output = io.BytesIO()
    page.save(output, "PDF", resolution=100)
    return output.getvalue()
