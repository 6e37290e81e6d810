"""The recipes, from Python and from the command line, and what ``tongtou info`` says of them."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from command_line import Files, Run

import tongtou as tt
from tongtou.losses import LOSSES
from tongtou.optimizers import OPTIMIZERS
from tongtou.recipes import AUGMENTATIONS, RECIPES, recipe
from tongtou.schedules import SCHEDULES
from tongtou.terminal import info

SIZES = {
    "lesson": "784-16-16-10",
    "quick": "784-128-10",
    "best": "784-256-128-10",
    "lesson-best": "784-16-16-10",
    "honest": "784-16-16-10",
    "honest-best": "784-256-128-10",
}


def test_the_networks_are_those_promised() -> None:
    assert list(RECIPES) == list(SIZES)
    for name, sizes in SIZES.items():
        net = recipe(name).network(784, 10, seed=1, dtype="float64")
        assert "-".join(map(str, net.sizes)) == sizes
        assert (net.seed, net.dtype.name) == (1, "float64")
    for name in ("lesson", "lesson-best"):
        net = recipe(name).network(784, 10)
        assert net.n_parameters == 13002
        assert {layer.activation.name for layer in net.layers} == {"sigmoid"}
    assert recipe("best").augmentation
    assert recipe("honest").network(784, 10).n_parameters == 13002


def test_the_lesson_is_plain() -> None:
    lesson = recipe("lesson")
    assert lesson.loss == "sse"
    assert lesson.optimizer == tt.SGD(lesson.optimizer.schedule.initial)
    assert not lesson.regularization
    assert lesson.augmentation is None


def test_an_unknown_recipe_is_refused_with_the_known() -> None:
    with pytest.raises(
        ValueError, match="expected one of best, honest, honest-best, lesson, lesson-best, quick"
    ):
        recipe("slow")


@pytest.mark.parametrize("name", SIZES)
def test_settings_are_what_fit_takes(name: str, mnist: Any) -> None:
    one = recipe(name)
    net = one.network(784, 10)
    history = tt.fit(net, mnist.train[:200], progress=False, **one.settings() | {"epochs": 1})
    assert len(history.epochs) == 1
    assert net.recipe["optimizer"] == one.optimizer.describe()


def test_patience_becomes_early_stopping(mnist: Any) -> None:
    from dataclasses import replace

    given = replace(recipe("quick"), patience=3).settings()
    assert given["stop"] == tt.EarlyStopping(patience=3)
    assert "stop" not in recipe("quick").settings()


def test_quick_is_quick_and_good(mnist: Any) -> None:
    """On held-out training digits; the test digits are for `make bench`."""
    quick = recipe("quick")
    net = quick.network(784, 10, seed=0)
    history = tt.fit(net, mnist.train, validation=5000, progress=False, **quick.settings())
    assert history.epochs[-1].val_accuracy is not None
    assert history.epochs[-1].val_accuracy > 0.972


def test_a_recipe_from_the_command_line_equals_the_library(run: Run, few: Files) -> None:
    words = ["--recipe", "best", "--epochs", 2, "--seed", 5, "--threads", 1]
    document = json.loads(run("train", *few.words, *words, "--json").out)
    best = recipe("best")
    net = best.network(784, 10, seed=5)
    data = tt.datasets.idx(few.images, few.labels)
    given = best.settings() | {"epochs": 2}
    tt.fit(net, data, seed=5, validation=50, progress=False, **given)
    theirs = tt.load("digits.safetensors")
    for mine, other in zip(net.layers, theirs.layers, strict=True):
        np.testing.assert_array_equal(mine.W, other.W)
    assert document["network"]["recipe"]["augmentation"] == best.augmentation.describe()  # type: ignore[union-attr]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_info_names_everything_there_is(run: Run, language: str) -> None:
    page = run("info", "--lang", language).out
    for names in (RECIPES, OPTIMIZERS, SCHEDULES, LOSSES):
        for name in names:
            assert name in page
    document = json.loads(run("info", "--json").out)
    assert document["recipes"] == list(RECIPES)
    assert document["optimizers"] == list(OPTIMIZERS)
    assert document["extras"] == {
        "plot": True,
        "report": True,
        "sklearn": True,
        "tables": True,
    }


def test_info_tells_how_to_get_what_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    extras = {"plot": ("json",), "tables": ("no_such_library",)}
    monkeypatch.setattr(info, "_EXTRAS", extras)
    assert "plot; the others with pip install 'tongtou[tables]'" in run("info").out
    assert "plot；其余用 pip install 'tongtou[tables]' 安装" in run("info", "--lang", "zh").out
    assert json.loads(run("info", "--json").out)["extras"] == {"plot": True, "tables": False}


def test_a_missing_extra_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from tongtou import extras

    def missing(module: str, extra: str) -> None:
        raise tt.MissingExtraError(f"{module} is not installed; pip install 'tongtou[{extra}]'")

    monkeypatch.setattr(extras, "need", missing)
    with open("table.csv", "w") as file:
        file.write("a,b\n1,2\n3,4\n")
    done = run("train", "table.csv", "--target", "b")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "tongtou[tables]" in done.err


def test_augmentations_grow_stronger() -> None:
    assert list(AUGMENTATIONS) == ["none", "light", "medium", "strong"]
    strengths = [one.describe() for one in AUGMENTATIONS.values() if one]
    for weaker, stronger in pairwise(strengths):
        assert all(weaker[key] < stronger[key] for key in weaker)
