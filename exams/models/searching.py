"""Read what people type into the search of the worklist."""

import re
from datetime import date

from exams.models.names import folded

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]*\.?"
_DATES = [
    re.compile(rf"(?<![^\s,;]){form}(?![^\s,;])")
    for form in (
        r"(?P<year>\d{4})[-./](?P<month>\d{1,2})[-./](?P<day>\d{1,2})",
        r"(?P<day>\d{1,2})[-./](?P<month>\d{1,2})[-./](?P<year>\d{4})",
        rf"(?P<day>\d{{1,2}})\.?[ -]{_MONTH}[ -](?P<year>\d{{4}})",
        rf"{_MONTH} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})",
    )
]


def read_words(text: str) -> list[list[str]]:
    """Return each word or date of a search, folded, as a list of the forms in which it may be stored."""
    rest = folded(text)
    found: list[list[str]] = []
    for form in _DATES:
        for match in list(form.finditer(rest)):
            found.append([match[0], *_days(match)])
        rest = form.sub(" ", rest)
    return found + [[word] for word in re.split(r"[\s,;^=]+", rest) if word]


def _days(match: re.Match[str]) -> list[str]:
    month = _MONTHS.index(match["month"]) + 1 if match["month"].isalpha() else int(match["month"])
    pairs = [(month, int(match["day"]))]
    if "/" in match[0] and not match[0].startswith(match["year"]):
        # 03/07/1961 is July in one country and March in another.
        pairs.append((int(match["day"]), month))
    days = []
    for each_month, each_day in pairs:
        try:
            days.append(date(int(match["year"]), each_month, each_day).isoformat())
        except ValueError:
            continue
    return list(dict.fromkeys(days))
