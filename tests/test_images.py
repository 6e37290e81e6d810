"""Pictures of digits, clean and photographed, come back as MNIST has them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures_of_digits import (
    BOTTOM,
    BOX,
    LEFT,
    RIGHT,
    SEVEN,
    TOP,
    VARIANTS,
    as_bytes,
    clean,
    draw,
    encode,
    paste,
    photo,
    same_box,
    shade,
)
from PIL import Image, ImageDraw

import tongtou as tt
from tongtou.images import to_digit
from tongtou.images.mnist_form import centre, stroke_width
from tongtou.images.planes import label_regions, spread


@pytest.fixture(scope="module")
def seven():
    return draw(SEVEN)


# The proof --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(mnist):
    net = tt.Network(
        [784, 64, 10], activation="relu", output="softmax", loss="cross_entropy", seed=0
    )
    sgd = tt.SGD(learning_rate=0.1)
    tt.fit(net, mnist.train, optimizer=sgd, batch_size=32, epochs=3, seed=0, progress=False)
    return net


@pytest.fixture(scope="module")
def some(mnist):
    return mnist.test[np.random.default_rng(7).choice(10_000, 250, replace=False)]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.__name__)
def test_accuracy_falls_by_less_than_two_points(trained, some, variant):
    rng = np.random.default_rng(1)
    digits = some if variant is photo else some[:150]
    pictures = [to_digit(variant(paste(digit, rng), rng)).pixels for digit in digits.X]
    before = trained.accuracy(digits)
    after = trained.accuracy(np.stack(pictures).reshape(-1, 784), digits.y)
    assert before > 0.9
    assert before - after < 0.02


def test_digits_of_mnist_stay_nearly_as_they_are(trained, some):
    digits = [to_digit(digit.reshape(28, 28)) for digit in some.X]
    after = np.stack([digit.pixels for digit in digits]).reshape(-1, 784)
    assert all(digit.inverted for digit in digits)
    difference = np.abs(after.astype(int) - some.X)
    assert difference.mean() < 1.5
    # A few lose a speck, or move by a pixel where their centre of mass lies between two.
    assert (difference.max(axis=1) < 64).mean() > 0.95
    assert abs(trained.accuracy(after, some.y) - trained.accuracy(some)) <= 0.01


def test_pictures_come_back_in_the_form_of_mnist(mnist, some):
    """What is promised of ours is true of MNIST itself: measured, not copied from a description."""
    rng = np.random.default_rng(2)
    ours = [to_digit(clean(paste(digit, rng), rng)).pixels for digit in some.X[:50]]
    for fields in (mnist.test.X.reshape(-1, 28, 28), np.stack(ours)):
        mass = fields.sum(axis=(1, 2), dtype=float)
        numbers = np.arange(28)
        rows = fields.sum(axis=2, dtype=float) @ numbers / mass
        columns = fields.sum(axis=1, dtype=float) @ numbers / mass
        assert ((rows >= 13.49) & (rows <= 14.51)).all()
        assert ((columns >= 13.49) & (columns <= 14.51)).all()
        ink = fields > 0
        sides = np.maximum(ink.any(axis=2).sum(axis=1), ink.any(axis=1).sum(axis=1))
        assert (sides == 20).mean() > 0.99
    widths = [stroke_width(digit / 255) for digit in mnist.test.X[::20].reshape(-1, 28, 28)]
    assert np.percentile(widths, (1, 50, 99)) == pytest.approx([1.4, 2.5, 4.8], abs=0.2)


# As hands and cameras do it ---------------------------------------------------------------------


def test_the_result_says_how_it_came_about(seven):
    digit = to_digit(as_bytes(1 - seven))
    assert digit.pixels.shape == (28, 28)
    assert digit.pixels.dtype == np.uint8
    assert not digit.inverted
    assert same_box(digit.box, BOX, 3)
    keys = [step.key for step in digit.steps]
    assert keys == ["grey", "paper", "ink", "strokes", "box", "scaled", "centred"]
    assert all(step.array.dtype == np.uint8 and step.array.ndim == 2 for step in digit.steps)
    steps = dict(digit.steps)
    assert steps["paper"].min() > 240
    assert max(steps["scaled"].shape) == 20
    np.testing.assert_array_equal(steps["centred"], digit.pixels)
    assert repr(digit) == f"Digit(dark on light, box={digit.box}, steps={keys})"
    assert np.asarray(digit) is digit.pixels
    assert np.array(digit) is not digit.pixels
    assert np.asarray(digit, float).dtype == float


def test_a_dataset_of_mnist_takes_it(trained, seven):
    assert trained.predict(to_digit(as_bytes(1 - seven)).pixels.reshape(1, -1)) == [7]


def test_strokes_that_do_not_touch_belong_together():
    ring = Image.new("L", (240, 300))
    ImageDraw.Draw(ring).arc((70, 135, 180, 240), 200, 480, fill=255, width=14)
    five = draw([(110, 70), (190, 64)], [(100, 88), (92, 150)])
    digit = to_digit(as_bytes(1 - np.maximum(five, np.asarray(ring, np.float32) / 255)))
    assert same_box(digit.box, (70, 57, 190, 241), 4)


def test_specks_and_another_mark_far_away_are_dropped(seven):
    rng = np.random.default_rng(0)
    dirty = seven.copy()
    for y, x in rng.integers(5, 230, (40, 2)):
        if not dirty[y - 5 : y + 8, x - 5 : x + 8].any():
            dirty[y : y + 3, x : x + 3] = 1
    dirty[280:290, 10:30] = 1
    assert same_box(to_digit(as_bytes(1 - dirty)).box, BOX, 3)


@pytest.mark.parametrize("side", ["top", "bottom", "left", "right"])
def test_a_digit_cut_by_the_border_is_kept_whole(seven, side):
    top, bottom, left, right = {
        "top": (TOP + 4, 300, 0, 240), "bottom": (0, BOTTOM - 4, 0, 240),
        "left": (0, 300, LEFT + 4, 240), "right": (0, 300, 0, RIGHT - 4),
    }[side]  # fmt: skip
    digit = to_digit(as_bytes(1 - seven[top:bottom, left:right]))
    expected = (
        max(LEFT - left, 0),
        max(TOP - top, 0),
        min(RIGHT, right) - left,
        min(BOTTOM, bottom) - top,
    )
    assert same_box(digit.box, expected, 4)


@pytest.mark.parametrize("sides", [["left"], ["bottom"], ["left", "right", "top", "bottom"]])
@pytest.mark.parametrize("table", [0.1, 0.5])
def test_the_table_beside_the_paper_is_dropped(seven, sides, table):
    picture = 0.9 * (1 - 0.8 * seven)
    margins = [(30 * ("top" in sides), 30 * ("bottom" in sides))]
    margins += [(30 * ("left" in sides), 30 * ("right" in sides))]
    picture = np.pad(picture, margins, constant_values=table)
    picture += 0.02 * np.random.default_rng(0).standard_normal(picture.shape)
    x, y = margins[1][0], margins[0][0]
    expected = (LEFT + x, TOP + y, RIGHT + x, BOTTOM + y)
    assert same_box(to_digit(as_bytes(picture)).box, expected, 4)


@pytest.mark.parametrize("turn", range(0, 360, 30))
def test_the_edge_of_a_shadow_is_no_ink(seven, turn):
    y, x = np.mgrid[:300, :240]
    beyond = (x - 125) * np.cos(np.deg2rad(turn + 7)) + (y - 150) * np.sin(np.deg2rad(turn + 7))
    for width in (1, 4, 12):
        light = 1 - 0.5 / (1 + np.exp(-beyond / width))
        digit = to_digit(as_bytes(0.9 * light * (1 - 0.8 * seven)))
        assert same_box(digit.box, BOX, 4), width


@pytest.mark.parametrize("darkness", [0.3, 0.8])
@pytest.mark.parametrize("slope", [0, 0.03, -0.12])
def test_ruled_lines_are_dropped_light_or_dark_level_or_tilted(seven, darkness, slope):
    y, x = np.mgrid[:300, :240]
    lines = ((y + slope * x) % 40 < 2) * darkness
    digit = to_digit(as_bytes(0.95 * (1 - np.maximum(0.8 * seven, lines))))
    assert same_box(digit.box, BOX, 6)
    assert np.abs(digit.pixels.astype(int) - to_digit(as_bytes(1 - seven)).pixels).mean() < 8


@pytest.mark.parametrize("width", [2, 4, 8, 40])
def test_thin_and_thick_pens_come_as_strokes_of_mnist(trained, width):
    digit = to_digit(as_bytes(1 - draw(SEVEN, width=width)))
    assert 1.2 < stroke_width(digit.pixels / 255) < 5.5
    assert (digit.steps[-3].key == "thick") == (width < 10)
    assert trained.predict(digit.pixels.reshape(1, -1)) == [7]


def test_a_small_digit_in_a_large_photo_is_found(seven):
    rng = np.random.default_rng(3)
    sheet = np.zeros((2400, 3000), np.float32)
    sheet[1500:1800, 400:640] = seven
    light = shade((2400, 3000), rng) * (1 - 0.8 * sheet)
    picture = as_bytes(0.9 * light + 0.03 * rng.standard_normal(sheet.shape).astype(np.float32))
    digit = to_digit(encode(picture, "JPEG", quality=80))
    assert same_box(digit.box, (400 + LEFT, 1500 + TOP, 400 + RIGHT, 1500 + BOTTOM), 14)


# The tools --------------------------------------------------------------------------------------

masks = st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1)).map(
    lambda drawn: np.random.default_rng(drawn[2]).random(drawn[:2]) < (drawn[2] % 7 + 1) / 8
)


@given(mask=masks)
def test_regions_are_those_of_a_flood(mask):
    labels, n = label_regions(mask)
    assert ((labels >= 0) == mask).all()
    left, found = {tuple(pixel) for pixel in np.argwhere(mask).tolist()}, 0
    while left:
        flood, found = [left.pop()], found + 1
        number = labels[flood[0]]
        while flood:
            y, x = flood.pop()
            assert labels[y, x] == number
            near = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & left
            left -= near
            flood += near
    assert n == found == len(set(labels[mask].tolist()))


@given(mask=masks, radius=st.integers(0, 14))
def test_spreading_is_the_largest_nearby(mask, radius):
    plane = np.random.default_rng(int(mask.sum())).random(mask.shape).astype(np.float32)
    for reduce, expected in ((np.maximum, np.max), (np.minimum, np.min)):
        for (y, x), value in np.ndenumerate(spread(plane, radius, reduce)):
            nearby = plane[max(y - radius, 0) : y + radius + 1, max(x - radius, 0) : x + radius + 1]
            assert value == expected(nearby)


def test_what_is_heavy_at_one_end_stays_inside_the_field():
    small = np.zeros((20, 20), np.float32)
    small[0] = 1
    small[:, 0] = 0.01
    field = centre(small)
    assert field.sum() == np.rint(small * 255).sum()
