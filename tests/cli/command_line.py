"""What calling the command line takes and gives."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


def write_idx(path: Path, array: np.ndarray) -> Path:
    """Write an array of bytes as an IDX file."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.astype(np.uint8).tobytes())
    return path


class Files(NamedTuple):
    """A few digits as IDX files, and as words of the command line."""

    images: Path
    labels: Path
    test_images: Path
    test_labels: Path

    @property
    def words(self) -> list[object]:
        return [
            "--images", self.images, "--labels", self.labels,
            "--test-images", self.test_images, "--test-labels", self.test_labels,
        ]  # fmt: skip

    @property
    def test_words(self) -> list[object]:
        return ["--images", self.test_images, "--labels", self.test_labels]
