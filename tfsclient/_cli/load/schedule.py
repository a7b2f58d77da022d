"""When the calls of an open loop are to be sent; the same each time for the same load."""

from __future__ import annotations

import math

import numpy as np

from tfsclient._cli.load.interface import Floats, Load


def arrival_times(load: Load) -> Floats:
    """The times at which a share of a load is sent, from the beginning of the warm-up.

    The shares of a load are every so manieth of its times: together, several senders send exactly
    what one would.
    """
    assert load.rate is not None
    if load.arrivals == "even":
        times = np.arange(_count(load.rate, load.warmup + load.seconds)) / load.rate
    else:
        times = _poisson(load, load.rate)
    share, shares = load.share
    return times[share::shares]


def _poisson(load: Load, rate: float) -> Floats:
    """Arrivals that are independent of each other, and as many as the rate says.

    How many there are would be chance, too, and a rate of 50 at one time 47 and at another 53.  Of
    a Poisson process whose count is known, every arrival is anywhere with the same probability.
    """
    random = np.random.default_rng(load.seed)
    before = random.uniform(0, load.warmup, _count(rate, load.warmup))
    measured = random.uniform(0, load.seconds, _count(rate, load.seconds))
    return np.concatenate([np.sort(before), load.warmup + np.sort(measured)])


def _count(rate: float, seconds: float) -> int:
    return math.ceil(round(rate * seconds, 6))


def callers(load: Load) -> int:
    """How many of the callers of a closed loop are of this share."""
    assert load.concurrency is not None
    share, shares = load.share
    return (load.concurrency + shares - 1 - share) // shares
