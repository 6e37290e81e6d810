"""What a network is to learn from: the embedded digits, IDX files, pictures or a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tongtou import datasets
from tongtou.datasets import Dataset
from tongtou.i18n import text
from tongtou.recipes import FOR_NUMBERS, FOR_PICTURES, FOR_TABLES, RECIPES, Recipe
from tongtou.terminal import examples
from tongtou.terminal.console import UserError, one_line
from tongtou.terminal.order import TrainingOrder
from tongtou.terminal.parting import kept_for_test

if TYPE_CHECKING:
    from tongtou.preprocessing import TablePreprocessing

_TEST_SHARE = 0.2
_OF_TABLES = (
    "target", "kind", "drop", "columns", "missing", "decimal", "separator", "encoding"
)  # fmt: skip
_OF_PICTURES = ("size", "colour", "invert", "background")

_HELD_OUT_PART = 12
"""One in so many examples is held out, of the embedded 60,000 digits 5,000."""

_HELD_OUT_PART_OF_OWN = 8
"""One's own examples are fewer, so a larger part of them is needed to tell anything."""


@dataclass(frozen=True)
class Material:
    """Examples to learn from and to be tested on, and what follows from their kind."""

    train: Dataset
    test: Dataset | None
    recipe: Recipe
    file_name: str
    held_out_part: int = _HELD_OUT_PART
    notes: list[tuple[str, str]] = field(default_factory=list)

    @property
    def has_classes(self) -> bool:
        """Whether the answers are classes; otherwise they are numbers."""
        return bool(self.train.classes)

    @property
    def has_pictures(self) -> bool:
        """Whether the examples are pictures that can be moved about."""
        return len(self.train.shape) in (2, 3) and self.train.X.dtype == np.uint8


def material_of(order: TrainingOrder) -> Material:
    """Return the examples an order names: the embedded digits unless told.

    Raises
    ------
    UserError
        Options for one kind of data are used with another.
    """
    if order.source is None:
        _refuse(order, _OF_TABLES, "error.needs_table")
        _refuse(order, _OF_PICTURES, "error.needs_folder")
        _refuse(order, ("test_share",), "error.needs_data")
        train, test = examples.training_and_test(
            order.images, order.labels, order.test_images, order.test_labels
        )
        return Material(train, test, RECIPES["lesson"], examples.DEFAULT_MODEL)
    _refuse(order, ("images", "labels", "test_images", "test_labels"), "error.data_twice")
    if order.source.is_dir():
        _refuse(order, _OF_TABLES, "error.needs_table")
        return _pictures(order, order.source)
    if not order.source.exists():
        raise UserError(text("error.no_data", file=order.source))
    _refuse(order, _OF_PICTURES, "error.needs_folder")
    return _table(order, order.source)


def _refuse(order: TrainingOrder, names: tuple[str, ...], key: str) -> None:
    for name in names:
        if getattr(order, name) not in (None, False):
            option = "--" + name.replace("_", "-")
            raise UserError(text(key, option=option, file=order.source))


def _share(order: TrainingOrder, n: int) -> float:
    """Return the share of the examples kept for the test; 0 for none."""
    share = _TEST_SHARE if order.test_share is None else order.test_share
    if share and not 0 < round(share * n) < n:
        raise UserError(text("error.test_share", n=f"{n:,}", share=f"{share:g}"))
    return share


def _pictures(order: TrainingOrder, folder: Path) -> Material:
    data = datasets.pictures(
        folder,
        size=order.size or (28, 28),
        grey=not order.colour,
        invert=order.invert,
        background=order.background,
    )
    train, test = _parted(data, _share(order, len(data)), order.seed)
    notes = [
        (text("train.classes_name"), examples.classes_of(train)),
        (text("train.pictures_name"), examples.shape_of(train)),
    ]
    name = _model_name(folder)
    return Material(train, test, FOR_PICTURES, name, _HELD_OUT_PART_OF_OWN, notes)


def _parted(data: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset | None]:
    """Return training and test pictures, each class in both in proportion."""
    if not share:
        return data, None
    is_test = kept_for_test(data, round(share * len(data)), seed)
    return data[~is_test], data[is_test]


def _table(order: TrainingOrder, path: Path) -> Material:
    from tongtou.preprocessing import TablePreprocessing

    if order.target is None:
        raise UserError(text("error.needs_target", file=path))
    one = len(order.target) == 1
    given: dict[str, Any] = {
        name: getattr(order, name)
        for name in ("kind", "columns", "missing", "decimal", "separator", "encoding")
        if getattr(order, name) is not None
    }
    try:
        table = datasets.table(
            path,
            target=order.target[0] if one else order.target,
            drop=order.drop or (),
            # Counts are what Poisson's loss is about: they must not become negative.
            scale_target=order.loss is None or order.loss.name != "poisson",
            **given,
        )
    except ValueError as error:
        raise UserError(error) from error
    share = _share(order, len(table))
    train, test = table.split(share, seed=order.seed) if share else (table.prepared(), None)
    learnt = train.preprocessing
    assert isinstance(learnt, TablePreprocessing)
    notes = [
        (text("train.target_name"), _target(train, learnt)),
        (
            text("train.inputs_name"),
            text("train.inputs", n=f"{learnt.n_in:,}", columns=f"{len(learnt.parts):,}"),
        ),
    ]
    if learnt.dropped:
        left_out = ", ".join(one_line(name) for name, _ in learnt.dropped)
        notes.append((text("train.left_out_name"), text("train.left_out", names=left_out)))
    recipe = FOR_TABLES if train.classes else FOR_NUMBERS
    return Material(train, test, recipe, _model_name(path), _HELD_OUT_PART_OF_OWN, notes)


def _target(train: Dataset, learnt: TablePreprocessing) -> str:
    name = ", ".join(map(one_line, learnt.target.names))
    if train.classes:
        return text("train.target_classes", name=name, classes=examples.classes_of(train))
    scaled = set(learnt.target.sds) != {1.0} or set(learnt.target.means) != {0.0}
    return text("train.target_scaled" if scaled else "train.target_numbers", name=name)


def _model_name(source: Path) -> str:
    name = source.resolve().name if source.is_dir() else source.stem
    return f"{name or 'model'}.safetensors"
