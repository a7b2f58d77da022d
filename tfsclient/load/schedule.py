"""When the calls of an open loop are to be sent; the same each time for the same load."""

from __future__ import annotations

import numpy as np

from tfsclient.load.interface import Floats, Load


def arrival_times(load: Load) -> Floats:
    """The times at which a share of a load is sent, from the beginning of the warm-up.

    The shares of a load are every so manieth of its times: together, several senders send exactly
    what one would.
    """
    assert load.rate is not None
    length = load.warmup + load.seconds
    if load.arrivals == "even":
        times = np.arange(np.ceil(length * load.rate - 1e-9)) / load.rate
    else:
        times = _poisson(load.rate, length, load.seed)
    share, shares = load.share
    return times[share::shares]


def _poisson(rate: float, length: float, seed: int) -> Floats:
    random = np.random.default_rng(seed)
    times = np.zeros(0)
    last = 0.0
    while last < length:
        gaps = random.exponential(1 / rate, max(16, int((length - last) * rate * 1.1)))
        more = last + np.cumsum(gaps)
        times, last = np.concatenate([times, more]), float(more[-1])
    return times[times < length]


def callers(load: Load) -> int:
    """How many of the callers of a closed loop are of this share."""
    assert load.concurrency is not None
    share, shares = load.share
    return (load.concurrency + shares - 1 - share) // shares
