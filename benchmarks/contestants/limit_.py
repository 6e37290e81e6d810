"""The machine's limit, timed like a contestant: limit.cpp compiled and fed packed digits."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from mmap import MADV_HUGEPAGE, MAP_ANONYMOUS, MAP_PRIVATE, mmap
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import Array, Data, Parameters, order
from benchmarks.tasks import Task

SOURCE = Path(__file__).parent.parent / "limit.cpp"
_HUGE_PAGE = 2**21


def compile_limit(flags: list[str]) -> ctypes.CDLL:
    """Compile limit.cpp with the system's compiler into a folder that is gone afterwards."""
    compiler = shlex.split(os.environ.get("CXX", "")) or [
        shutil.which("g++") or shutil.which("clang++") or "c++"
    ]
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "limit.so"
        subprocess.run(
            [*compiler, "-O3", *flags, "-shared", "-fPIC", "-o", library, SOURCE], check=True
        )
        return ctypes.CDLL(str(library))


def zeros(n_bytes: int) -> Array:
    """Bytes on huge pages where the system has them, so that address translation is no limit."""
    size = (n_bytes // _HUGE_PAGE + 2) * _HUGE_PAGE
    memory = mmap(-1, size, flags=MAP_PRIVATE | MAP_ANONYMOUS)
    memory.madvise(MADV_HUGEPAGE)
    array = np.frombuffer(memory, np.uint8)
    skip = -array.ctypes.data % _HUGE_PAGE
    return array[skip : skip + n_bytes]


def pack(X: Array) -> tuple[Array, Array]:
    """(offset8, n_quads) of every sample, and the bytes they point into: see limit.cpp."""
    count = np.count_nonzero(X, axis=1)
    quads = (count + 3) // 4
    n_eights = (12 * quads + 7) // 8
    offset8 = np.cumsum(n_eights) - n_eights
    packed = zeros(8 * int(n_eights.sum()) + 16)
    for first in range(0, len(X), 5000):  # in pieces: np.nonzero takes 16 bytes a pixel
        row, pixel = np.nonzero(X[first : first + 5000])
        row += first
        starts = np.cumsum(count[first : first + 5000]) - count[first : first + 5000]
        nth = np.arange(len(row)) - starts[row - first]
        at = 8 * offset8[row]
        packed[at + 2 * nth] = 64 * pixel & 255
        packed[at + 2 * nth + 1] = 64 * pixel >> 8
        packed[at + 8 * quads[row] + nth] = X[row, pixel]
    return np.stack([offset8, quads], axis=1).astype(np.uint32), packed


def aligned(n_rows: int) -> Array:
    """Float rows of 16, 64-byte aligned."""
    memory = np.zeros(16 * n_rows + 16, np.float32)
    skip = -memory.ctypes.data % 64 // 4
    return memory[skip : skip + 16 * n_rows].reshape(n_rows, 16)


class Limit:
    """The two sparse loops compiled for this processor."""

    flags: tuple[str, ...] = ("-march=native",)

    def __init__(self, data: Data, task: Task, threads: int) -> None:
        self.data, self.task = data, task
        self.facts: dict[str, Any] = {"flags": " ".join(("-O3", *self.flags)), "threads": threads}

    def prepare(self) -> None:
        """Compile, pack."""
        self.epoch = compile_limit(list(self.flags)).limit_epoch
        self.epoch.restype = None
        self.samples, self.bytes = pack(self.data.X)
        self.facts["n_nonzero"] = int(np.count_nonzero(self.data.X))
        self.W, self.Z = aligned(self.task.sizes[0]), aligned(self.task.batch)

    def train(self, first: Parameters, n_epochs: int, n: int) -> list[float]:
        """Run the two loops over all digits; return the seconds of each epoch."""
        self.W[...] = first[0][0].T
        seconds = []
        for epoch in range(n_epochs):
            arrays = (self.W, self.samples, self.bytes, rows := order(epoch, n))
            pointers = [ctypes.c_void_p(array.ctypes.data) for array in arrays]
            sizes = ctypes.c_int64(len(rows)), ctypes.c_int64(self.task.batch)
            scratch = ctypes.c_void_p(self.Z.ctypes.data)
            start = time.perf_counter()
            self.epoch(*pointers, *sizes, scratch)
            seconds.append(time.perf_counter() - start)
        if not np.isfinite(self.W).all():
            raise ArithmeticError("the limit's loops left the finite numbers; they are wrong")
        return seconds

    def parameters(self) -> None:
        """Nothing is learnt."""

    def predictor(self, parameters: Parameters, X: Array) -> Callable[[], object]:
        """There is no prediction."""
        raise NotImplementedError


class LimitAvx2(Limit):
    """The same, held to AVX2."""

    flags = ("-mavx2", "-mfma")
