"""How many threads serve a contestant best: tried, not assumed."""

from __future__ import annotations

import time
from collections.abc import Callable

from threadpoolctl import threadpool_limits

from benchmarks.settings import usable_cores


def limit_blas(n_threads: int) -> object:
    """Let the BLAS libraries of this process use so many threads."""
    return threadpool_limits(n_threads, user_api="blas")


def choose_threads(probe: Callable[[], object], limit: Callable[[int], object] = limit_blas) -> int:
    """Time the probe twice with one thread, half the cores and all; set and return the fastest."""
    times: dict[int, float] = {}
    cores = usable_cores()
    for n_threads in sorted({1, max(1, cores // 2), cores}) * 2:
        limit(n_threads)
        start = time.perf_counter()
        probe()
        spent = time.perf_counter() - start
        times[n_threads] = min(spent, times.get(n_threads, spent))
    fastest = min(times, key=lambda count: times[count])
    limit(fastest)
    return fastest
