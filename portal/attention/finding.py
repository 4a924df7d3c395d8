"""Every problem there is, worst first; and their number, which every page of an administrator shows."""

from django.core.cache import cache

from portal.attention.machine import find_machine_problems
from portal.attention.problem import Problem
from portal.attention.services import find_service_problems
from portal.attention.work import find_work_problems

COUNT_KEY = "attention:count"
# The number in the navigation may be this old: counting anew for each page would cost more than the page.
COUNT_SECONDS = 20


def list_problems() -> list[Problem]:
    """Return what needs a person, what stops everything first."""
    problems = [*find_machine_problems(), *find_service_problems(), *find_work_problems()]
    cache.set(COUNT_KEY, len(problems), COUNT_SECONDS)
    return sorted(problems, key=lambda each: each.tone != "bad")


def count_problems() -> int:
    """Return how many problems there are, or were a moment ago."""
    known = cache.get(COUNT_KEY)
    return len(list_problems()) if known is None else int(known)
