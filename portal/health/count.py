"""The number of problems, which every page of an administrator shows."""

from typing import Any

from django.core.cache import cache

from foundation.checks import Finding, find_problems

COUNT_KEY = "problems:permissions"
# The number in the navigation may be this old: every check on each page would cost more than the page.
COUNT_SECONDS = 20


def count_problems(user: Any) -> int:
    """Return how many problems there are for this account, or were a moment ago."""
    needed = cache.get(COUNT_KEY)
    if needed is None:
        needed = keep_count(find_problems())
    return sum(user.has_perm(each) for each in needed)


def keep_count(problems: list[Finding]) -> list[str]:
    """Remember how many there are; return the permission that each needs."""
    needed = [each.check.permission for each in problems]
    cache.set(COUNT_KEY, needed, COUNT_SECONDS)
    return needed


def forget_count() -> None:
    """Have the next page count again."""
    cache.delete(COUNT_KEY)
