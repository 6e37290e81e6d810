"""The worked examples: each runs in both languages, and its numbers make its point."""

import importlib
import inspect
import re
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tongtou import i18n

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "page")
SLOW = {
    "overfitting_and_cures", "vanishing_gradient", "depth_and_width", "learning_rates",
    "rules_against_learning", "no_hidden_layer", "one_big_function",
}  # fmt: skip
DOCUMENTS = {"en": ROOT / "docs" / "examples.md", "zh": ROOT / "docs" / "examples.zh-CN.md"}


@pytest.fixture(scope="module", autouse=True)
def _on_the_path():
    sys.path.insert(0, str(FOLDER))
    yield
    sys.path.remove(str(FOLDER))
    for name in [*NAMES, "page"]:
        sys.modules.pop(name, None)


class Runs:
    """Each example, run once and kept: what it returned, printed and drew."""

    def __init__(self, folder):
        self.folder, self.kept = folder, {}

    def __call__(self, name, capsys):
        if name not in self.kept:
            picture = self.folder / f"{name}.png"
            quick = ["--quick"] if name in SLOW else []
            numbers = importlib.import_module(name).main(
                ["--lang", "zh", "--out", str(picture), *quick]
            )
            self.kept[name] = numbers, capsys.readouterr().out, picture
        return self.kept[name]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return Runs(tmp_path_factory.mktemp("pictures"))


@pytest.mark.parametrize("name", NAMES)
def test_it_prints_a_table_and_draws_a_picture(name, runs, capsys):
    _, said, picture = runs(name, capsys)
    assert "───" in said
    assert re.search("[\u4e00-\u9fff]", said)
    with Image.open(picture) as image:
        assert image.width >= 600
        # an empty sheet has one colour, and lettering alone a few dozen columns of ink
        ink = np.asarray(image.convert("L")) < 200
    assert ink.any(0).mean() > 0.5
    assert picture.stat().st_size < 60_000


def test_both_languages_say_the_same_numbers(tmp_path, capsys):
    main = importlib.import_module("step_against_sigmoid").main
    said = {}
    for language in i18n.LANGUAGES:
        main(["--lang", language, "--out", str(tmp_path / "x.png"), "--quick"])
        printed = capsys.readouterr().out
        said[language] = re.findall(r"\d+\.\d+", printed)
        assert bool(re.search("[\u4e00-\u9fff]", printed)) == (language == "zh")
    assert said["en"] == said["zh"]


@pytest.mark.parametrize("name", NAMES)
def test_every_sentence_has_both_languages(name):
    """`t` and `say` take English first and Chinese second."""
    source = (FOLDER / f"{name}.py").read_text("utf-8")
    code = source.split('"""', 2)[2]
    strings = re.findall(r'"(?:[^"\\]|\\.)*"', code)
    assert sum(bool(re.search("[\u4e00-\u9fff]", one)) for one in strings) > 5


# Each makes its point ---------------------------------------------------------------------------


def test_one_neuron_by_hand(runs, capsys):
    numbers, said, _ = runs("one_neuron_by_hand", capsys)
    _, slope1, slope2 = numbers["first_step"]
    assert np.allclose(numbers["backpropagation"], (slope1, slope2))
    assert f"{-slope1:.4f}" in said
    assert numbers["exits"] == {
        "small": "step limit",
        "right": "gradient small",
        "large": "step limit",
        "tiny": "loss flat",
        "saturated": "gradient small",
    }
    S = numbers["S"]
    assert S["right"] < 0.5 * S["large"] < S["small"] < S["saturated"]
    losses = np.array([S for _, _, S in numbers["paths"]["large"]])
    assert (np.diff(losses) > 0).mean() > 0.3  # it jumps past the minimum, up as often as down
    assert (np.diff([S for _, _, S in numbers["paths"]["small"]]) < 0).all()
    assert numbers["layers"] < numbers["neuron"] / 50
    assert numbers["disagreement"] < 1e-12


def test_one_neuron_slope_is_that_of_the_loss():
    """The chain rule written out, against the loss on either side."""
    example = importlib.import_module("one_neuron_by_hand")
    h = 1e-6
    _, slope1, slope2, _ = example.one_step(0.3, -0.7)
    left = (example.one_step(0.3 + h, -0.7)[0] - example.one_step(0.3 - h, -0.7)[0]) / (2 * h)
    right = (example.one_step(0.3, -0.7 + h)[0] - example.one_step(0.3, -0.7 - h)[0]) / (2 * h)
    assert np.allclose((slope1, slope2), (left, right), atol=1e-8)


def test_step_against_sigmoid(runs, capsys):
    numbers, _, _ = runs("step_against_sigmoid", capsys)
    sums = (0.0, 5.0, 9.0, 9.9, 10.0, 10.1, 11.0, 15.0)
    assert numbers["fires"]["step"] == [float(one >= 10) for one in sums]
    assert np.allclose(numbers["fires"]["sigmoid"], 1 / (1 + np.exp(10 - np.array(sums))))
    assert numbers["step"]["gradient"] == numbers["step"]["moved"] == 0
    assert numbers["step"]["after"] == numbers["step"]["before"] < 0.9
    assert numbers["sigmoid"]["gradient"] > 0.01
    assert numbers["sigmoid"]["after"] > 0.95
    assert numbers["rule"]["after"] > 0.95


def test_learning_rates(runs, capsys):
    numbers, _, _ = runs("learning_rates", capsys)
    held, best = numbers["held"], numbers["best"]
    assert 0.3 <= best <= 6
    assert held[best] > 0.85
    assert held[0.01] < held[best] - 0.3
    assert held[60.0] < 0.2
    assert numbers["slope"][60.0] < 1e-3 * numbers["slope"][best]
    assert abs(numbers["test"] - held[best]) < 0.03


def test_overfitting_and_cures(runs, capsys):
    numbers, _, _ = runs("overfitting_and_cures", capsys)
    sick = numbers["none"]
    assert sick["train_wrong"] < 0.005 < 0.09 < sick["test_wrong"]
    for name, cured in numbers.items():
        if name != "none":
            assert cured["gap"] < 0.92 * sick["gap"], name
            assert cured["test_loss"] < sick["test_loss"], name
    for name in ("dropout", "noise", "moved", "more"):
        assert numbers[name]["test_wrong"] < sick["test_wrong"] - 0.01, name
    assert numbers["moved"]["gap"] < 0.5 * sick["gap"]
    assert numbers["l1"]["weights_0"] > 0.1
    assert sick["weights_0"] < 0.01
    assert numbers["early"]["epochs"] < sick["epochs"]


def test_vanishing_gradient(runs, capsys):
    numbers, _, _ = runs("vanishing_gradient", capsys)
    sizes, accuracy = numbers["sizes"], numbers["accuracy"]
    ratio = {key: one[0] / one[-1] for key, one in sizes.items()}
    assert ratio["sigmoid", 8] < 1e-3 * ratio["relu", 8]
    assert ratio["sigmoid", 8] < 1e-2 * ratio["sigmoid", 5] < 1e-3 * ratio["sigmoid", 2]
    assert sizes["sigmoid", 8] == sorted(sizes["sigmoid", 8])  # smaller with every layer back
    assert ratio["relu", 8] > 0.1
    assert accuracy["sigmoid", 2] > 0.85
    assert accuracy["sigmoid", 8] < 0.3 < 0.85 < accuracy["relu", 8]


def test_any_curve(runs, capsys):
    numbers, _, _ = runs("any_curve", capsys)
    rms = [one for one, _ in numbers["errors"]["tanh"]]
    assert len(rms) == 12
    assert max(later / before for before, later in pairwise(rms)) < 1.1
    assert numbers["errors"]["tanh"][-1][1] < 0.05
    assert rms[-1] < 0.05 * rms[0]
    linear = [one for one, _ in numbers["errors"]["linear"]]
    assert max(linear) - min(linear) < 0.02  # as straight with three units as with one
    assert numbers["outside"] > 20 * numbers["errors"]["tanh"][-1][1]


def test_depth_and_width(runs, capsys):
    numbers, _, _ = runs("depth_and_width", capsys)
    held, chosen = numbers["held"], numbers["chosen"]
    assert held[chosen] == max(held.values())
    for depth in (1, 2, 3):
        assert held[depth, 4] < held[depth, 16] < held[depth, 64]
    assert held[0, 0] > 0.88  # no hidden layer: not as helpless as is said
    assert abs(numbers["test"] - held[chosen]) < 0.03


def test_profit(runs, capsys):
    numbers, _, _ = runs("profit", capsys)
    assert np.allclose(numbers["recovered"], numbers["true"], atol=1.2)
    assert 2.8 < numbers["rms"] < 4.0  # the luck of a week is 3: nothing can do better
    for before, after, best in numbers["gains"]:
        assert after > before + 30
        assert best - 1.0 < after <= best + 1e-6
    assert numbers["weights_moved"] == 0  # the second descent moves inputs


def test_profit_climbs_by_the_slope_of_the_prediction():
    example = importlib.import_module("profit")
    net = example.tt.Network([6, 5, 1], activation="tanh", output="linear", dtype="float64", seed=4)
    x, h = np.linspace(-1, 1, 6), 1e-6
    steps = h * np.eye(6)
    slope = (net.predict(x + steps) - net.predict(x - steps))[:, 0] / (2 * h)
    assert np.allclose(example.slope(net, x), slope, atol=1e-7)


def test_walk_to_target(runs, capsys):
    numbers, _, _ = runs("walk_to_target", capsys)
    assert numbers["free"] == {"arrived": 1.0, "stuck": 0.0}
    assert numbers["wall"]["stuck"] > 0.3
    assert numbers["wall"]["arrived"] + numbers["wall"]["stuck"] == pytest.approx(1)
    assert numbers["momentum"]["arrived"] > numbers["wall"]["arrived"] + 0.1
    assert numbers["shaking"]["arrived"] > numbers["momentum"]["arrived"]


def test_walk_to_target_stops_in_a_real_local_minimum(runs, capsys):
    """All around the place where they stick the ground is higher."""
    example = importlib.import_module("walk_to_target")
    numbers, _, _ = runs("walk_to_target", capsys)
    pocket = np.array(numbers["stuck_at"])
    ring = [pocket + 0.3 * np.array([np.cos(a), np.sin(a)]) for a in np.linspace(0, 6.28, 24)]
    here = example.height(pocket, example.WALL)
    assert (example.height(np.array(ring), example.WALL) > here).all()
    assert here > example.height(example.TARGET, example.WALL) + 3


def test_rules_against_learning(runs, capsys):
    numbers, _, _ = runs("rules_against_learning", capsys)
    three, right = numbers["three"], numbers["right"]
    assert three["always_no"] < three["right"] < three["neuron_right"]
    assert three["found"] < 0.6 * three["of"] < three["neuron_found"]
    assert 0.6 < right["rules"] < 0.75
    assert right["rules"] + 0.1 < right["weighed"] < right["pixels"]  # the same measurements
    assert right["learnt"] > right["weighed"]
    assert {one for one in numbers["why"] if one} == {"hole", "bars", "upper", "lower"}


def test_the_rules_measure_what_they_say():
    example = importlib.import_module("rules_against_learning")
    page = np.zeros((3, 28, 28), np.uint8)
    page[0, 5:23, 8:20] = 255
    page[0, 8:12, 11:17] = page[0, 15:19, 11:17] = 0  # an 8 of boxes
    page[1, 5:23, 13:15] = 255  # a 1
    page[2, 5:23, 17:20] = 255  # a 3 of bars
    page[2, 5:8, 9:20] = page[2, 13:15, 9:20] = page[2, 20:23, 9:20] = 255
    found = example.one_by_one(example.measured(page.reshape(3, -1)))
    assert [one["holes"] for one in found] == [2, 0, 0]
    assert [one["bars"] for one in found] == [3, 1, 3]
    assert [one["upper"] for one in found] == [2, 1, 1]
    assert [example.digit(one) for one in found] == [8, 1, 3]
    assert [example.no_three(one) for one in found] == ["hole", "bars", ""]


def test_no_hidden_layer(runs, capsys):
    numbers, _, _ = runs("no_hidden_layer", capsys)
    right = numbers["right"]
    assert right["digits"]["none"] > 0.9  # not as helpless as is said
    assert right["three"]["none"] > 0.955
    for task in ("digits", "moved", "negative"):
        assert right[task]["none"] < right[task]["wide"]
    assert right["negative"]["none"] < 0.5 < 0.85 < right["negative"]["wide"]
    assert right["moved"]["none"] < right["moved"]["wide"] - 0.2


def test_no_hidden_layer_changes_nothing_but_place_and_sign(mnist):
    example = importlib.import_module("no_hidden_layer")
    few = mnist.train[:50]
    turned = example.every_second_in_negative(few).X.astype(int)
    assert (turned[::2] == few.X[::2]).all()
    assert (turned[1::2] + few.X[1::2] == 255).all()
    shifted = example.moved(few).X
    assert (np.sort(shifted, axis=1) == np.sort(few.X, axis=1)).all()  # no ink is lost
    assert (shifted != few.X).any(axis=1).mean() > 0.9


def test_one_big_function(runs, capsys):
    numbers, said, _ = runs("one_big_function", capsys)
    assert numbers["difference"] < 1e-6
    assert "130" in said
    assert "13,002" in said
    typical = [np.median(one) for one in numbers["changes"]]
    assert typical[0] < 0.001  # a weight of the first layer hardly matters
    assert max(numbers["changes"][1]) > 2 * max(numbers["changes"][0])
    assert numbers["hand"] < numbers["descent"] - 0.2
    assert len(numbers["course"]) == numbers["days"] + 1
    assert numbers["peeled"]


# Their pages ------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", i18n.LANGUAGES)
def test_the_page_has_each_example_with_its_command_and_its_picture(language):
    text = DOCUMENTS[language].read_text("utf-8")
    for name in NAMES:
        option = " --lang zh" if language == "zh" else ""
        assert f"python examples/{name}.py{option} --out docs/images/" in text, name
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)
    written = re.findall(r"--out (docs/\S+)", text)
    assert [f"docs/{one}" for one in shown] == written
    for one in written:
        path = ROOT / one
        assert path.is_file()
        assert path.stat().st_size < 60_000, one


def test_the_examples_are_listed_in_their_docstrings_with_their_command():
    for name in NAMES:
        module = importlib.import_module(name)
        assert f"python examples/{name}.py [--lang zh] [--out picture.png]" in inspect.getdoc(
            module
        )
