"""Captures are known by where their links point: links are signed anew each time, their path stays."""

import hashlib
from collections import Counter
from urllib.parse import urlsplit

from integrations.clarius import DownloadData


def capture_links(data: DownloadData) -> dict[str, str]:
    """Return each link under a key that outlives its signature: its path, counted where repeated."""
    seen: Counter[str] = Counter()
    links: dict[str, str] = {}
    for each in data.captures:
        digest = hashlib.sha256(_path(each.url).encode("utf-8", "replace")).hexdigest()
        seen[digest] += 1
        links[f"{digest}:{seen[digest]}"] = each.url
    return links


def _path(url: str) -> str:
    if "://" not in url:
        return url
    try:
        return urlsplit(url.replace("\\", "/")).path
    except ValueError:
        # Nobody can call it, but it must not keep the others from being fetched.
        return url.partition("?")[0]
