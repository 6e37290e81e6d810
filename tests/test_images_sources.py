"""Where pictures come from: every kind of source, and what is refused."""

import io
import struct
import sys
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pictures_of_digits import (
    BOX,
    SEVEN,
    as_bytes,
    draw,
    encode,
    lined,
    same_box,
    shaded,
    squared,
    textured,
)
from PIL import Image

import tongtou as tt
from tongtou.images import reading, to_digit


@pytest.fixture(scope="module")
def seven():
    return draw(SEVEN)


# Sources ----------------------------------------------------------------------------------------


def test_every_kind_of_source_gives_the_same(tmp_path, seven):
    grey = as_bytes(1 - seven)
    path = tmp_path / "seven.png"
    path.write_bytes(encode(grey, "PNG"))
    rgb = np.repeat(grey[:, :, None], 3, axis=2)
    opaque = np.full_like(grey, 255)[:, :, None]
    expected = to_digit(grey)
    with path.open("rb") as file:
        sources = [
            path, str(path), path.read_bytes(), bytearray(path.read_bytes()), file,
            io.BytesIO(path.read_bytes()), Image.open(path), Image.fromarray(rgb),
            rgb, grey[:, :, None], np.concatenate([rgb, opaque], axis=2),
            np.concatenate([grey[:, :, None], opaque], axis=2), grey / 255, grey.astype(int),
            grey.tolist(), np.asfortranarray(grey),
            encode(grey, "BMP"), encode(grey, "GIF"), encode(grey, "WEBP", lossless=True),
            encode(Image.fromarray(grey.astype(np.uint16) * 257), "PNG"),
            encode(Image.fromarray(grey).convert("P"), "PNG"),
        ]  # fmt: skip
        for number, source in enumerate(sources):
            digit = to_digit(source)
            np.testing.assert_array_equal(digit.pixels, expected.pixels, str(number))
            assert digit.box == expected.box
    for source in (seven > 0.5, encode(Image.fromarray(rgb).convert("CMYK"), "JPEG")):
        assert np.abs(to_digit(source).pixels.astype(int) - expected.pixels).mean() < 3


def test_sources_are_left_alone(seven):
    array = (1 - seven).astype(np.float32)
    array.setflags(write=False)
    image = Image.fromarray(as_bytes(array))
    before = image.tobytes()
    to_digit(array)
    to_digit(image)
    assert image.tobytes() == before


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_orientation_is_honoured(seven, orientation, form):
    upright = as_bytes(1 - seven)
    lies = upright.T if orientation >= 5 else upright
    # What the camera did, undone: EXIF 2.3, tag 0x0112 names the visual top and left of row 0.
    lies = {
        1: lies, 2: lies[:, ::-1], 3: lies[::-1, ::-1], 4: lies[::-1],
        5: lies, 6: lies[::-1], 7: lies[::-1, ::-1], 8: lies[:, ::-1],
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = encode(np.ascontiguousarray(lies), form, exif=exif)
    digit = to_digit(picture)
    assert same_box(digit.box, to_digit(upright).box, 2)
    assert np.abs(digit.pixels.astype(int) - to_digit(upright).pixels).mean() < 4


@pytest.mark.parametrize("value", [0, 110, 145, 255])
def test_ink_alone_on_transparency_is_seen_whatever_its_brightness(seven, value):
    pixels = np.dstack([np.full(seven.shape, value, np.uint8), as_bytes(seven)])
    digit = to_digit(encode(Image.fromarray(pixels), "PNG"))
    assert same_box(digit.box, BOX, 4)
    assert digit.inverted == (value > 127)


@pytest.mark.parametrize("dark", [True, False])
def test_transparent_corners_of_a_sheet_are_paper(seven, dark):
    y, x = np.mgrid[:300, :240]
    sheet = as_bytes((np.hypot(x - 120, y - 150) < 125).astype(float))
    grey = as_bytes(1 - seven if dark else seven)
    digit = to_digit(np.dstack([grey, sheet]))
    assert same_box(digit.box, BOX, 4)
    assert digit.inverted != dark


# What is no picture of a digit ------------------------------------------------------------------

RNG = np.random.default_rng(0)
BLANK = {
    "white": np.full((200, 150), 255, np.uint8),
    "black": np.zeros((200, 150), np.uint8),
    "one pixel": np.zeros((1, 1)),
    "one row": np.zeros((1, 3000), np.uint8),
    "28×28": np.full((28, 28), 0.5),
    "slope of light": shaded(np.zeros((240, 200)), RNG),
    "noise": as_bytes(0.6 + 0.15 * RNG.standard_normal((240, 200))),
    "random pixels": RNG.integers(0, 256, (28, 28)).astype(np.uint8),
    "rough paper": textured(np.zeros((240, 200)), RNG),
    "lined paper": lined(np.zeros((300, 260)), RNG),
    "squared paper": squared(np.zeros((300, 260)), RNG),
    "a speck": np.pad(np.zeros((3, 3)), 100, constant_values=1),
}


@pytest.mark.parametrize("name", BLANK)
def test_blank_pictures_are_refused(name):
    with pytest.raises(tt.DataError, match="expected a digit, ink at least 6 % darker or lighter"):
        to_digit(BLANK[name])


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.zeros((0, 5)), r"empty, of shape \(0, 5\)"),
        (np.zeros(784), r"shape is \(784,\).*row\.reshape\(28, 28\)"),
        (np.zeros((2, 28, 28, 3)), r"shape is \(2, 28, 28, 3\)"),
        (np.zeros((28, 28, 5)), "channels"),
        (np.full((28, 28), np.nan), r"0 … 1 and no NaN; it holds nan … nan"),
        (np.full((28, 28), np.inf), r"it holds inf"),
        (np.full((28, 28), 255.0), r"it holds 255 … 255.*array / 255"),
        (np.full((28, 28), -1), r"0 … 255; it holds -1"),
        (np.full((28, 28), 300), r"array // 257"),
        (np.zeros((28, 28), complex), "dtype is complex128"),
        (None, r"shape is \(\)"),
        ([[1, 2], [3]], "path, bytes, a PIL image or an array; list is none"),
        (Image.new("L", (0, 5)), "empty"),
        (Image.new("LA", (50, 50)), "transparent throughout"),
    ],
)
def test_arrays_that_are_no_pictures_are_explained(array, match):
    with pytest.raises(tt.DataError, match=match):
        to_digit(array)


def test_files_that_are_no_pictures_are_named(tmp_path):
    with pytest.raises(tt.DataError, match=r"nowhere\.png: .*No such file.*Check the path"):
        to_digit(tmp_path / "nowhere.png")
    with pytest.raises(tt.DataError, match="Is a directory"):
        to_digit(tmp_path)
    with pytest.raises(tt.DataError, match="null"):
        to_digit("nul\0l")
    path = tmp_path / "words.png"
    path.write_text("no picture")
    with pytest.raises(tt.DataError, match=r"words\.png: .*none of these. Save it as PNG or JPEG"):
        to_digit(path)
    path.write_bytes(b"")
    with pytest.raises(tt.DataError, match="none of these"):
        to_digit(path)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_cut_off_files_are_refused(seven, form):
    whole = encode(as_bytes(1 - seven), form)
    with pytest.raises(tt.DataError, match=r"the picture: .*(damaged or cut off|none of these)"):
        to_digit(whole[: len(whole) // 2])


def claim(width, height):
    """A PNG of a few bytes whose header announces a picture of this size."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels)


@pytest.mark.filterwarnings("ignore")  # Pillow's own warning is for programs that go on
@pytest.mark.parametrize("size", [(100_000, 100_000), (9_000, 10_000), (8_000, 8_001)])
def test_huge_pictures_are_refused_before_they_are_decoded(size):
    tracemalloc.start()
    try:
        with pytest.raises(tt.DataError, match=r"at most 64,000,000 pixels.*Scale it down"):
            to_digit(claim(*size))
        assert tracemalloc.get_traced_memory()[1] < 1e6
    finally:
        tracemalloc.stop()


def test_huge_arrays_and_images_are_refused(monkeypatch):
    monkeypatch.setattr(reading, "_MOST_PIXELS", 1000)
    for source in (np.zeros((40, 40)), Image.new("L", (40, 40))):
        with pytest.raises(tt.DataError, match="at most 1,000 pixels, it has 40×40"):
            to_digit(source)


PICTURES = [encode(as_bytes(1 - draw(SEVEN)[::4, ::4]), form) for form in ("PNG", "JPEG", "WEBP")]


@settings(max_examples=150, deadline=None)
@given(data=st.data(), picture=st.sampled_from(PICTURES))
def test_damaged_pictures_never_raise_anything_else(data, picture):
    raw = bytearray(picture)
    for _ in range(data.draw(st.integers(1, 4))):
        where = data.draw(st.integers(0, len(raw) - 1))
        raw[where : where + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        raw = raw or bytearray(1)
    try:
        assert to_digit(bytes(raw)).pixels.shape == (28, 28)
    except tt.DataError as error:
        assert str(error).startswith("the picture: ")  # noqa: PT017 - either outcome is right


@settings(max_examples=100, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    levels=st.integers(2, 256),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
@example(shape=(1, 2), levels=2, share=0.5, seed=0)
def test_no_array_raises_anything_else(shape, levels, share, seed):
    rng = np.random.default_rng(seed)
    array = np.where(rng.random(shape) < share, rng.integers(0, levels, shape), 0).astype(np.uint8)
    try:
        digit = to_digit(array)
    except tt.DataError:
        return
    assert digit.pixels.max() > 0
    left, top, right, bottom = digit.box
    assert 0 <= left < right <= shape[1]
    assert 0 <= top < bottom <= shape[0]


def test_without_pillow_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(tt.MissingExtraError, match=r"needs Pillow.*pip install pillow"):
        to_digit(np.zeros((28, 28)))
