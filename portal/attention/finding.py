"""Every problem there is, worst first; and their number, which every page of an administrator shows."""

from typing import Any

from django.core.cache import cache

from portal.attention.customers import find_customer_problems
from portal.attention.machine import find_machine_problems
from portal.attention.problem import Problem
from portal.attention.services import find_service_problems
from portal.attention.work import find_work_problems

COUNT_KEY = "attention:needed"
# The number in the navigation may be this old: counting anew for each page would cost more than the page.
COUNT_SECONDS = 20


def list_problems() -> list[Problem]:
    """Return what needs a person, what stops everything first."""
    problems = [
        *find_machine_problems(),
        *find_service_problems(),
        *find_customer_problems(),
        *find_work_problems(),
    ]
    cache.set(COUNT_KEY, [each.permission for each in problems], COUNT_SECONDS)
    return sorted(problems, key=lambda each: each.tone != "bad")


def problems_for(user: Any) -> list[Problem]:
    """Return the problems whose page this account may open."""
    return [each for each in list_problems() if user.has_perm(each.permission)]


def count_problems(user: Any) -> int:
    """Return how many problems there are for this account, or were a moment ago."""
    needed = cache.get(COUNT_KEY)
    if needed is None:
        needed = [each.permission for each in list_problems()]
    return sum(user.has_perm(each) for each in needed)


def forget_count() -> None:
    """Have the next page count anew."""
    cache.delete(COUNT_KEY)
