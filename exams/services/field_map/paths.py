"""Paths into a JSON answer: names joined by dots, [0] for an element, [] for each element."""

import re
from typing import Any

# None stands for each element of a list.
Step = str | int | None

_STEP = re.compile(r"\.?([^.\[\]]{1,100})|\[(\d{0,4})\]")
# More steps than any answer is deep.
LONGEST = 20


class InvalidPath(ValueError):
    """The text is not a path; the message says why."""


def parse_path(text: str) -> tuple[Step, ...]:
    """Return the steps of a path such as `exam.images[0].label`; raises InvalidPath."""
    steps: list[Step] = []
    place = 0
    while place < len(text):
        match = _STEP.match(text, place)
        # A name follows a dot, except the first; a dot is always followed by a name.
        if match is None or (match[1] is not None and (text[place] == ".") != bool(steps)):
            raise InvalidPath("Write names joined by dots, and [0] for the first element of a list.")
        steps.append(match[1] or (int(match[2]) if match[2] else None))
        place = match.end()
    if not steps or len(steps) > LONGEST or not isinstance(steps[0], str):
        raise InvalidPath("A path begins with a name and has at most 20 steps.")
    return tuple(steps)


def find_value(data: Any, steps: tuple[Step, ...]) -> Any:
    """Return the value at a path without [], or None."""
    for step in steps:
        if isinstance(step, str) and isinstance(data, dict):
            data = data.get(step)
        elif isinstance(step, int) and isinstance(data, list) and step < len(data):
            data = data[step]
        else:
            return None
    return data


def remove_value(data: Any, steps: tuple[Step, ...]) -> None:
    """Remove the value at a path from `data`, if there is one."""
    if None in steps:
        place = steps.index(None)
        elements = find_value(data, steps[:place])
        for each in elements if isinstance(elements, list) else []:
            remove_value(each, steps[place + 1 :])
        return
    parent = find_value(data, steps[:-1]) if steps else None
    last = steps[-1] if steps else None
    if isinstance(parent, dict) and isinstance(last, str):
        parent.pop(last, None)
    elif isinstance(parent, list) and isinstance(last, int) and last < len(parent):
        # Set to None rather than removed, so that the other elements keep their numbers.
        parent[last] = None
