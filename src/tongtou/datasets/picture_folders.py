"""A folder of pictures of one's own, one sub-folder a class."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np

from tongtou.datasets.dataset import Dataset
from tongtou.errors import DataError


def pictures(
    folder: str | os.PathLike[str],
    *,
    size: tuple[int, int] | None = (28, 28),
    grey: bool = True,
    keep_aspect: bool = True,
    invert: bool = False,
    background: int | None = None,
    name: str = "",
) -> Dataset:
    """Read the pictures of a folder in which each sub-folder is a class, named by it.

    Parameters
    ----------
    folder : path
        ``folder/cat/1.png``, ``folder/dog/a.jpg``, …: PNG, JPEG, WebP, BMP and GIF (the first
        picture of several), grey or in colour, of any size. Folders inside a class belong to it.
        Hidden files and folders are passed over.
    size : (int, int) or None
        Height and width that every picture gets. None takes them as they are; then all must have
        the same.
    grey : bool
        One value a pixel, else three.
    keep_aspect : bool
        True fits the picture into `size` and fills the sides with background, False stretches it.
    invert : bool
        255 - value: dark ink on light paper becomes light on dark, as MNIST has it.
    background : int, optional
        0 (black) … 255 (white): what transparent pictures lie on and what fills the sides, before
        inverting. Left out, it is what becomes 0: white when inverting, else black.
    name : str
        What to call the dataset in reports; left out, the folder's name.

    Returns
    -------
    Dataset
        X uint8 (n, height · width), or three times as many in colour; y int64; the classes sorted
        by name; `files`, the path of each picture below the folder; `preprocessing`, which reads
        new pictures alike.

    Raises
    ------
    DataError
        The folder has no sub-folder, or only one; a class has no picture; a file named as a picture
        cannot be read as one, or has more than 64 million pixels; a link leads nowhere or in a
        circle. The message names the file.

    Warns
    -----
    UserWarning
        Files that are no pictures by their name were passed over; how many, and the first.

    Examples
    --------
    >>> import pathlib, tempfile, tongtou as tt
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for number, name in enumerate(("night", "day")):
    ...     (folder / name).mkdir()
    ...     Image.new("L", (40, 40), 255 * number).save(folder / name / "1.png")
    >>> tt.datasets.pictures(folder, size=(8, 8))
    Dataset(n=2, n_in=64, uint8, classes=2, shape=(8, 8))
    """
    # Whoever has no pictures need not wait for their reader whenever Tongtou is imported.
    from tongtou.preprocessing.picture_files import SUFFIXES, PicturePreprocessing

    top = Path(folder)
    if background is None:
        background = 255 if invert else 0
    told = (0, 0) if size is None else _checked_size(size)
    how = PicturePreprocessing(told, grey, keep_aspect, invert, background)
    classes, passed_over = _classes(top)
    found: list[tuple[int, Path]] = []
    for number, one in enumerate(classes):
        files, others = _files(top / one)
        passed_over += others
        if not files:
            said = f"; {len(others)} other files, such as {others[0].name!r}" if others else ""
            raise DataError(
                f"{top / one}: expected pictures ({', '.join(SUFFIXES)}) of the class {one!r}; "
                f"there is none{said}. Put some there, or take the folder away."
            )
        found += [(number, file) for file in files]
    if passed_over:
        warnings.warn(
            f"{top}: {len(passed_over)} files are no pictures by their names and were passed over; "
            f"the first is {passed_over[0]}.",
            UserWarning,
            stacklevel=2,
        )
    read = how.read
    if size is None:
        height, width = read(found[0][1]).shape[:2]
        how = PicturePreprocessing((height, width), grey, keep_aspect, invert, background)
    X = np.empty((len(found), how.n_in), np.uint8)
    for row, (_, file) in enumerate(found):
        array = read(file)
        if array.shape != how.shape:
            raise DataError(
                f"{file}: expected {_as_size(how.shape)} pixels, as in {found[0][1]}; it has "
                f"{_as_size(array.shape)}. Say size=(height, width) to make all alike."
            )
        X[row] = array.ravel()
    return Dataset(
        X,
        np.array([number for number, _ in found], np.int64),
        tuple(classes),
        how.shape,
        name or top.resolve().name,
        files=np.array([file.relative_to(top).as_posix() for _, file in found], object),
        preprocessing=how,
    )


def _checked_size(size: object) -> tuple[int, int]:
    whole = (int, np.integer)
    if isinstance(size, (tuple, list)) and len(size) == 2:
        height, width = size
        if isinstance(height, whole) and isinstance(width, whole) and min(height, width) >= 1:
            return int(height), int(width)
    raise ValueError(
        "size must be (height, width), two whole numbers from 1 on such as (28, 28), or None; "
        f"it is {size!r}."
    )


def _as_size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]}×{shape[0]}"


def _classes(top: Path) -> tuple[list[str], list[Path]]:
    """Return the names of the classes, sorted, and the files that lie beside them."""
    from tongtou.preprocessing.picture_files import SUFFIXES

    entries = _entries(top)
    classes = [one.name for one in entries if one.is_dir()]
    beside = [one for one in entries if not one.is_dir()]
    n_pictures = sum(one.suffix.lower() in SUFFIXES for one in beside)
    if not classes:
        has = f"there are {n_pictures} pictures" if n_pictures else "there is nothing of use"
        raise DataError(
            f"{top}: expected a sub-folder for each class, with its pictures in it; {has}, but no "
            "sub-folder. Make folders named by the classes and move the pictures into them."
        )
    if len(classes) < 2:
        raise DataError(
            f"{top}: expected at least two classes, a sub-folder for each; there is only "
            f"{classes[0]!r}. Add another, or give the folder above."
        )
    return classes, beside


def _entries(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted, without what is hidden."""
    try:
        names = sorted(os.listdir(folder))
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{folder}: expected a folder that can be read, but: {reason}. Check the path."
        ) from error
    return [folder / name for name in names if not name.startswith((".", "__MACOSX"))]


def _files(folder: Path, above: tuple[Path, ...] = ()) -> tuple[list[Path], list[Path]]:
    """Return the pictures below a folder and the other files, both sorted."""
    from tongtou.preprocessing.picture_files import SUFFIXES

    try:
        here = folder.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{folder}: the link leads nowhere or in a circle. Take it away."
        ) from error
    if here in above:
        raise DataError(f"{folder}: the link leads back to {here}, a circle. Take it away.")
    files, others = [], []
    for one in _entries(folder):
        if one.is_dir():
            found, more = _files(one, (*above, here))
            files += found
            others += more
        elif one.suffix.lower() in SUFFIXES:
            files.append(one)
        else:
            others.append(one)
    return files, others
