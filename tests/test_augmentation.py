"""Augmentation's oracle: against SciPy's affine map, by properties, and the draws it is given."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import ndimage

import tongtou as tt
from tongtou import evaluation
from tongtou.augmentation import Augmentation, augmented, checked_picture_shape, transformed
from tongtou.errors import DataError, ShapeError
from tongtou.optimizers import SGD
from tongtou.randomness import AUGMENTATION, uniform

STILL = (0.0, 1.0, 0.0, 0.0, 0.0)
"""Parameters that move nothing: angle, s, k, dx, dy."""


def blob(height: int = 21, width: int = 21, x: float = 10, y: float = 10) -> np.ndarray:
    """A smooth spot of about 250, well inside."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.round(250 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)).astype(np.uint8)


def centre(picture: np.ndarray) -> tuple[float, float]:
    """Where its mass lies: x, y."""
    y, x = ndimage.center_of_mass(picture.astype(float))
    return x, y


def mass(picture: np.ndarray) -> float:
    return float(picture.sum(dtype=np.float64))


def by_scipy(picture: np.ndarray, parameters: np.ndarray) -> np.ndarray:
    """The same map as a matrix: source (y, x) = M (y, x) + offset, edges fading into 0."""
    angle, s, k, dx, dy = parameters
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    M = np.array([[1, -k], [0, 1]]) @ turn / s  # on (x, y)
    c = (np.array(picture.shape[1::-1]) - 1) / 2
    offset = c - M @ (c + np.array([dx, dy]))
    # A border of zeros: SciPy's "constant" cuts off what lies up to a pixel outside.
    values = ndimage.affine_transform(
        np.pad(picture.astype(np.float64), 1),
        M[::-1, ::-1],
        offset=offset[::-1] + 1 - M[::-1, ::-1] @ [1, 1],
        order=1,
        mode="constant",
    )
    return values[1:-1, 1:-1]


@pytest.mark.parametrize("shape", [(28, 28), (20, 33), (7, 5), (1, 9)])
def test_against_scipy(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    augmentation = Augmentation(shift=5, rotation=180, scale=0.5, shear=40)
    for parameters in augmentation.parameters(np.arange(60), epoch=2, seed=3):
        picture = rng.integers(0, 256, shape, np.uint8)
        expected = by_scipy(picture, parameters)
        moved = transformed(picture, parameters)
        # Rounded to the nearest: never further than one half, but for float64's own rounding.
        assert np.abs(moved - expected).max() <= 0.5 + 1e-9


def test_the_comparison_with_scipy_can_fail() -> None:
    picture = blob(x=6, y=12)
    one = np.array([0.3, 1.1, 0.2, 1.5, -0.5])
    for k, change in enumerate((0.2, 0.1, 0.2, 0.5, 0.5)):
        other = one.copy()
        other[k] += change
        assert np.abs(transformed(picture, one) - by_scipy(picture, other)).max() > 5


@pytest.mark.parametrize("shape", [(28, 28), (5, 8), (6, 4, 3), (1, 1)])
def test_nothing_moves_nothing(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    np.testing.assert_array_equal(transformed(picture, STILL), picture)
    flat = picture.reshape(1, -1)
    np.testing.assert_array_equal(augmented(flat, [5], 1, 2, Augmentation(), shape), flat)


@pytest.mark.parametrize(("dx", "dy"), [(3, 0), (0, -2), (-4, 5), (30, 0)])
def test_whole_pixels_shift_exactly(dx: int, dy: int) -> None:
    picture = np.random.default_rng(0).integers(1, 256, (12, 15), np.uint8)
    expected = np.zeros_like(picture)
    for y in range(12):
        for x in range(15):
            if 0 <= y - dy < 12 and 0 <= x - dx < 15:
                expected[y, x] = picture[y - dy, x - dx]
    np.testing.assert_array_equal(transformed(picture, (0, 1, 0, dx, dy)), expected)


def test_a_shift_moves_the_centre_of_mass_and_nothing_else() -> None:
    before, after = blob(), transformed(blob(), (0, 1, 0, 1.5, -2.25))
    assert np.subtract(centre(after), centre(before)) == pytest.approx([1.5, -2.25], abs=0.02)
    assert mass(after) == pytest.approx(mass(before), rel=0.01)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_quarter_turns_are_exact_and_clockwise(quarters: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (9, 9), np.uint8)
    turned = transformed(picture, (quarters * math.pi / 2, 1, 0, 0, 0))
    expected = np.rot90(picture, -quarters).astype(int)  # -1 is clockwise
    # A turn by pi/2 in float64 misses the middle of the pixels by 1e-15: no grey changes, but a
    # border pixel's neighbour may lie outside.
    np.testing.assert_array_equal(turned, expected)


def test_a_turn_keeps_the_mass() -> None:
    before = blob(x=14, y=10)
    for degrees in (10, 33, 77, 120):
        after = transformed(before, (math.radians(degrees), 1, 0, 0, 0))
        assert mass(after) == pytest.approx(mass(before), rel=0.01)
        # 4 to the right of the centre goes 4 cos to the right and 4 sin downwards.
        angle = math.radians(degrees)
        expected = (10 + 4 * math.cos(angle), 10 + 4 * math.sin(angle))
        assert centre(after) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("s", [0.7, 1.4])
def test_scaling_keeps_the_centre_and_changes_the_area(s: float) -> None:
    before, after = blob(), transformed(blob(), (0, s, 0, 0, 0))
    assert centre(after) == pytest.approx((10, 10), abs=0.02)
    assert mass(after) == pytest.approx(s * s * mass(before), rel=0.02)
    off = transformed(blob(x=12), (0, s, 0, 0, 0))
    assert centre(off) == pytest.approx((10 + 2 * s, 10), abs=0.05)


def test_shear_slides_rows_sideways_in_proportion_to_their_height() -> None:
    k = math.tan(math.radians(20))
    for y in (6, 10, 14):
        after = transformed(blob(y=y), (0, 1, k, 0, 0))
        assert centre(after) == pytest.approx((10 + k * (y - 10), y), abs=0.05)
        assert mass(after) == pytest.approx(mass(blob(y=y)), rel=0.01)


def test_back_again() -> None:
    """A map and its inverse give back a smooth picture but for the blur of two interpolations."""
    before = ndimage.gaussian_filter(np.pad(np.full((9, 9), 255.0), 12), 2.5).astype(np.uint8)
    for there, back in [
        ((0.4, 1, 0, 0, 0), (-0.4, 1, 0, 0, 0)),
        ((0, 1.25, 0, 0, 0), (0, 0.8, 0, 0, 0)),
        ((0, 1, 0.3, 0, 0), (0, 1, -0.3, 0, 0)),
        ((0, 1, 0, 1.5, -0.5), (0, 1, 0, -1.5, 0.5)),
    ]:
        again = transformed(transformed(before, there), back)
        assert np.abs(again.astype(int) - before).max() <= 8


def test_outside_is_black_and_halves_round_up() -> None:
    picture = np.array([[255, 0, 1]], np.uint8)
    np.testing.assert_array_equal(transformed(picture, (0, 1, 0, 0.5, 0)), [[128, 128, 1]])
    np.testing.assert_array_equal(transformed(picture, (0, 1, 0, 0, 0.5)), [[128, 0, 1]])
    assert not transformed(picture, (0, 1, 0, 3, 0)).any()


def test_colours_move_together() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (11, 8, 3), np.uint8)
    parameters = Augmentation(shift=2, rotation=30, scale=0.2, shear=15).parameters([3], 0, 0)[0]
    moved = transformed(picture, parameters)
    for channel in range(3):
        np.testing.assert_array_equal(
            moved[..., channel], transformed(picture[..., channel], parameters)
        )


# The draws ----------------------------------------------------------------------------------------


def test_parameters_are_the_documented_draws() -> None:
    augmentation = Augmentation(shift=3, rotation=20, scale=0.25, shear=10)
    seed, epoch, rows = 2**40 + 7, 5, [9, 0, 100, 9]
    u = uniform(seed, AUGMENTATION, 8 * 101, epoch=epoch)
    found = augmentation.parameters(rows, epoch, seed)
    for row, parameters in zip(rows, found, strict=True):
        u0, u1, u2, u3, u4 = u[8 * row : 8 * row + 5]
        expected = [
            math.radians((2 * u0 - 1) * 20),
            1 + (2 * u1 - 1) * 0.25,
            math.tan(math.radians((2 * u2 - 1) * 10)),
            (2 * u3 - 1) * 3,
            (2 * u4 - 1) * 3,
        ]
        np.testing.assert_allclose(parameters, expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("setting", "columns"),
    [("rotation", [0]), ("scale", [1]), ("shear", [2]), ("shift", [3, 4])],
)
def test_each_setting_alone_moves_what_it_should(setting: str, columns: list[int]) -> None:
    size = {"rotation": 30, "scale": 0.3, "shear": 30, "shift": 3}[setting]
    drawn = Augmentation(**{setting: size}).parameters(np.arange(2000), 0, 1)
    limit = {"rotation": math.radians(30), "shear": math.tan(math.radians(30))}.get(setting, size)
    for column in range(5):
        away = drawn[:, column] - STILL[column]
        if column not in columns:
            assert not away.any()
            continue
        assert np.abs(away).max() <= limit
        assert np.abs(away).max() > 0.99 * limit
        assert abs(away.mean()) < 0.1 * limit  # to either side alike
    if len(columns) == 2:
        assert abs(np.corrcoef(drawn[:, 3], drawn[:, 4])[0, 1]) < 0.1


def test_epochs_and_seeds_and_rows_differ_and_the_largest_row_fits() -> None:
    one = Augmentation(shift=1)
    base = one.parameters([1], 0, 0)[0, 3]
    assert base not in (
        one.parameters([2], 0, 0)[0, 3],
        one.parameters([1], 1, 0)[0, 3],
        one.parameters([1], 0, 1)[0, 3],
    )
    last = one.parameters([2**31 - 1], 0, 0)[0, 3:]
    assert (np.abs(last) <= 1).all()


def test_a_batch_is_each_picture_with_its_own_draw() -> None:
    rng = np.random.default_rng(0)
    X, rows = rng.integers(0, 256, (5, 30), np.uint8), [7, 3, 3, 11, 0]
    augmentation = Augmentation(shift=1, rotation=15)
    moved = augmented(X, rows, 4, 2, augmentation, (5, 6))
    assert moved.shape == X.shape
    for picture, row, result in zip(X, rows, moved, strict=True):
        parameters = augmentation.parameters([row], 4, 2)[0]
        np.testing.assert_array_equal(
            result.reshape(5, 6), transformed(picture.reshape(5, 6), parameters)
        )
    with pytest.raises(ValueError, match="shorter"):
        augmented(X, rows[:4], 4, 2, augmentation, (5, 6))


# The kernel ---------------------------------------------------------------------------------------


def seen_by_the_kernel(
    picture: np.ndarray, shape: tuple[int, ...], augmentation: Augmentation, row: int
) -> np.ndarray:
    """What example `row` of epoch 0 looks like inside the kernel.

    A line from 0 with C = (a - y)^2 / 2 and y = -1 has dC/dW = x: after one step of rate 1 the
    weights are -x. The rows before have weight 0 and move nothing.
    """
    X = np.repeat(picture.reshape(1, -1), row + 1, axis=0)
    net = tt.Network(
        [picture.size, 1], output="linear", loss="half_sse", initializer="zeros", dtype="float64"
    )
    net.input_shape = shape
    tt.fit(
        net,
        (X, -np.ones(row + 1)),
        optimizer=SGD(learning_rate=1.0),
        batch_size=1,
        epochs=1,
        shuffle=False,
        seed=3,
        augmentation=augmentation,
        sample_weight=np.arange(row + 1) == row,
        threads=1,
        engine="native",
    )
    return -255 * net.layers[0].W.ravel()


@pytest.mark.skipif(evaluation.kernel is None, reason="needs the compiled kernel")
@pytest.mark.parametrize(
    "augmentation",
    [
        Augmentation(shift=2, rotation=10, scale=0.1, shear=10),
        Augmentation(shift=9, rotation=180, scale=0.9, shear=60),
        Augmentation(shift=3),
    ],
    ids=["as usual", "as far as it goes", "shift alone"],
)
@pytest.mark.parametrize("shape", [(28, 28), (5, 9), (12, 10, 3), (120, 90)])
def test_the_kernel_moves_pictures_as_the_oracle_does(
    shape: tuple[int, ...], augmentation: Augmentation
) -> None:
    """Within one grey: the kernel goes by 256ths of a pixel."""
    rng = np.random.default_rng(0)
    off = []
    for row in range(6):
        picture = rng.integers(0, 256, int(np.prod(shape)), np.uint8)
        expected = augmented(picture[None], [row], 0, 3, augmentation, shape)[0]
        found = seen_by_the_kernel(picture, shape, augmentation, row)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1.01)
        off.append(np.abs(found - expected).mean())
    assert np.mean(off) < 0.2


# Settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"shift": -1}, "shift must be a finite number from 0 on; it is -1"),
        ({"rotation": 181}, "rotation must be a finite number 0 … 180; it is 181"),
        ({"scale": 0.91}, "scale must be a finite number 0 … 0.9"),
        ({"shear": 61}, "shear must be a finite number 0 … 60"),
        ({"shear": math.nan}, "shear must"),
        ({"shift": (1, 2)}, "shift must"),
    ],
)
def test_settings_out_of_range_are_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Augmentation(**setting)


def test_description_round_trip_through_json() -> None:
    one = Augmentation(shift=2, rotation=10, scale=0.1, shear=5)
    assert Augmentation.from_description(json.loads(json.dumps(one.describe()))) == one
    assert one
    assert not Augmentation()
    with pytest.raises(ValueError, match="described by a mapping of shift, rotation, scale"):
        Augmentation.from_description({"turn": 3})


def test_what_can_be_augmented() -> None:
    assert checked_picture_shape(np.dtype(np.uint8), 784, (28, 28)) == (28, 28, 1)
    assert checked_picture_shape(np.dtype(np.uint8), 60, [4, 5, 3]) == (4, 5, 3)
    with pytest.raises(DataError, match="uint8 pixels, 0 … 255; X holds float32"):
        checked_picture_shape(np.dtype(np.float32), 784, (28, 28))
    for shape in ((), (784,), (28, 27), (2, 2, 4, 49)):
        with pytest.raises(ShapeError, match=r"height and width.*making 784 values.*input_shape"):
            checked_picture_shape(np.dtype(np.uint8), 784, shape)
