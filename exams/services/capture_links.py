"""Identify captures by the paths of their links, which stay the same while the signatures change."""

import hashlib
from collections import Counter
from urllib.parse import urlsplit

from integrations.clarius import DownloadData


def capture_links(data: DownloadData) -> dict[str, str]:
    """Return each link by a key that outlives its signature: the hash of its path, with a counter."""
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
        # This link cannot be fetched, but it must not prevent the others from being fetched.
        return url.partition("?")[0]
