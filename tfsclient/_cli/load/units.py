"""Numbers for people."""

from __future__ import annotations

import math


def milliseconds(seconds: float | None) -> str:
    """A time with three digits that count; "-" where there is none."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    value = seconds * 1e3
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def share(value: float) -> str:
    """A share in percent; it is 0% for nothing, and 100% for all, only."""
    percent = value * 100
    if 99.5 <= percent < 100:
        return f"{min(percent, 99.99):.2f}%"
    return f"{percent:.0f}%" if percent >= 9.95 or percent == 0 else f"{percent:.2g}%"


def number(value: float) -> str:
    """A rate with three digits that count, at least."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
