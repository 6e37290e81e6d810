"""What is trained and how, alike for every contestant.

Learning rates come from `python -m benchmarks.tune`, which never looks at the test digits.
"""

from __future__ import annotations

from typing import Final

SIZES: Final = (784, 16, 16, 10)
BATCHES: Final = (1, 10, 32, 256)
EPOCHS: Final = {1: 1, 10: 3, 32: 3, 256: 5}
"""Epochs of one run by batch size; accuracies are compared after them."""
LEARNING_RATES: Final = {1: 0.05, 10: 0.2, 32: 0.3, 256: 1.0}
SEED: Final = 0

FROM_START: Final = {
    "tongtou": (10, 0.2),
    "jax": (32, 0.5),
    "torch": (32, 0.5),
    "sklearn": (32, 0.5),
    "numpy": (32, 0.5),
}
"""Batch size and learning rate with which each contestant reaches the goal soonest."""
GOAL: Final = 0.94
"""Test accuracy that ends a run from process start."""

SATURATED_MEDIAN: Final = 100.0
"""Median |z| of each hidden layer in the saturated run: σ(-100) is a denormal float32."""
QUIET_CORES: Final = 0.1
"""A turn during which others used more of a core than this is repeated."""
