"""``tongtou train``: a network from random numbers to a tested file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tongtou import __version__
from tongtou.datasets import Dataset
from tongtou.errors import DivergedError
from tongtou.history import History
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.optimizers import SGD
from tongtou.terminal import examples, results
from tongtou.terminal.console import INTERRUPTED, UserError, heading, output, say, show, show_json
from tongtou.terminal.findings import Findings, examine
from tongtou.terminal.tables import names_and_values
from tongtou.training import fit

_HELD_OUT_PART = 12
"""One in so many examples is held out, of the embedded 60,000 digits 5,000."""


@dataclass(frozen=True)
class TrainingOrder:
    """What the user asked for; None stands for a default that depends on the rest."""

    hidden: tuple[int, ...]
    activation: str
    output: str | None
    loss: str
    initializer: str
    learning_rate: float | None
    batch_size: int
    epochs: int
    validation: float | None
    seed: int
    threads: int | None
    dtype: str
    images: Path | None
    labels: Path | None
    test_images: Path | None
    test_labels: Path | None
    out: Path
    progress: bool
    as_json: bool


def run(order: TrainingOrder) -> int:
    """Train, test, save and show; return the exit code."""
    _check_place(order.out)
    train, test = examples.training_and_test(
        order.images, order.labels, order.test_images, order.test_labels
    )
    net = _network(order, train)
    optimizer = SGD(learning_rate=order.learning_rate or suggested_rate(net))
    n_held = _n_held(order.validation, len(train))
    if not order.as_json:
        _show_start(order, net, train, n_held, optimizer)
    history = _fit(order, net, train, n_held, optimizer)
    # Saved before anything that could still be interrupted.
    _save(net, order.out)
    findings = examine(net, test) if test else None
    if order.as_json:
        show_json(_document(order, net, history, findings))
    else:
        _show_course(history)
        _show_test(net, test, findings)
        show("")
        say(text("train.saved", file=order.out))
    return INTERRUPTED if history.stopped_by == "interrupted" else 0


def suggested_rate(net: Network) -> float:
    """Return a learning rate that trains such a network on pictures (measured on MNIST).

    The lesson's sigmoid throughout bears large steps; mse is sse over the number of outputs, so
    its steps may be larger by as much.
    """
    if net.loss_function.name == "cross_entropy":
        return 0.1
    if net.layers[-1].activation.name not in ("sigmoid", "softmax"):
        rate = 0.02
    elif all(layer.activation.name == "sigmoid" for layer in net.layers):
        rate = 1.5
    else:
        rate = 0.5
    return rate * net.sizes[-1] if net.loss_function.name == "mse" else rate


def _network(order: TrainingOrder, train: Dataset) -> Network:
    output = order.output or ("softmax" if order.loss == "cross_entropy" else "sigmoid")
    try:
        net = Network(
            [train.X.shape[1], *order.hidden, len(train.classes)],
            activation=order.activation,
            output=output,
            loss=order.loss,
            initializer=order.initializer,
            seed=order.seed,
            dtype=order.dtype,
        )
    except ValueError as error:
        raise UserError(error) from error
    return net


def _n_held(validation: float | None, n: int) -> int:
    if validation is None:
        return n // _HELD_OUT_PART
    n_held = int(validation) if validation >= 1 else round(validation * n)
    if n_held >= n:
        raise UserError(text("error.validation", n=f"{n:,}", n_held=f"{n_held:,}"))
    return n_held


def _fit(
    order: TrainingOrder, net: Network, train: Dataset, n_held: int, optimizer: SGD
) -> History:
    try:
        return fit(
            net,
            train,
            optimizer=optimizer,
            batch_size=order.batch_size,
            epochs=order.epochs,
            validation=n_held or None,
            threads=order.threads,
            progress=None if order.progress else False,
            seed=order.seed,
        )
    except DivergedError as error:
        raise UserError(
            text("error.diverged", rate=f"{optimizer.learning_rate:g}", file=order.out)
        ) from error


def _check_place(path: Path) -> None:
    """Refuse a place that cannot be written to before the work rather than after it."""
    folder = path.parent
    if path.is_dir():
        raise UserError(text("error.is_folder", file=path))
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UserError(text("error.not_writable", file=path, folder=folder))


def _save(net: Network, path: Path) -> None:
    try:
        net.save(path)
    except OSError as error:
        raise UserError(text("error.not_saved", file=path, reason=error.strerror)) from error


def _show_start(
    order: TrainingOrder, net: Network, train: Dataset, n_held: int, optimizer: SGD
) -> None:
    results.show_network(net)
    heading(text("train.title"))
    n_train = len(train) - n_held
    key = "train.data_held" if n_held else "train.data"
    pairs = [
        (
            text("train.data_name"),
            text(key, n=f"{n_train:,}", n_held=f"{n_held:,}", what=examples.what(train)),
        ),
        (text("train.loss_name"), results.loss_name(net)),
        (
            text("train.steps_name"),
            text(
                "train.steps",
                rate=f"{optimizer.learning_rate:g}",
                batch=f"{min(order.batch_size, n_train):,}",
                epochs=f"{order.epochs:,}",
            ),
        ),
    ]
    show(names_and_values(pairs, output().width))


def _show_course(history: History) -> None:
    """Show how long it took and how it did on what was held out."""
    pairs = []
    n_epochs = len(history.epochs)
    if n_epochs:
        pairs.append(
            (
                text("train.time_name"),
                text(
                    "train.time",
                    seconds=f"{history.train_s:.2f}",
                    epoch_s=f"{history.train_s / n_epochs:.3f}",
                    kernel=history.engine,
                    threads=history.threads,
                ),
            )
        )
        accuracy = history.epochs[-1].val_accuracy
        if accuracy is not None:
            pairs.append((text("train.held_name"), text("train.held", accuracy=f"{accuracy:.2%}")))
    if history.stopped_by == "interrupted":
        kept = text("train.interrupted", epochs=n_epochs, steps=f"{history.n_steps:,}")
        pairs.append((text("train.interrupted_name"), kept))
    if pairs:
        show(names_and_values(pairs, output().width))


def _show_test(net: Network, test: Dataset | None, findings: Findings | None) -> None:
    if test is None or findings is None:
        show("")
        say(text("train.no_test"))
        return
    key = "test.title_unseen" if examples.is_embedded(test) else "test.title"
    heading(text(key, n=f"{len(test):,}", what=examples.what(test)))
    results.show_findings(net, test, findings)
    results.show_confusion(net, findings)
    results.show_wrong(net, test, findings)


def _document(
    order: TrainingOrder, net: Network, history: History, findings: Findings | None
) -> dict[str, Any]:
    test = None
    if findings is not None:
        test = findings.to_dict() | {
            "most_confidently_wrong": results.wrong_documents(net, findings)
        }
    return {
        "tongtou": __version__,
        "network": results.network_document(net),
        "history": history.to_dict(),
        "test": test,
        "file": str(order.out),
    }
