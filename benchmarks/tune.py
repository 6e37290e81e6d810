"""Find the learning rates of settings.py, on 50,000 digits with the other 10,000 training digits.

With --goal: batch sizes and learning rates by the epochs they need to the goal on the test digits,
in the orders that benchmarks.from_start uses.
"""

from __future__ import annotations

import argparse
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.contestants.jax_ import Form, logits, make_epoch, tree
from benchmarks.data import Array, Digits, first_weights, order
from benchmarks.settings import BATCHES, EPOCHS, GOAL, SEED, SIZES
from benchmarks.tasks import Task

RATES = {
    1: (0.02, 0.03, 0.05, 0.1),
    10: (0.1, 0.2, 0.3, 0.5),
    32: (0.2, 0.3, 0.5, 1.0),
    256: (0.5, 1.0, 2.0, 3.0),
}
N_HELD_OUT = 10_000
N_SEEDS = 3
GOAL_BATCHES = (32, 50, 80, 100, 150)
GOAL_RATES = (0.5, 0.7, 0.9, 1.1, 1.4)


def accuracies(
    learn: tuple[Array, Array],
    check: tuple[Array, Array],
    batch: int,
    learning_rate: float,
    orders: list[Array],
    seed: int,
) -> list[float]:
    """Accuracy on the digits of `check` after each epoch of learning in the given orders."""
    X, y = (jnp.asarray(array) for array in learn)
    task = Task("tune", SIZES, "sigmoid", "sgd", batch, learning_rate)
    params: Any = tree(first_weights(SIZES, seed))
    epoch = jax.jit(make_epoch(params, Form(), task), donate_argnums=0)
    right = jax.jit(lambda params, X, y: (logits(params, X, task).argmax(1) == y).mean())
    Y = jax.nn.one_hot(y, SIZES[-1])
    found = []
    for rows in orders:
        params = epoch(params, jnp.asarray(rows.astype(np.int32)), X, Y)
        found.append(float(right(params, *check)))
    return found


def main() -> None:
    """Print a line for each batch size and learning rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--goal", action="store_true")
    chosen = parser.parse_args()
    digits = Digits()
    y, X = digits.y, digits.scaled()
    if chosen.goal:
        check = digits.X_test.astype(np.float32) / np.float32(255), digits.y_test
        # Row e of benchmarks.from_start: the order of epoch 0 of seed e.
        orders = [tongtou_order(seed, len(y)) for seed in range(4)]
        for batch in GOAL_BATCHES:
            for rate in GOAL_RATES:
                found = accuracies((X, y), check, batch, rate, orders, SEED)
                reached = [nth for nth, value in enumerate(found, start=1) if value >= GOAL]
                print(batch, rate, reached[:1] or "-", [f"{value:.2%}" for value in found])
        return
    n = len(y) - N_HELD_OUT
    learn, check = (X[:n], y[:n]), (X[n:], y[n:])
    for batch in BATCHES:
        orders = [order(epoch, n) for epoch in range(EPOCHS[batch])]
        for rate in RATES[batch]:
            last = [
                accuracies(learn, check, batch, rate, orders, seed)[-1] for seed in range(N_SEEDS)
            ]
            print(batch, rate, f"mean {np.mean(last):.2%}, worst {min(last):.2%}")


def tongtou_order(seed: int, n: int) -> Array:
    """The order of epoch 0 of a seed."""
    from tongtou.randomness import order as of_seed

    return of_seed(seed, 0, n)


if __name__ == "__main__":
    main()
