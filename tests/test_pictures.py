"""Folders of pictures: any format and mode becomes rows of pixels; what cannot is named."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tongtou as tt
from tongtou.datasets import pictures
from tongtou.errors import DataError
from tongtou.preprocessing import PicturePreprocessing, from_description


def quarters(height: int = 40, width: int = 40) -> np.ndarray:
    """Dark and light quarters, so that every turn and mirror is another picture."""
    plane = np.zeros((height, width), np.uint8)
    plane[: height // 2, width // 2 :] = 100
    plane[height // 2 :, : width // 2] = 200
    plane[height // 2 :, width // 2 :] = 250
    return plane


def folder_of(top: Path, **files: Any) -> Path:
    """Write pictures: a name is class__file, `_` before the suffix for a dot."""
    for name, image in files.items():
        one, _, file = name.partition("__")
        (top / one).mkdir(exist_ok=True)
        if not isinstance(image, Image.Image):
            image = Image.fromarray(image)
        image.save(top / one / file.replace("_", "."))
    return top


def only(top: Path, image: Any, suffix: str = "png", **options: Any) -> np.ndarray:
    """The one picture of class a, as an array of the dataset's shape."""
    folder_of(top, **{f"a__x_{suffix}": image, "b__y_png": quarters()})
    data = pictures(top, **options)
    return data.X[0].reshape(data.shape)


def test_a_folder_becomes_a_dataset(tmp_path: Path) -> None:
    top = folder_of(
        tmp_path, dog__1_png=quarters(), cat__2_png=quarters(), cat__10_png=255 - quarters()
    )
    data = pictures(top)
    assert repr(data) == "Dataset(n=3, n_in=784, uint8, classes=2, shape=(28, 28))"
    assert data.classes == ("cat", "dog")
    assert data.y.tolist() == [0, 0, 1]
    assert data.y.dtype == np.int64
    assert data.files is not None
    assert data.files.tolist() == ["cat/10.png", "cat/2.png", "dog/1.png"]
    assert data.name == tmp_path.name
    np.testing.assert_array_equal(data.X[1].reshape(28, 28), quarters(28, 28))
    part = data[data.y == 0]
    assert part.files is not None
    assert part.files.tolist() == ["cat/10.png", "cat/2.png"]
    assert part.preprocessing is data.preprocessing
    # New pictures are read as these were.
    how = from_description(data.preprocessing.describe())
    assert isinstance(how, PicturePreprocessing)
    np.testing.assert_array_equal(how.transform([top / name for name in data.files]), data.X)
    np.testing.assert_array_equal(how.transform(top / "dog" / "1.png"), data.X[2:])


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "jpg", "webp"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_every_format_and_mode(tmp_path: Path, suffix: str, mode: str) -> None:
    plane = quarters() if mode != "1" else (quarters() > 150).astype(np.uint8) * 255
    image = Image.fromarray(plane).convert(mode)
    if suffix in ("jpg", "webp") and mode == "P":
        image = image.convert("RGB")
    found = only(tmp_path, image, suffix, size=None).astype(int)
    assert np.abs(found - plane).max() <= (0 if suffix in ("png", "bmp", "gif") else 12)
    colour = pictures(tmp_path, size=(4, 4), grey=False)
    assert colour.shape == (4, 4, 3)
    assert np.ptp(colour.X[0].reshape(16, 3).astype(int), axis=1).max() <= 4


def test_colours_and_their_grey(tmp_path: Path) -> None:
    red = np.zeros((8, 8, 3), np.uint8)
    red[:, :, 0] = 200
    assert only(tmp_path, red, size=(2, 2), grey=False)[0, 0].tolist() == [200, 0, 0]
    assert only(tmp_path, red, size=(2, 2)).tolist() == [[60, 60], [60, 60]]  # 0.299 · 200
    cmyk = Image.fromarray(red).convert("CMYK")
    assert abs(int(only(tmp_path, cmyk, "jpg", size=(2, 2))[0, 0]) - 60) < 4


def test_sixteen_bits_lose_their_lower_half_and_nothing_else(tmp_path: Path) -> None:
    wide = quarters().astype(np.uint16) * 257
    np.testing.assert_array_equal(only(tmp_path, wide, size=None), quarters())
    # One channel of colour, too: Pillow gives 16 bits of RGB as 8.
    raw = np.repeat(wide[:, :, None], 3, axis=2).astype(">u2")
    (tmp_path / "a" / "x.png").write_bytes(png(40, 40, raw.tobytes(), depth=16, colour=2))
    np.testing.assert_array_equal(pictures(tmp_path, size=None).X[0].reshape(40, 40), quarters())


def png(width: int, height: int, raw: bytes, *, depth: int = 8, colour: int = 0) -> bytes:
    """A PNG file, written here from the format's description."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    n = len(raw) // height if height else 0
    lines = b"".join(b"\0" + raw[i : i + n] for i in range(0, len(raw), n)) if n else b""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    upright = quarters(24, 40)
    # What a viewer does to the stored picture, undone.
    undo: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda p: p, 2: np.fliplr, 3: lambda p: np.rot90(p, 2), 4: np.flipud,
        5: np.transpose, 6: lambda p: np.rot90(p, 1), 7: lambda p: np.rot90(p, 2).T,
        8: lambda p: np.rot90(p, -1),
    }  # fmt: skip
    stored = np.ascontiguousarray(undo[orientation](upright))
    image = Image.fromarray(stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name in "ab":
        (tmp_path / name).mkdir()
        image.save(tmp_path / name / f"x.{suffix}", exif=exif, quality=95)
    data = pictures(tmp_path, size=None)
    assert data.shape == (24, 40)
    assert np.abs(data.X[0].reshape(24, 40).astype(int) - upright).max() < 12


def test_transparent_pictures_lie_on_the_background(tmp_path: Path) -> None:
    ink = np.zeros((10, 10, 4), np.uint8)
    ink[3:6, 3:6, 3] = 255  # black ink, nothing else
    on_white = only(tmp_path, ink, size=(10, 10), background=255)
    assert on_white[4, 4] == 0
    assert on_white[0, 0] == 255
    inverted = pictures(tmp_path, size=(10, 10), invert=True).X[0].reshape(10, 10)
    assert inverted[4, 4] == 255
    assert inverted[0, 0] == 0  # the background becomes 0 unless told otherwise
    with pytest.raises(
        DataError, match=r"x\.png: the picture is transparent and its ink.*Say backg"
    ):
        pictures(tmp_path)
    half = np.full((40, 40, 4), 255, np.uint8)
    half[:, :, 3] = 128
    assert (only(tmp_path, half, size=None) == 128).all()
    palette = Image.fromarray(quarters()).convert("P")
    palette.save(tmp_path / "a" / "x.png", transparency=0)
    assert pictures(tmp_path, size=(10, 10), background=77).X[0, 0] == 77


def test_sizes_and_aspects(tmp_path: Path) -> None:
    wide = np.full((10, 40), 255, np.uint8)
    kept = only(tmp_path, wide, size=(20, 20))
    assert kept.shape == (20, 20)
    assert kept[:7].max() == kept[13:].max() == 0
    assert kept[8:12].min() == 255
    assert pictures(tmp_path, size=(20, 20), keep_aspect=False).X[0].min() == 255
    framed = pictures(tmp_path, size=(20, 20), background=9).X[0].reshape(20, 20)
    assert framed[0, 0] == 9
    inverted = pictures(tmp_path, size=(20, 20), invert=True).X[0].reshape(20, 20)
    assert inverted.max() == 0  # a white picture on white, inverted
    tall = pictures(tmp_path, size=(50, 10))
    assert (tall.shape, tall.n_in) == ((50, 10), 500)
    needle = only(tmp_path, np.full((1, 3000), 255, np.uint8), size=(28, 28))
    assert needle[14].min() == 255 or needle[13].min() == 255  # never thinner than one pixel
    for size in ((0, 5), (5, -1), (10**6, 5)):
        with pytest.raises(ValueError, match="size"):
            pictures(tmp_path, size=size)


def test_a_smaller_picture_is_the_mean_of_what_it_covers(tmp_path: Path) -> None:
    plane = np.random.default_rng(0).integers(0, 256, (40, 40), np.uint8)
    found = only(tmp_path, plane, size=(10, 10)).astype(float)
    means = plane.reshape(10, 4, 10, 4).mean(axis=(1, 3))
    assert np.abs(found - means).max() <= 1


def test_without_a_size_all_must_be_alike(tmp_path: Path) -> None:
    folder_of(tmp_path, a__1_png=quarters(8, 6), b__2_png=quarters(8, 6))
    assert pictures(tmp_path, size=None).shape == (8, 6)
    folder_of(tmp_path, b__3_png=quarters(6, 8))
    with pytest.raises(
        DataError, match=r"b/3\.png: expected 6×8 pixels, as in .*1\.png; it has 8×6"
    ):
        pictures(tmp_path, size=None)


def test_folders_inside_a_class_belong_to_it_and_hidden_ones_are_passed_over(
    tmp_path: Path,
) -> None:
    folder_of(tmp_path, a__1_png=quarters(), b__2_png=quarters())
    (tmp_path / "a" / "more" / "deep").mkdir(parents=True)
    Image.fromarray(quarters()).save(tmp_path / "a" / "more" / "deep" / "3.PNG")
    for hidden in (".git", "__MACOSX"):
        (tmp_path / hidden).mkdir()
    (tmp_path / "a" / "._1.png").write_bytes(b"nothing")
    (tmp_path / "a" / ".DS_Store").write_bytes(b"nothing")
    (tmp_path / "c").symlink_to(tmp_path / "b")
    data = pictures(tmp_path)
    assert data.files is not None
    assert data.files.tolist() == ["a/1.png", "a/more/deep/3.PNG", "b/2.png", "c/2.png"]
    assert data.classes == ("a", "b", "c")


def test_files_that_are_no_pictures_are_passed_over_and_counted(tmp_path: Path) -> None:
    folder_of(tmp_path, a__1_png=quarters(), b__2_png=quarters())
    for name in ("labels.csv", "a/notes.txt", "b/photo.heic"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.warns(UserWarning, match=r"3 files are no pictures .*; the first is .*labels\.csv"):
        assert len(pictures(tmp_path)) == 2


def no_folders(top: Path) -> None:
    os.rename(top / "a" / "1.png", top / "1.png")
    for name in "ab":
        os.rename(top / name, top / f".{name}")


def damaged(top: Path) -> None:
    path = top / "a" / "1.png"
    path.write_bytes(path.read_bytes()[:60])


def of_size(width: int, height: int) -> Callable[[Path], Any]:
    return lambda top: (top / "b" / "z.png").write_bytes(png(width, height, b""))


WRONG: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no sub-folder": (no_folders, "a sub-folder for each class.*there are 1 pictures, but no sub"),
    "one class": (lambda top: os.rename(top / "a", top / ".a"), "two classes.*there is only 'b'"),
    "an empty class": (lambda top: (top / "c").mkdir(), r"/c: expected.*there is none\. Put"),
    "no pictures": (
        lambda top: [(top / "c").mkdir(), (top / "c" / "x.tif").write_bytes(b"II*\0")],
        r"/c: expected pictures.*there is none; 1 other files, such as 'x\.tif'",
    ),
    "a text named as a picture": (
        lambda top: (top / "a" / "z.jpg").write_text("no"), "its content is none of these",
    ),
    "an empty file": (lambda top: (top / "a" / "0.png").touch(), r"a/0\.png: .*content is none of"),
    "a truncated picture": (damaged, r"a/1\.png: expected a picture that can be read, but"),
    "too many pixels": (of_size(9000, 9000), r"b/z\.png.*64,000,000 pixels.*9000×9000"),
    "a bomb": (of_size(10**6, 10**6), r"b/z\.png: expected a picture of at most 64,000,000 pixels"),
    "a TIFF named PNG": (
        lambda top: Image.fromarray(quarters()).save(top / "a" / "z.png", "TIFF"),
        r"a/z\.png: .*its content is none of these",
    ),
    "a link that leads nowhere": (
        lambda top: (top / "a" / "z.png").symlink_to("gone.png"), r"a/z\.png: .*No such file",
    ),
    "a link to itself": (
        lambda top: (top / "a" / "z.png").symlink_to("z.png"), r"a/z\.png: .*symbolic",
    ),
    "a folder that holds itself": (
        lambda top: (top / "a" / "again").symlink_to(top / "a"), r"a/again: the link leads back to",
    ),
    "a folder that holds its parent": (
        lambda top: (top / "a" / "up").symlink_to(top), r"/a/up/a: the link leads back to",
    ),
    "a pipe": (lambda top: os.mkfifo(top / "a" / "z.png"), r"a/z\.png: expected a regular file"),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "match"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, spoil: Callable[[Path], Any], match: str
) -> None:
    folder_of(tmp_path, a__1_png=quarters(), b__2_png=quarters())
    spoil(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(DataError, match=match) as caught:
            pictures(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["nowhere", "file", "nul\0l"])
def test_no_folder(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="expected a folder that can be read, but"):
        pictures(tmp_path / place)


def test_a_network_learns_a_folder(tmp_path: Path, mnist: Any) -> None:
    rows = [*np.flatnonzero(mnist.train.y == 0)[:60], *np.flatnonzero(mnist.train.y == 1)[:60]]
    for row in rows:
        (tmp_path / str(mnist.train.y[row])).mkdir(exist_ok=True)
        # As a scanner gives it: dark on light, and four times as large.
        plane = 255 - mnist.train.X[row].reshape(28, 28)
        image = Image.fromarray(np.kron(plane, np.ones((4, 4), np.uint8)))
        image.save(tmp_path / str(mnist.train.y[row]) / f"{row}.png")
    data = pictures(tmp_path, invert=True)
    rows.sort(key=lambda row: (mnist.train.y[row], str(row)))
    np.testing.assert_array_equal(data.X, mnist.train.X[rows])
    net = tt.Network([data.n_in, 8, data.n_out], activation="relu", output="softmax",
                     loss="cross_entropy")  # fmt: skip
    tt.fit(net, data, epochs=10, progress=False)
    assert net.accuracy(data) == 1
    assert net.predict(data.X[:1]).tolist() == ["0"]


@pytest.mark.parametrize("size", [8, (0, 8), (8,), "88", (8.5, 8)], ids=str)
def test_a_size_that_is_none(tmp_path: Path, size: Any) -> None:
    with pytest.raises(ValueError, match=r"size must be \(height, width\), two whole numbers"):
        pictures(tmp_path, size=size)
