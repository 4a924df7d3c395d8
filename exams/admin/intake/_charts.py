"""Bar charts by day, drawn by a template without a script; a table beside them has the same data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

# All in pixels: the drawing area, a bar, the distance between bars, and the margin for the scale.
HEIGHT = 120
BAR = 18
STEP = 24
LEFT = 44
BASE = HEIGHT + 10


@dataclass(frozen=True)
class Bar:
    """One bar, or one part of a stacked bar."""

    kind: str
    x: int
    y: float
    height: float
    title: str


@dataclass(frozen=True)
class Chart:
    """A chart with its bars, the labels of days and the highest value."""

    bars: tuple[Bar, ...]
    labels: tuple[tuple[int, str], ...]
    top: str
    width: int
    height: int = BASE + 28
    base: int = BASE
    left: int = LEFT
    bar: int = BAR


Series = tuple[str, str, Callable[[Any], float]]


def stack(days: Sequence[Any], series: Sequence[Series], *, unit: Callable[[float], str]) -> Chart:
    """Return a chart with the series stacked."""
    highest = max((sum(read(day) for _, _, read in series) for day in days), default=0)
    return _chart(days, series, unit=unit, highest=highest)


def overlay(days: Sequence[Any], series: Sequence[Series], *, unit: Callable[[float], str]) -> Chart:
    """Return a chart in which each series starts at the base, the first one behind the others."""
    highest = max((read(day) for day in days for _, _, read in series), default=0)
    return _chart(days, series, unit=unit, highest=highest, is_stacked=False)


def _chart(
    days: Sequence[Any],
    series: Sequence[Series],
    *,
    unit: Callable[[float], str],
    highest: float,
    is_stacked: bool = True,
) -> Chart:
    bars: list[Bar] = []
    scale = HEIGHT / highest if highest else 0
    for place, day in enumerate(days):
        y = float(BASE)
        for kind, name, read in series:
            height = round(read(day) * scale, 1)
            top = (y if is_stacked else BASE) - height
            if height:
                title = f"{day.day:%d %b %Y}: {unit(read(day))} {name}"
                bars.append(Bar(kind, LEFT + place * STEP, round(top, 1), height, title))
            y = top
    # Labels of every day of a month would overlap.
    every = max(1, len(days) // 8)
    shown = [(place, day) for place, day in enumerate(days) if not place % every]
    labels = [(LEFT + place * STEP, f"{day.day:%d %b}") for place, day in shown]
    return Chart(tuple(bars), tuple(labels), unit(highest), LEFT + max(len(days), 4) * STEP + 24)
