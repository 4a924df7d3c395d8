"""Identify captures by the paths of their links, which stay the same while the signatures change."""

import hashlib
from collections import Counter
from urllib.parse import urlsplit

from integrations.clarius import DownloadData

NO_LINK = "no-link"


def capture_links(data: DownloadData) -> dict[str, str]:
    """Return each link by a key that outlives its signature: the hash of its path, with a counter.

    An item without a link has the empty link and a key that begins with `NO_LINK`.
    """
    seen: Counter[str] = Counter()
    links: dict[str, str] = {}
    for each in data.captures or ():
        path = _path(each.given or each.url)
        name = hashlib.sha256(path.encode("utf-8", "replace")).hexdigest() if each.url else NO_LINK
        seen[name] += 1
        links[f"{name}:{seen[name]}"] = each.url
    return links


def _path(url: str) -> str:
    if "://" not in url:
        return url.partition("?")[0]
    try:
        return urlsplit(url.replace("\\", "/")).path
    except ValueError:
        # This link cannot be fetched, but it must not prevent the others from being fetched.
        return url.partition("?")[0]
