"""Which examples a command works on, and which network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tongtou import datasets, files
from tongtou.datasets import Dataset
from tongtou.errors import FileFormatError
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.terminal.console import UserError, one_line

if TYPE_CHECKING:
    from tongtou.preprocessing import PicturePreprocessing

DEFAULT_MODEL = "digits.safetensors"

_SHOWN_CLASSES = 12

EMBEDDED_SIZES = (28 * 28, 10)
"""Inputs and outputs a network for the embedded digits has."""


def is_embedded(data: Dataset) -> bool:
    """Return whether these are the digits of the package."""
    return data.name.startswith("MNIST ")


def what(data: Dataset) -> str:
    """Return what to call the examples."""
    return text("data.digits") if is_embedded(data) else text("data.examples")


def classes_of(data: Dataset) -> str:
    """Return the names of the classes, the first ones where they are many."""
    shown = ", ".join(one_line(name) for name in data.classes[:_SHOWN_CLASSES])
    more = len(data.classes) - _SHOWN_CLASSES
    return text("data.more_classes", names=shown, n=more) if more > 0 else shown


def shape_of(data: Dataset) -> str:
    """Return height × width, and whether there are colours."""
    shape = " × ".join(map(str, data.shape[:2]))
    return (
        text("data.colour", shape=shape) if len(data.shape) > 2 else text("data.grey", shape=shape)
    )


def require_both(images: Path | None, labels: Path | None, options: tuple[str, str]) -> None:
    """Refuse one of two files that belong together without the other."""
    if (images is None) != (labels is None):
        given, missing = options if labels is None else options[::-1]
        raise UserError(text("error.other_half", given=given, missing=missing))


def idx_pair(
    images: Path | None, labels: Path | None, classes: tuple[object, ...] = ()
) -> Dataset | None:
    """Return the examples of two IDX files, or None where they are not named.

    Class numbers must be among `classes` where these are numbers, so that they mean the same as
    when the network was trained.
    """
    if images is None or labels is None:
        return None
    numbers = [one for one in classes if isinstance(one, int)]
    same = numbers if numbers and len(numbers) == len(classes) else None
    return datasets.idx(images, labels, classes=same, name=images.name)


def training_and_test(
    images: Path | None, labels: Path | None, test_images: Path | None, test_labels: Path | None
) -> tuple[Dataset, Dataset | None]:
    """Return what to learn from and what to be tested on: the embedded digits unless told."""
    require_both(images, labels, ("--images", "--labels"))
    require_both(test_images, test_labels, ("--test-images", "--test-labels"))
    embedded = None
    train = idx_pair(images, labels)
    if train is None:
        embedded = datasets.mnist()
        train = embedded.train
    if len(train.classes) < 2:
        raise UserError(text("error.no_classes", file=labels))
    test = idx_pair(test_images, test_labels, train.classes)
    return train, test or (embedded.test if embedded else None)


def test_examples(net: Network, images: Path | None, labels: Path | None) -> Dataset:
    """Return what to test a network on: the embedded test digits unless told."""
    require_both(images, labels, ("--images", "--labels"))
    own = idx_pair(images, labels, net.classes)
    if own is not None:
        return own
    n_in, n_out = net.sizes[0], net.sizes[-1]
    if (n_in, n_out) != EMBEDDED_SIZES:
        raise UserError(text("error.not_for_digits", n_in=f"{n_in:,}", n_out=f"{n_out:,}"))
    return datasets.mnist().test


def examples_for(
    net: Network,
    model_path: Path,
    source: Path | None,
    idx_files: tuple[Path | None, Path | None],
    separator: str | None,
    encoding: str | None,
    *,
    learnt_from: bool = False,
) -> Dataset:
    """Return the examples a command was given; the embedded digits where it was given none.

    Parameters
    ----------
    learnt_from : bool
        Of the embedded digits take those to learn from, not those for the test.

    Raises
    ------
    UserError
        There are none, or they are of another kind than the network was trained on.
    """
    if source is not None:
        return own_examples(net, model_path, source, idx_files, separator, encoding)
    refuse_file_form(separator, encoding)
    if idx_files == (None, None):
        if net.preprocessing is not None:
            raise UserError(text("error.name_data", file=model_path))
        if learnt_from and (net.sizes[0], net.sizes[-1]) == EMBEDDED_SIZES:
            return datasets.mnist().train
    return test_examples(net, *idx_files)


def own_examples(
    net: Network,
    model_path: Path,
    source: Path,
    idx_files: tuple[Path | None, Path | None],
    separator: str | None,
    encoding: str | None,
) -> Dataset:
    """Return a folder of pictures or a table with its answers, read as when it was learnt from."""
    from tongtou.preprocessing import PicturePreprocessing, TablePreprocessing

    for option, given in zip(("--images", "--labels"), idx_files, strict=True):
        if given is not None:
            raise UserError(text("error.data_twice", option=option, file=source))
    if not source.exists():
        raise UserError(text("error.no_data", file=source))
    learnt = net.preprocessing
    if isinstance(learnt, TablePreprocessing) and not source.is_dir():
        return learnt.examples(
            source, dtype=net.dtype, separator=separator, encoding=encoding or "utf-8"
        )
    refuse_file_form(separator, encoding)
    if isinstance(learnt, PicturePreprocessing) and source.is_dir():
        return pictures_as_learnt(net, learnt, source)
    expected = text("data.table") if isinstance(learnt, TablePreprocessing) else text("data.folder")
    if learnt is None:
        raise UserError(text("error.no_preprocessing", file=model_path))
    raise UserError(text("error.other_kind", file=model_path, expected=expected, source=source))


def refuse_file_form(separator: str | None, encoding: str | None) -> None:
    """Refuse what is said of a text file where there is none."""
    for option, given in (("--separator", separator), ("--encoding", encoding)):
        if given is not None:
            raise UserError(text("error.needs_table", option=option))


def pictures_as_learnt(net: Network, learnt: PicturePreprocessing, folder: Path) -> Dataset:
    """Return the pictures of a folder; its sub-folders must be classes the network knows."""
    data = datasets.pictures(
        folder,
        size=learnt.size if all(learnt.size) else None,
        grey=learnt.grey,
        keep_aspect=learnt.keep_aspect,
        invert=learnt.invert,
        background=learnt.background,
    )
    known = {str(name): number for number, name in enumerate(net.classes)}
    for name in data.classes:
        if name not in known:
            shown = ", ".join(map(one_line, list(known)[:20]))
            raise UserError(text("error.unknown_class", name=name, folder=folder, known=shown))
    numbers = np.array([known[name] for name in data.classes])
    return replace(data, y=numbers[data.y], classes=tuple(net.classes))


def model(path: Path) -> Network:
    """Return the network in a file."""
    if not path.exists():
        if str(path) == DEFAULT_MODEL:
            raise UserError(text("error.no_default_model", file=path))
        raise UserError(text("error.no_model", file=path))
    try:
        return files.load(path)
    except FileFormatError:
        raise
    except (OSError, ValueError) as error:
        raise UserError(text("error.unreadable", file=path, reason=_reason(error))) from error


def require_gates(net: Network, path: Path) -> None:
    """Refuse to abstain without gates, which say when."""
    if net.gates is None:
        raise UserError(text("error.no_gates", file=path))


def _reason(error: Exception) -> object:
    return getattr(error, "strerror", None) or error
