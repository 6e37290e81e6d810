"""How many BLAS threads serve a contestant best: tried, not assumed."""

from __future__ import annotations

import time
from collections.abc import Callable

from threadpoolctl import threadpool_limits


def choose_threads(probe: Callable[[], object]) -> int:
    """Time the probe with one and with two BLAS threads; set and return the faster number."""
    times: dict[int, float] = {}
    for n_threads in (1, 2, 1, 2):
        threadpool_limits(n_threads, user_api="blas")
        start = time.perf_counter()
        probe()
        spent = time.perf_counter() - start
        times[n_threads] = min(spent, times.get(n_threads, spent))
    fastest = min(times, key=lambda count: times[count])
    threadpool_limits(fastest, user_api="blas")
    return fastest
