"""Non-digits to train beside, pictures to be refused, the recipes `honest`, and the one table."""

import io
import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

import tongtou as tt
from benchmarks import honesty as measuring
from benchmarks import table as tables
from benchmarks import verdicts
from tongtou import honesty, i18n
from tongtou.honesty.letters import LETTERS, in_form
from tongtou.honesty.non_digits import KINDS, non_digits
from tongtou.honesty.pens import framed, inked
from tongtou.recipes import RECIPES, recipe


@pytest.fixture(scope="module")
def digits(mnist):
    return mnist.train[:3000]


@pytest.fixture(scope="module")
def made(digits):
    return non_digits(digits.X, digits.y, 600, seed=4)


def boxes(X):
    """(top, bottom, left, right) of the ink of each picture, the ends one past it."""
    pictures = X.reshape(-1, 28, 28) > 0
    found = []
    for ink in (pictures.any(axis=2), pictures.any(axis=1)):
        found += [ink.argmax(axis=1), 28 - ink[:, ::-1].argmax(axis=1)]
    return np.stack(found, axis=1)


# A pen ------------------------------------------------------------------------------------------


def test_a_pens_line_by_hand():
    """Along row 10, 3 pixels wide: full to one pixel beside it, half gone at 1.5."""
    points = np.stack([np.arange(5, 20, 0.5), np.full(30, 10.0)], axis=1)[None]
    ink = inked(points, np.ones((1, 30), bool), np.array([3.0])).reshape(28, 28)
    assert (ink[9:12, 6:19] == 255).all()
    assert (ink[8, 6:19] == 0).all()
    thin = inked(points, np.ones((1, 30), bool), np.array([2.0])).reshape(28, 28)
    assert (thin[9, 6:19] == 128).all()


def test_drawings_are_framed_as_mnist_frames():
    rng = np.random.default_rng(0)
    points = rng.random((50, 30, 2)) * [3.0, 1.0]
    drawn = rng.random((50, 30)) < 0.8
    placed = framed(points, drawn)
    for one, where in zip(placed, drawn, strict=True):
        spread = np.ptp(one[where], axis=0)
        assert spread.max() == pytest.approx(18)  # and a pixel of the pen on either side
        assert one[where].min() >= 1
        assert one[where].max() <= 26
    rows = [one[where].mean(axis=0)[1] for one, where in zip(placed, drawn, strict=True)]
    np.testing.assert_allclose(rows, 14, atol=1e-9)


# Non-digits -------------------------------------------------------------------------------------


def test_non_digits_come_in_turns_and_are_the_same_again(digits, made):
    assert (made.shape, made.dtype) == ((600, 784), np.uint8)
    assert (non_digits(digits.X, digits.y, 600, seed=4) == made).all()
    assert (non_digits(digits.X, digits.y, 600, seed=5) != made).any()
    assert non_digits(digits.X, digits.y, 0).shape == (0, 784)
    assert list(KINDS) == ["strokes", "spliced", "scrambled", "noise"]


def test_strokes_fill_the_box_of_a_digit(made):
    strokes = made[::2]
    top, bottom, left, right = boxes(strokes).T
    longer = np.maximum(bottom - top, right - left)
    assert 18 <= np.median(longer) <= 22
    assert strokes.mean(axis=1).min() > 3  # none is blank
    assert len({one.tobytes() for one in strokes}) == 300


def test_spliced_ones_are_halves_of_two_classes(digits, made):
    known = digits.X.reshape(-1, 28, 28)
    for one in made[1::6][:10].reshape(-1, 28, 28):
        parents = set()
        edges = [(one[:11], known[:, :11]), (one[18:], known[:, 18:])]
        edges += [(one[:, :11], known[:, :, :11]), (one[:, 18:], known[:, :, 18:])]
        for part, whole in edges:
            same = (whole == part).all(axis=(1, 2))
            parents.add(frozenset(digits.y[same]))
        assert not frozenset.intersection(*parents), "one digit has all four edges"


def test_scrambled_ones_have_the_pixels_of_a_digit_elsewhere(digits, made):
    inks = {np.sort(one).tobytes() for one in digits.X}
    pictures = {one.tobytes() for one in digits.X}
    scrambled = made[3::6]
    assert all(np.sort(one).tobytes() in inks for one in scrambled)
    assert not any(one.tobytes() in pictures for one in scrambled)


def test_other_pictures_and_one_class_alone_are_refused(digits):
    with pytest.raises(tt.ShapeError, match="28×28"):
        non_digits(digits.X[:, :100], digits.y, 4)
    with pytest.raises(tt.DataError, match="all of one class"):
        non_digits(digits.X[:5], np.zeros(5, int), 4)


# Test sets --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sets(mnist):
    return honesty.test_sets(64, digits=mnist.test[:500])


def test_every_kind_is_there_and_the_same_again(sets, mnist):
    assert list(sets) == [
        "noise", "noise_in_box", "constant", "blobs", "letters", "letter_strokes", "pairs",
        "upside_down",
    ]  # fmt: skip
    for name, X in sets.items():
        assert (X.dtype, X.shape) == (np.uint8, (256 if name == "constant" else 64, 784))
        alone = honesty.test_sets(64, digits=mnist.test[:500], names=[name])[name]
        assert (alone == X).all(), "it depends on what else was asked for"
    other = honesty.test_sets(64, digits=mnist.test[:500], seed=1)
    assert all((other[name] != X).any() for name, X in sets.items() if name != "constant")


def test_every_grey_is_among_the_constants(sets):
    assert (sets["constant"] == np.arange(256)[:, None]).all()


@pytest.mark.parametrize("name", ["letters", "letter_strokes", "pairs"])
def test_what_is_drawn_has_the_form_of_mnist(sets, name):
    X = sets[name]
    top, bottom, left, right = boxes(X).T
    assert np.median(np.maximum(bottom - top, right - left)) == pytest.approx(20, abs=2)
    rows = np.arange(28)
    pictures = X.reshape(-1, 28, 28).astype(float)
    middle = (pictures.sum(axis=2) * rows).sum(axis=1) / pictures.sum(axis=(1, 2))
    assert np.median(np.abs(middle - 14)) < 0.7


def test_noise_in_the_box_leaves_the_margin_black(sets):
    assert (boxes(sets["noise_in_box"]) == [4, 24, 4, 24]).all()


def test_upside_down_is_a_half_turn(sets, mnist):
    known = {one.tobytes() for one in mnist.test.X[np.isin(mnist.test.y, (3, 4, 7))]}
    assert all(one[::-1].tobytes() in known for one in sets["upside_down"])


def test_letters_that_are_digits_are_left_out():
    assert not set("OoQDIilLJjZzSsBGbgqyp") - {"L"} & set(LETTERS)


def test_a_picture_of_any_size_is_brought_into_form():
    page = np.zeros((100, 80), np.uint8)
    page[20:90, 30:40] = 255
    picture = in_form(page).reshape(1, -1)
    assert (boxes(picture)[0][1] - boxes(picture)[0][0]) == 20


def test_fonts_need_the_extra_that_brings_them(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("tongtou.extras.find_spec", lambda name: None)
    with pytest.raises(tt.MissingExtraError, match=r"tongtou\[plot\]"):
        honesty.test_sets(1, names=["letters"])


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="letters"):
        honesty.test_sets(1, names=["leters"])


# Recipes ----------------------------------------------------------------------------------------


def test_the_honest_recipes_and_their_sizes():
    assert recipe("honest").network(784, 10).n_parameters == 13002
    assert recipe("honest-best").hidden == RECIPES["best"].hidden
    assert [name for name, one in RECIPES.items() if one.beside] == ["honest", "honest-best"]


def test_the_held_out_digits_are_those_of_fit(digits):
    given = recipe("honest-best").examples(digits, 500, seed=3)
    data, held = given["data"], given["validation"]
    net = tt.Network([784, 10])
    net.recipe = {"seed": 3, "n_validation": 500}
    (X, y), (X_held, y_held) = honesty.split(net, digits)
    np.testing.assert_array_equal(held.X, X_held)
    assert (held.y.argmax(axis=1) == y_held).all()
    assert (data.X[:2500] == X).all()
    assert (data.y[:2500].argmax(axis=1) == y).all()
    assert len(data) == 2500 * (1 + recipe("honest-best").beside)
    assert (data.y[2500:] == np.float32(0.1)).all()
    # Made of what is learnt from, not of what is held out.
    again = non_digits(X, y, len(data) - 2500, seed=3)
    assert (data.X[2500:] == again).all()


def test_other_recipes_hand_the_data_on(digits):
    assert recipe("lesson").examples(digits, 100) == {"data": digits, "validation": 100}
    assert recipe("lesson").examples(digits)["validation"] is None
    whole = recipe("honest").examples(digits[:100])
    assert whole["validation"] is None


def test_there_are_no_non_digits_beside_numbers(digits):
    numbers = tt.Dataset(digits.X, digits.y.astype(float))
    with pytest.raises(tt.DataError, match="have none"):
        recipe("honest").examples(numbers, 100)


@pytest.fixture(scope="module")
def trained(mnist):
    """Small networks, with non-digits and without."""
    digits = mnist.train[:12000]
    found = {}
    for name, beside in (("plain", 0.0), ("honest", 1.0)):
        one = replace(recipe("honest"), beside=beside, epochs=5, augmentation=None, hidden=(32,))
        net = one.network(784, 10, seed=1)
        tt.fit(net, **one.examples(digits, 2000), progress=False, **one.settings())
        net.gates = honesty.gates(net, digits, 2000, seed=0)
        found[name] = net
    return found


def test_non_digits_beside_teach_to_refuse(trained, mnist):
    found = honesty.table(
        trained, mnist.test[:2000], risk="3%", n=160, names=["noise", "letters", "pairs"]
    )
    for kind in ("letters", "pairs"):
        assert found.refused("honest", kind) > found.refused("plain", kind) + 0.1
    plain, honest = found.summaries
    assert honest.accuracy > plain.accuracy - 0.02


def test_the_table_in_words_and_in_json(trained, mnist):
    found = honesty.table(
        trained, mnist.test[:300], risk={"plain": "3%", "honest": 0.05}, n=20, names=["constant"]
    )
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [(one["network"], one["asked"]) for one in data["summaries"]] == [
        ("plain", 0.03),
        ("honest", 0.05),
    ]
    row = next(one for one in data["rows"] if one["kind"] == "constant")
    assert row["refused"] == pytest.approx(row["ambiguous"] + row["novel"]) == 1
    assert row["n"] == 256
    for language, word in (("en", "blank and constant"), ("zh", "空白与单色")):
        i18n.use_language(language)
        try:
            lines = str(found).splitlines()
        finally:
            i18n.use_language(None)
        assert any(word in line and "100.0 %" in line for line in lines)
        assert len(lines) == 8


def test_a_table_needs_gates_and_such_pictures(trained, mnist):
    with pytest.raises(tt.DataError, match="no gates yet"):
        honesty.table({"x": tt.Network([784, 10])}, mnist.test[:5], n=1, names=["noise"])
    with pytest.raises(tt.DataError, match="4 inputs"):
        honesty.table({"x": tt.Network([4, 10])}, mnist.test[:5], n=1, names=["noise"])
    with pytest.raises(ValueError, match="no share for honest"):
        honesty.table(trained, mnist.test[:5], risk={"plain": "1%"}, n=1, names=["noise"])


def test_the_benchmark_holds_networks_to_what_is_asked(trained, mnist):
    """By the worst seed; noise is refused and letters are not, by these two small networks."""
    runs = []
    for name in ("plain", "honest"):
        found = honesty.table({"net": trained[name]}, mnist.test[:500], risk="3%", n=30)
        sure = honesty.calibration(trained[name], mnist.test[:500], resamples=5)
        runs.append({"seed": len(runs), "calibration": sure.to_dict(), **found.to_dict()})
    case = measuring.Case("quick", 0.2, 0.5, {"noise": 0.99, "letters": 0.999})
    row = measuring.summary(case, runs)
    kept = {one["what"]: one["kept"] for one in verdicts.honesty_targets([row])}
    assert kept == {
        "quick, 20 %: wrong, %": True,
        "quick, 20 %: answered, %": True,
        "quick, 20 %: noise refused, %": True,
        "quick, 20 %: letters refused, %": False,
    }
    assert row["least_refused"]["letters"] <= row["refused"]["letters"]
    console = Console(record=True, width=200, file=io.StringIO())
    tables.show_honesty(console, [row])
    assert "quick, 20 %" in console.export_text()
