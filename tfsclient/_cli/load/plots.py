"""Plots as inline SVG: lines over axes with round numbers, in colours that the page defines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

COLOURS: Final = 6  # that the page has, --c0 and so on; later lines begin again, and are dashed
_WIDTH, _HEIGHT = 360, 230  # of the narrowest screen, so that text is never too small
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 38


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a plot.

    Attributes:
        name: for the legend.
        points: x and y of each, from left to right.
        marks: what to say of each; "" for nothing.
    """

    name: str
    points: Sequence[tuple[float, float]]
    marks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis.

    Attributes:
        name: with its unit.
        place: where a value is, on a scale on which equal steps look equal.
        ticks: values to name, with their names; None for round numbers.
    """

    name: str
    place: Callable[[float], float] = float
    ticks: Sequence[tuple[float, str]] | None = None


def plot(
    title: str, x: Axis, y: Axis, lines: Sequence[Line], limit: tuple[float, str] | None = None
) -> str:
    """A figure with a plot and its legend; "" where there is nothing to draw.

    Args:
        title: what it shows.
        x: the axis to the right.
        y: the axis upwards, which begins at 0.
        lines: what to draw.
        limit: a value of y to mark, with its name.
    """
    drawn = [line for line in lines if line.points]
    if not drawn:
        return ""
    xs = [x.place(px) for line in drawn for px, _ in line.points]
    highest = max([py for line in drawn for _, py in line.points] + [limit[0] if limit else 0.0])
    highest = highest or 1.0
    y_ticks = [(value, _number(value)) for value in round_numbers(0, highest)]
    left, right = min(xs), max(xs)
    if left == right:
        left, right = left * 0.5, right * 1.5 or 1.0
    x_ticks = x.ticks
    if x_ticks is None:
        x_ticks = [(value, _number(value)) for value in round_numbers(left, right)]

    def to_x(value: float) -> float:
        return _LEFT + (x.place(value) - left) / (right - left) * (_WIDTH - _LEFT - _RIGHT)

    def to_y(value: float) -> float:
        return _HEIGHT - _BOTTOM - value / (highest * 1.05) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">',
    ]
    bottom = _HEIGHT - _BOTTOM
    for value, name in y_ticks:
        at = to_y(value)
        parts.append(f'<path class="grid" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 5}" y="{at + 4:.1f}" text-anchor="end">{name}</text>')
    for value, name in x_ticks:
        if not left <= x.place(value) <= right:
            continue
        at = to_x(value)
        parts.append(f'<path class="grid" d="M{at:.1f} {_TOP}V{bottom}"/>')
        parts.append(
            f'<text x="{at:.1f}" y="{bottom + 15}" text-anchor="middle">{escape(name)}</text>'
        )
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    parts.append(
        f'<text x="{middle:.0f}" y="{_HEIGHT - 5}" text-anchor="middle">{escape(x.name)}</text>'
    )
    if limit is not None:
        at = to_y(limit[0])
        parts.append(f'<path class="limit" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(
            f'<text class="limit" x="{_WIDTH - _RIGHT}" y="{at - 4:.1f}" text-anchor="end">'
            f"{escape(limit[1])}</text>"
        )
    parts += [_line(number, line, to_x, to_y) for number, line in enumerate(drawn)]
    parts.append("</svg>")
    legend = "".join(
        f'<span class="{_class(n)}"><i></i>{escape(line.name)}</span>'
        for n, line in enumerate(drawn)
    )
    return (
        f"<figure><figcaption>{escape(title)} <small>{escape(y.name)}</small></figcaption>"
        f'{"".join(parts)}<p class="legend">{legend}</p></figure>'
    )


def _class(number: int) -> str:
    return f"c{number % COLOURS}" + (" dashed" if number >= COLOURS else "")


def _line(
    number: int, line: Line, to_x: Callable[[float], float], to_y: Callable[[float], float]
) -> str:
    places = [(to_x(x), to_y(y)) for x, y in line.points]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    dots = ""
    if len(places) <= 30:
        marks = [*line.marks, *[""] * (len(places) - len(line.marks))]
        dots = "".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3">'
            f"<title>{escape(mark or _number(py))}</title></circle>"
            for (x, y), (_, py), mark in zip(places, line.points, marks, strict=True)
        )
    return f'<g class="{_class(number)}"><path class="line" d="M{path}"/>{dots}</g>'


def round_numbers(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers in a range, that many at most."""
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [low]
    step = 10.0 ** math.floor(math.log10(span / most))
    step = next(step * factor for factor in (1, 2, 5, 10, 20) if span / (step * factor) < most)
    first = math.ceil(low / step - 1e-9)
    return [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"
