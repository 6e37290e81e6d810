"""``tongtou train``: what it shows, saves and keeps."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Files, Run

import tongtou as tt
from tongtou import training
from tongtou.recipes import recipe
from tongtou.terminal import plan


def test_train_shows_the_lesson_and_saves_it(run: Run, mnist: Any) -> None:
    done = run("train", "--epochs", 1)
    assert done.code == 0
    assert done.err == ""  # no progress bar where standard error is no terminal
    for expected in (
        r"784 → 16 → 16 → 10",
        r"hidden 1 +16 +784 × 16 = 12,544 +16 +12,560 +sigmoid",
        r"hidden 2 +16 +16 × 16 = +256 +16 +272 +sigmoid",
        r"output +10 +16 × 10 = +160 +10 +170 +sigmoid",
        r"together +12,960 +42 +13,002",
        r"55,000 digits to learn from, 5,000 held out",
        r"sum of squared errors",
        r"learning rate 1\.5, batches of 32, epochs: 1",
        r"[0-9.]+ s, [0-9.]+ s an epoch",
        r"Test on 10,000 digits it has never seen",
        r"The 8 most confidently wrong",
        r"Saved to digits\.safetensors",
    ):
        assert re.search(expected, done.out), expected
    net = tt.load("digits.safetensors")
    assert f"accuracy       {net.accuracy(mnist.test):.2%}" in done.out
    assert len(re.findall("said .,", done.out)) == 8


def test_train_equals_the_library(run: Run, few: Files) -> None:
    done = run(
        "train", *few.words, "--epochs", 2, "--seed", 3, "--hidden", "5,4", "--batch-size", 7,
        "--learning-rate", 0.5, "--validation", 0.1, "--activation", "tanh", "--dtype", "float64",
        "--initializer", "lecun", "--threads", 1, "--json",
    )  # fmt: skip
    data = tt.datasets.idx(few.images, few.labels)
    net = tt.Network(
        [784, 5, 4, 10], activation="tanh", initializer="lecun", seed=3, dtype="float64"
    )
    history = tt.fit(
        net, data, optimizer=tt.SGD(0.5), batch_size=7, epochs=2, seed=3, validation=0.1
    )
    theirs = tt.load("digits.safetensors")
    for mine, other in zip(net.layers, theirs.layers, strict=True):
        np.testing.assert_array_equal(mine.W, other.W)
        np.testing.assert_array_equal(mine.b, other.b)
    document = json.loads(done.out)
    losses = [one["loss"] for one in document["history"]["epochs"]]
    assert losses == pytest.approx(history.column("loss"), rel=1e-12)  # summed by slices of time
    assert document["network"]["sizes"] == [784, 5, 4, 10]
    test = tt.datasets.idx(few.test_images, few.test_labels)
    assert document["test"]["accuracy"] == net.accuracy(test)
    assert document["test"]["loss"] == net.loss(test)
    assert document["file"] == "digits.safetensors"
    assert "it has never seen" not in done.out


def test_json_is_one_line_and_nothing_else(run: Run, few: Files, model: Path, seven: Path) -> None:
    for words in (
        ["train", *few.words, "--epochs", 1],
        ["evaluate", model, *few.test_words],
        ["predict", seven, "--model", model],
        ["info"],
        ["info", model],
    ):
        done = run(*words, "--json", "--lang", "zh")
        assert done.code == 0
        assert done.err == ""
        assert done.out.count("\n") == 1
        assert json.loads(done.out)["tongtou"] == tt.__version__


def test_the_confident_mistakes_come_first(run: Run, few: Files) -> None:
    document = json.loads(run("train", *few.words, "--epochs", 3, "--json").out)
    wrong = document["test"]["most_confidently_wrong"]
    confidences = [one["confidence"] for one in wrong]
    assert confidences == sorted(confidences, reverse=True)
    net, test = tt.load("digits.safetensors"), tt.datasets.idx(few.test_images, few.test_labels)
    outputs = net.predict_proba(test)
    for one in wrong:
        assert one["is"] == test.y[one["row"]] != one["said"] == outputs[one["row"]].argmax()
        assert one["confidence"] == pytest.approx(outputs[one["row"]].max())
    is_wrong = outputs.argmax(1) != test.y
    assert confidences[0] == pytest.approx(outputs[is_wrong].max())
    assert len(wrong) == min(8, is_wrong.sum())


def test_cross_entropy_brings_softmax_and_a_rate_that_works(run: Run, few: Files) -> None:
    words = ["--loss", "cross_entropy", "--activation", "relu", "--hidden", 0, "--epochs", 1]
    document = json.loads(run("train", *few.words, *words, "--json").out)
    assert document["network"]["layers"][0]["activation"] == "softmax"
    assert document["network"]["sizes"] == [784, 10]
    assert document["network"]["recipe"]["optimizer"]["learning_rate"] == 0.1


@pytest.mark.parametrize(
    ("loss", "activation", "output", "rate"),
    [
        ("sse", "sigmoid", "sigmoid", 1.5),
        ("mse", "sigmoid", "sigmoid", 15),
        ("sse", "relu", "sigmoid", 0.5),
        ("sse", "relu", "linear", 0.02),
        ("cross_entropy", "sigmoid", "softmax", 0.1),
    ],
)
def test_the_suggested_rate_suits_the_network(
    loss: str, activation: str, output: str, rate: float
) -> None:
    chosen = replace(recipe("lesson"), activation=activation, output=output, loss=loss)
    assert plan.suggested_rate(chosen, n_out=10) == pytest.approx(rate)


def test_without_test_data_there_is_no_test(run: Run, few: Files) -> None:
    words = ["train", "--images", few.images, "--labels", few.labels, "--epochs", 1]
    done = run(*words)
    assert done.code == 0
    assert "Not tested" in done.out
    assert "550 examples to learn from, 50 held out" in done.out
    assert json.loads(run(*words, "--json").out)["test"] is None


def test_no_epoch_and_nothing_held_out_are_fine(run: Run, few: Files) -> None:
    done = run("train", *few.words, "--epochs", 0, "--validation", 0)
    assert done.code == 0
    assert "600 examples to learn from\n" in done.out
    assert "an epoch (" not in done.out


def test_ctrl_c_keeps_what_was_learnt(
    run: Run, few: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    class InterruptedPace(training.Pace):
        def next_slice(self) -> tuple[int, int]:
            nonlocal asked
            asked += 1
            if asked > 5:
                raise KeyboardInterrupt
            return 10, 1

    monkeypatch.setattr(training, "Pace", InterruptedPace)
    done = run("train", *few.words, "--epochs", 50)
    assert done.code == 130
    assert done.err == ""
    # 550 examples in batches of 32 are 18 steps, so slices are of 10, 8, 10, 8 and 10 steps.
    assert "46 steps is kept (whole epochs: 2)" in done.out
    assert "Saved to digits.safetensors" in done.out
    kept = tt.load("digits.safetensors")
    assert kept.history is not None
    assert kept.history.stopped_by == "interrupted"


def test_ctrl_c_before_training_saves_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tt.datasets, "mnist", interrupted)
    assert run("train") == (130, "", "Interrupted.\n")
    assert not Path("digits.safetensors").exists()


def test_a_diverging_run_leaves_an_existing_file_alone(run: Run, few: Files) -> None:
    Path("digits.safetensors").write_bytes(b"precious")
    words = ["--activation", "relu", "--output", "linear", "--learning-rate", "1e30"]
    done = run("train", *few.words, *words)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "diverged" in done.err
    assert "nothing was saved" in done.err
    assert "1e+30" in done.err
    assert Path("digits.safetensors").read_bytes() == b"precious"
