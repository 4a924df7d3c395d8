"""The number of problems, shown on every page to administrators."""

from typing import Any

from django.core.cache import cache

from foundation.checks import Finding, find_problems

COUNT_KEY = "problems:permissions"
# The number may be this old: running every check for each page would cost more than the page.
COUNT_SECONDS = 20


def count_problems(user: Any) -> int:
    """Return how many problems this account can see, as of a few seconds ago."""
    needed = cache.get(COUNT_KEY)
    if needed is None:
        needed = store_count(find_problems())
    return sum(user.has_perm(each) for each in needed)


def store_count(problems: list[Finding]) -> list[str]:
    """Store the permission that each problem needs, and return them."""
    needed = [each.check.permission for each in problems]
    cache.set(COUNT_KEY, needed, COUNT_SECONDS)
    return needed


def forget_count() -> None:
    """Make the next page count again."""
    cache.delete(COUNT_KEY)
