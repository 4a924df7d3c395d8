"""Detect a file's type from its bytes, because names and headers that came with it are only claims."""

import re
from collections.abc import Callable
from typing import BinaryIO

JPEG, PNG, MP4, PDF = "image/jpeg", "image/png", "video/mp4", "application/pdf"
MARKUP, UNKNOWN = "text/html", "application/octet-stream"
# Types that are shown inside a page; all others are sent as attachments.
INLINE = frozenset({JPEG, PNG, MP4})
# Enough for every signature below; DICOM's begins at byte 128.
HEAD_BYTES = 1024
# Enough for every end mark below.
TAIL_BYTES = 64
# Far more boxes than a real video has.
MOST_BOXES = 100_000

_MP4_BRANDS = re.compile(rb"isom|iso[2-9]|mp4[12]|avc1|M4V |dash|qt  |mmp4|MSNV")
_MARKUP = re.compile(rb"\s*(<!doctype|<html|<head|<body|<script|<\?xml|<svg|<!--|<error)", re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"
PNG_SIGN = b"\x89PNG\r\n\x1a\n"

_SIGNS: tuple[tuple[str, Callable[[bytes], bool]], ...] = (
    (JPEG, lambda head: head.startswith(b"\xff\xd8\xff")),
    (PNG, lambda head: head.startswith(PNG_SIGN)),
    (MP4, lambda head: head[4:8] == b"ftyp" and bool(_MP4_BRANDS.search(head[8:64]))),
    ("application/dicom", lambda head: head[128:132] == b"DICM"),
    ("image/gif", lambda head: head.startswith((b"GIF87a", b"GIF89a"))),
    ("image/webp", lambda head: head.startswith(b"RIFF") and head[8:12] == b"WEBP"),
    ("image/bmp", lambda head: head.startswith(b"BM") and head[6:10] == b"\0\0\0\0"),
    ("image/tiff", lambda head: head.startswith((b"II*\0", b"MM\0*"))),
    ("application/zip", lambda head: head.startswith(b"PK\x03\x04")),
    (MARKUP, lambda head: bool(_MARKUP.match(head.removeprefix(_BOM)))),
    # As every reader of PDF does: some programs write a line before its beginning.
    (PDF, lambda head: b"%PDF-" in head),
)

# What a report may be: types that Clarius Cloud can show, each with the endings of its names;
# the first one is what its stored name ends in.
REPORT_TYPES = {
    PDF: (".pdf",),
    JPEG: (".jpg", ".jpeg", ".jfif", ".jpe"),
    PNG: (".png",),
}


def is_playable(*, codec: str, colour_model: str) -> bool:
    """Tell whether every browser plays an MP4 with this codec and pixel format."""
    return codec == "h264" and colour_model in {"yuv420p", "yuvj420p"}


def media_type_of(head: bytes) -> str:
    """Return the media type of a file that begins with `head` (its first 1,024 bytes)."""
    return next((name for name, matches in _SIGNS if matches(head)), UNKNOWN)


def is_whole(file: BinaryIO, *, media_type: str, size: int) -> bool:
    """Return whether a file of unconfirmed length is complete, as far as its format shows."""
    if media_type == MP4:
        return _has_all_boxes(file, size=size)
    file.seek(max(0, size - TAIL_BYTES))
    return _ends_properly(media_type=media_type, tail=file.read(TAIL_BYTES))


def _has_all_boxes(file: BinaryIO, *, size: int) -> bool:
    """Follow the boxes of an MP4: each states its length, and the last one must end with the file."""
    at = 0
    kinds: list[bytes] = []
    while at < size and len(kinds) < MOST_BOXES:
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if len(head) < 8 or length < 8:
            # A length of 0 means "up to the end of the file", which proves nothing.
            return False
        kinds.append(head[4:8])
        at += length
    if b"moof" in kinds and kinds[-1] != b"mfra":
        # Fragments without the index that ends them: the file may have been cut between two of them.
        return False
    return at == size and {b"moov", b"mdat"} <= set(kinds)


def _ends_properly(*, media_type: str, tail: bytes) -> bool:
    if media_type == JPEG:
        return tail.rstrip(b"\0").endswith(b"\xff\xd9")
    if media_type == PNG:
        return tail.endswith(b"IEND\xaeB`\x82")
    if media_type == PDF:
        return b"%%EOF" in tail
    return False
