"""What ``tongtou train`` shows of a run: what it is going to do, and how it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from tongtou.datasets import Dataset
from tongtou.history import History
from tongtou.i18n import text
from tongtou.recipes import Recipe
from tongtou.stopping import Stopping
from tongtou.terminal import examples, results
from tongtou.terminal.console import heading, output, show
from tongtou.terminal.material import Material
from tongtou.terminal.tables import names_and_values


def show_start(material: Material, recipe: Recipe, stop: Sequence[Stopping], n_held: int) -> None:
    """Show the data and the settings of the run to come."""
    heading(text("train.title"))
    train = material.train
    n_train = len(train) - n_held
    key = "train.data_held" if n_held else "train.data"
    what = examples.what(train)
    pairs = [
        (text("train.data_name"), text(key, n=f"{n_train:,}", n_held=f"{n_held:,}", what=what))
    ]
    if recipe.beside:
        n_beside = f"{round(recipe.beside * n_train):,}"
        pairs.append((text("train.beside_name"), text("train.beside", n=n_beside)))
    pairs += material.notes
    pairs += [
        (text("train.loss_name"), results.loss_name(recipe.loss)),
        (text("train.optimizer_name"), _optimizer(recipe)),
        (
            text("train.steps_name"),
            text(
                "train.steps",
                rate=f"{recipe.optimizer.schedule.initial:g}",
                batch=f"{min(recipe.batch_size or n_train, n_train):,}",
                epochs=f"{recipe.epochs:,}",
            ),
        ),
    ]
    if recipe.augmentation:
        pairs.append((text("train.augmentation_name"), _changed(recipe.augmentation)))
    if recipe.regularization:
        pairs.append((text("train.regularization_name"), _changed(recipe.regularization)))
    if stop:
        told = [
            text("train.remark", what=stop_reason(one.reason), remark=_settings(one))
            for one in stop
        ]
        pairs.append((text("train.stop_name"), ", ".join(told)))
    show(names_and_values(pairs, output().width))


def _optimizer(recipe: Recipe) -> str:
    """Return the optimiser and its schedule by the names the options have."""
    described = recipe.optimizer.describe()
    rate = described.pop("learning_rate")
    name = described.pop("name")
    parts = [name, *(f"{key} {_number(value)}" for key, value in described.items())]
    if isinstance(rate, dict):
        rest = {key: value for key, value in rate.items() if key not in ("name", "rate")}
        shown = ", ".join(f"{key} {_number(value)}" for key, value in rest.items())
        schedule = text("train.schedule", name=rate["name"])
        parts.append(text("train.remark", what=schedule, remark=shown) if shown else schedule)
    return ", ".join(parts)


def _changed(one: Any) -> str:
    """Return the settings of a dataclass that differ from their defaults."""
    return ", ".join(
        f"{each.name} {_number(getattr(one, each.name))}"
        for each in fields(one)
        if getattr(one, each.name) != each.default
    )


def _settings(one: Any) -> str:
    given = [each for each in fields(one) if getattr(one, each.name) != each.default]
    shown = given or list(fields(one))[:1]
    return ", ".join(f"{each.name} {_number(getattr(one, each.name))}" for each in shown)


def _number(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return " ".join(map(_number, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def stop_reason(reason: str) -> str:
    """Return why a run ended, in the language in use."""
    known = {
        "epochs": text("stopped.epochs"),
        "callback": text("stopped.callback"),
        "interrupted": text("stopped.interrupted"),
        "diverged": text("stopped.diverged"),
        "checkpoint failed": text("stopped.checkpoint_failed"),
        "gradient small": text("stopped.gradient_small"),
        "loss flat": text("stopped.loss_flat"),
        "step limit": text("stopped.step_limit"),
        "early stopping": text("stopped.early_stopping"),
        "time budget": text("stopped.time_budget"),
        "target accuracy": text("stopped.target_accuracy"),
    }
    return known.get(reason, reason)


def show_course(history: History, has_checkpoint: bool) -> None:
    """Show how long it took, why it ended, and how it did on what was held out."""
    pairs = []
    n_epochs = len(history.epochs)
    if n_epochs:
        time = text(
            "train.time",
            seconds=f"{history.train_s:.2f}",
            epoch_s=_short(history.train_s / n_epochs),
            kernel=history.engine,
            threads=history.threads,
        )
        pairs.append((text("train.time_name"), time))
    if history.stopped_by == "interrupted":
        kept = text("train.interrupted", epochs=n_epochs, steps=f"{history.n_steps:,}")
        kept += text("train.resumable") if has_checkpoint else ""
        pairs.append((text("train.interrupted_name"), kept))
    elif history.stopped_by != "epochs":
        reason = text(
            "train.stopped",
            reason=stop_reason(history.stopped_by),
            epochs=n_epochs,
            steps=f"{history.n_steps:,}",
        )
        pairs.append((text("train.stopped_name"), reason))
    pairs += _held_out(history)
    if pairs:
        show(names_and_values(pairs, output().width))


def _short(seconds: float) -> str:
    return f"{seconds:.3f}" if seconds >= 0.01 else f"{seconds:.2g}"


def _held_out(history: History) -> list[tuple[str, str]]:
    if not history.epochs or history.epochs[-1].val_loss is None:
        return []
    best = history.best_epoch
    record = history.epochs[-1 if best is None else best - 1]
    if record.val_accuracy is None:
        values = {"loss": f"{record.val_loss:.4f}"}
        keys = ("train.held_loss", "train.held_loss_best")
    else:
        values = {"accuracy": f"{record.val_accuracy:.2%}"}
        keys = ("train.held", "train.held_best")
    if best is not None:
        values["epoch"] = f"{best}"
    return [(text("train.held_name"), text(keys[best is not None], **values))]


def test_title(test: Dataset) -> str:
    """Return the heading above the results of a test."""
    key = "test.title_unseen" if examples.is_embedded(test) else "test.title"
    return text(key, n=f"{len(test):,}", what=examples.what(test))
