"""``--gates`` and ``--abstain``: the network may say that it does not know."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Files, Run
from PIL import Image

import tongtou as tt


@pytest.fixture(scope="session")
def gated(mnist: Any, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trained network, with its gates."""
    net = tt.load(model)
    net.gates = tt.honesty.gates(net, mnist.train)
    path = tmp_path_factory.mktemp("gated") / "gated.safetensors"
    net.save(path)
    return path


def test_evaluate_counts_answers_and_both_kinds_of_none(run: Run, gated: Path, mnist: Any) -> None:
    said = tt.load(gated).predict(mnist.test.X, abstain=0.05)
    wrong = int((said.answered & (said.likeliest != mnist.test.y)).sum())
    page = run("evaluate", gated, "--abstain", "5%").out
    n, share = int(said.answered.sum()), said.coverage
    assert f"{n:,} ({share:.1%}), {wrong:,} of them wrongly: {wrong / n:.2%}" in page
    assert "At most 5 % of the answers are wrong" in re.sub(r"\s+", " ", page)
    found = json.loads(run("evaluate", gated, "--abstain", "0.05", "--json").out)["abstain"]
    assert (found["n_answered"], found["n_wrong"]) == (n, wrong)
    assert found["n_answered"] + found["n_ambiguous"] + found["n_novel"] == found["n"] == 10_000
    assert found["promise"]["risk"] == 0.05
    chinese = run("evaluate", gated, "--abstain", "5％", "--lang", "zh").out
    assert "拿不准" in chinese
    assert "没见过" in chinese


def test_predict_says_which_of_the_two_it_is(
    run: Run, gated: Path, mnist: Any, tmp_path: Path
) -> None:
    net = tt.load(gated)
    said = net.predict(mnist.test.X, abstain=0.05)
    for verdict in ("answered", "ambiguous"):
        digit = mnist.test.X[np.flatnonzero(said.verdicts == verdict)[0]].reshape(28, 28)
        Image.fromarray(255 - digit).resize((280, 280)).save(tmp_path / f"{verdict}.png")
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    Image.fromarray(noise).resize((280, 280), Image.Resampling.NEAREST).save(tmp_path / "noise.png")
    names = ["answered.png", "ambiguous.png", "noise.png"]
    words = ["predict", gated, *names, "--abstain", "5%"]
    document = json.loads(run(*words, "--json").out)
    for name, one in zip(names, document["pictures"], strict=True):
        pixels = tt.images.to_digit(name).pixels.reshape(1, -1)
        assert one["verdict"] == json.loads(
            json.dumps(net.predict(pixels, abstain=0.05)[0].to_dict())
        )
    assert document["pictures"][2]["verdict"]["verdict"] == "novel"
    assert document["promise"]["risk"] == 0.05
    page = run(*words).out
    assert "noise.png: this is not like the digits I learnt" in page
    assert "不" in run(*words, "--lang", "zh").out


def test_rows_of_a_table_have_their_verdicts(
    run: Run, houses: Path, kinds_model: Path, tmp_path: Path
) -> None:
    net = tt.load(kinds_model)
    data = net.preprocessing.examples(houses, dtype=net.dtype)
    net.gates = tt.honesty.gates(net, data, validation=0.5, seed=0)
    net.save("gated.safetensors")
    said = net.predict(data.X, abstain=0.2)
    words = ["predict", "gated.safetensors", houses, "--abstain", "20%"]
    assert run(*words, "--out", "said.csv").code == 0
    told = [line.split(",")[-1] for line in Path("said.csv").read_text().splitlines()]
    assert told == ["verdict", *said.verdicts.tolist()]
    rows = json.loads(run(*words, "--json").out)["rows"]
    assert [row["verdict"] for row in rows] == said.verdicts.tolist()
    page = run(*words).out
    assert "with gates" in page
    assert page.splitlines()[2].rstrip().endswith(said.words()[0])


def test_train_keeps_gates_when_asked(run: Run, few: Files, tmp_path: Path) -> None:
    words = ["train", *few.words, "--epochs", 2, "--validation", 200, "--no-progress"]
    done = run(*words, "--gates", "--out", "with")
    assert done.code == 0
    assert "held-out" in done.out.split("Confusion matrix")[1]  # the promise
    net = tt.load(tmp_path / "with")
    data = tt.datasets.idx(few.images, few.labels)
    again = tt.honesty.gates(net, data, validation=200, seed=0)
    assert net.gates is not None
    assert net.gates.to_dict() == again.to_dict()
    assert run(*words, "--out", "without").code == 0
    assert tt.load(tmp_path / "without").gates is None


def test_the_honest_recipe_learns_beside_non_digits_and_keeps_gates(
    run: Run, few: Files, tmp_path: Path
) -> None:
    words = ["train", *few.words, "--recipe", "honest", "--epochs", 1, "--validation", 100]
    document = json.loads(run(*words, "--no-progress", "--out", "h", "--json").out)
    net = tt.load(tmp_path / "h")
    assert net.recipe["n_train"] == round((1 + tt.recipes.recipe("honest").beside) * 500)
    assert document["history"]["n_validation"] == 100
    assert net.gates is not None


MISTAKES = [
    (["evaluate", "plain", "--abstain", "1%"], "train it with tongtou train --gates"),
    (
        ["predict", "x.png", "--model", "plain", "--abstain", "1%"],
        "train it with tongtou train --gates",
    ),
    (["predict", "plain", "--abstain", "0"], "a risk between 0 and 1"),
    (["evaluate", "plain", "--abstain", "150%"], "a risk between 0 and 1"),
    (["train", "--gates", "--validation", "50"], "at least 100; there are 50"),
    (["train", "--recipe", "honest", "--class-weight", "balanced"], "leave --class-weight out"),
]


@pytest.mark.parametrize(("words", "says"), MISTAKES, ids=str)
def test_mistakes(run: Run, tmp_path: Path, words: list[str], says: str) -> None:
    tt.Network([784, 10]).save(tmp_path / "plain")
    done = run(*words)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert says in done.err


def test_tables_have_no_non_digits(run: Run, houses: Path) -> None:
    done = run("train", houses, "--target", "kind", "--recipe", "honest")
    assert done.code == 2
    assert "28×28" in done.err
    done = run("train", houses, "--target", "price", "--gates")
    assert done.code == 2
    assert "--gates is for telling classes apart" in done.err
