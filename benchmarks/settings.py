"""What is trained and how, alike for every contestant.

Learning rates come from `python -m benchmarks.tune`, which never looks at the test digits.
Those from process start, where reaching an accuracy on them is the task, from its option --goal.
"""

from __future__ import annotations

import os
from typing import Final

SIZES: Final = (784, 16, 16, 10)
BATCHES: Final = (1, 10, 32, 256)
EPOCHS: Final = {1: 1, 10: 3, 32: 3, 256: 5}
"""Epochs of one run by batch size; accuracies are compared after them."""
LEARNING_RATES: Final = {1: 0.03, 10: 0.1, 32: 0.3, 256: 3.0}
SEED: Final = 0

FROM_START: Final = (80, 1.1)
"""Batch size and learning rate from process start to the goal: the fastest for every contestant."""
GOAL: Final = 0.94
"""Test accuracy that ends a run from process start."""

SATURATED_MEDIAN: Final = 100.0
"""Median |z| of each hidden layer in the saturated run: sigmoid(-100) is a denormal float32."""
QUIET_CORES: Final = 0.1
"""A turn during which others used more of a core than this is repeated."""


def usable_cores() -> int:
    """Processor cores this process may run on."""
    return len(os.sched_getaffinity(0))
