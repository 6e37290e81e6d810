"""One contestant from process start to the goal: import, read the digits, train, test, stop.

The whole process is timed from outside. Everybody starts from the same weights and takes the
samples in the same order, laid down beforehand in a file, and tests after each epoch.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.data import Array, first_weights, read_idx
from benchmarks.settings import FROM_START, GOAL, SEED, SIZES
from benchmarks.tasks import Task

N_EPOCHS = 8
"""Without the goal after so many epochs a run counts as failed."""
PARTS = ("train", "t10k")


def digits() -> tuple[Array, Array, Array, Array]:
    """Train and test as the peers need them: float32 pixels in 0 … 1, integer labels."""
    pixels = [read_idx(f"{part}-images-idx3", 16).reshape(-1, SIZES[0]) for part in PARTS]
    labels = [read_idx(f"{part}-labels-idx1", 8).astype(np.int64) for part in PARTS]
    X, X_test = (some.astype(np.float32) for some in pixels)
    for some in (X, X_test):
        some /= np.float32(255)
    return X, labels[0], X_test, labels[1]


def tongtou(task: Task, orders: Array) -> Iterator[float]:
    """Accuracy after each epoch of one run, which its callback ends at the goal."""
    import tongtou as tt
    from benchmarks.contestants.tongtou_ import network, optimizer

    mnist = tt.datasets.mnist()
    net = network(task, first_weights(SIZES))
    accuracies: list[float] = []

    def reached(_: object) -> bool:
        accuracies.append(net.accuracy(mnist.test))
        return accuracies[-1] >= GOAL

    tt.fit(
        net,
        mnist.train,
        optimizer=optimizer(task),
        batch_size=task.batch,
        epochs=len(orders),
        progress=False,
        seed=SEED,
        callback=reached,
    )
    yield from accuracies


def jax(task: Task, orders: Array) -> Iterator[float]:
    """Accuracy after each epoch, which is part of the same jit: one compilation."""
    import jax
    import jax.numpy as jnp

    from benchmarks.contestants.jax_ import Form, logits, make_epoch, tree

    X, y, X_test, y_test = (jnp.asarray(array) for array in digits())
    params = tree(first_weights(SIZES))
    train = make_epoch(params, Form(), task)
    Y = jax.nn.one_hot(y, SIZES[-1])

    @jax.jit
    def epoch(params, rows, X, Y, X_test, y_test):  # type: ignore[no-untyped-def]
        params = train(params, rows, X, Y)
        right = logits(params, X_test, task).argmax(1) == y_test
        return params, right.mean()

    for rows in orders:
        params, accuracy = epoch(params, jnp.asarray(rows), X, Y, X_test, y_test)
        yield float(accuracy)


def torch(task: Task, orders: Array) -> Iterator[float]:
    """Accuracy after each epoch."""
    import torch
    from torch import nn

    X, y, X_test, y_test = (torch.from_numpy(array) for array in digits())
    layers: list[nn.Module] = []
    for W, b in first_weights(SIZES):
        linear = nn.Linear(W.shape[1], W.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W))
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, nn.Sigmoid()]
    net = nn.Sequential(*layers[:-1])
    learnt = list(net.parameters())
    for rows in orders:
        for some in torch.from_numpy(rows.astype(np.int64)).split(task.batch):
            loss = nn.functional.cross_entropy(net(X[some]), y[some])
            gradients = torch.autograd.grad(loss, learnt)
            with torch.no_grad():
                torch._foreach_add_(learnt, gradients, alpha=-task.learning_rate)
        with torch.no_grad():
            yield float((net(X_test).argmax(1) == y_test).float().mean())


def sklearn(task: Task, orders: Array) -> Iterator[float]:
    """Accuracy after each epoch."""
    from benchmarks.contestants.sklearn_ import load, network

    X, y, X_test, y_test = digits()
    net = network(task)
    load(net, first_weights(SIZES))
    taken = np.empty_like(X)
    for rows in orders:
        np.take(X, rows, axis=0, out=taken, mode="clip")
        net.partial_fit(taken, y[rows])
        yield net.score(X_test, y_test)


def numpy(task: Task, orders: Array) -> Iterator[float]:
    """Accuracy after each epoch."""
    from benchmarks.contestants.numpy_ import forward, layers_of, rule_of, step

    X, y, X_test, y_test = digits()
    Y = np.eye(SIZES[-1], dtype=np.float32)[y]
    layers = layers_of(first_weights(SIZES))
    rule = rule_of(task, layers)
    for rows in orders:
        for at in range(0, len(rows), task.batch):
            some = rows[at : at + task.batch]
            step(layers, X[some], Y[some], task.activation, rule)
        yield float(np.mean(forward(layers, X_test, task.activation)[-1].argmax(1) == y_test))


CONTESTANTS: dict[str, Callable[[Task, Array], Iterator[float]]] = {
    "tongtou": tongtou,
    "jax": jax,
    "torch": torch,
    "sklearn": sklearn,
    "numpy": numpy,
}


def main() -> None:
    """Train until the goal; print the accuracy and after how many epochs it was reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contestant", required=True, choices=CONTESTANTS)
    parser.add_argument("--orders", required=True, help=".npy file, one epoch's order a row")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--learning-rate", type=float)
    options = parser.parse_args()
    batch, learning_rate = FROM_START
    batch, learning_rate = options.batch or batch, options.learning_rate or learning_rate
    task = Task("from-start", SIZES, "sigmoid", "sgd", batch, learning_rate)
    accuracies = CONTESTANTS[options.contestant](task, np.load(options.orders))
    epochs, accuracy = 0, 0.0
    for epochs, accuracy in enumerate(accuracies, start=1):  # noqa: B007 (read after the loop)
        if accuracy >= GOAL:
            break
    print(json.dumps({"accuracy": accuracy, "epochs": epochs, "reached": accuracy >= GOAL}))


if __name__ == "__main__":
    main()
