"""``tongtou features``, ``health`` and ``report``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Files, Run

import tongtou as tt
from tongtou.explanation import features, health
from tongtou.terminal import features as command
from tongtou.terminal.parting import parted

CHINESE = re.compile("[\u4e00-\u9fff]")


def flat(page: str) -> str:
    """A page without the breaks of its lines."""
    return re.sub(r"\s+", " ", page)


@pytest.fixture(scope="session")
def narrow(mnist: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of four and three hidden neurons: looking at each takes its time."""
    net = tt.Network([784, 4, 3, 10])
    tt.fit(net, mnist.train[:5000], optimizer=tt.SGD(1.5), epochs=2, progress=False)
    path = tmp_path_factory.mktemp("narrow") / "narrow.safetensors"
    net.save(path)
    return path


# What hidden neurons see --------------------------------------------------------------------------


def test_features_states_the_verdict_and_a_line_a_neuron(
    run: Run, few: Files, narrow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["features", narrow, *few.test_words]
    document = json.loads(run(*words, "--json").out)
    data = tt.datasets.idx(few.test_images, few.test_labels, classes=tt.load(narrow).classes)
    found = features(tt.load(narrow), data)
    monkeypatch.setattr(command, "features", lambda net, data, seed: found)  # it takes seconds
    done = run(*words)
    assert done.code == 0
    assert flat(found.verdict("en")) in flat(done.out)
    lines = re.findall(r"^ +(\d+) +\d +\d+% .*points$", done.out, re.M)
    assert lines == [*"0123", *"012"]
    fit = found.neuron(1, 3).edge
    assert fit is not None
    row = re.search(r"^ +3 .*$", done.out, re.M)
    assert row
    assert f" {fit.fit:.0%} " in row[0]
    assert document["verdict"]["en"] == found.verdict("en")
    assert document["layers"][0]["neurons"][0]["weights"] is None


def test_features_in_chinese_and_in_colours(
    run: Run, few: Files, narrow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("COLORTERM", "truecolor"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    page = run("features", narrow, *few.test_words, "--lang", "zh").out
    assert CHINESE.search(page)
    assert page.count("▀") == 4 * 14 * 7  # four pictures of weights, half a cell a pixel


def test_features_of_a_table(run: Run, houses: Path, kinds_model: Path) -> None:
    done = run("features", kinds_model, houses)
    assert done.code == 0
    assert "Layer 1: 16 neurons" in done.out
    assert re.search(r"^ +0 +(dear|cheap) ", done.out, re.M)
    assert "edge  " not in done.out  # a table has none


# Health -------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def sick(mnist: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that learnt at a rate far too small, from few digits."""
    net = tt.Network([784, 8, 10])
    tt.fit(net, mnist.train[:600], optimizer=tt.SGD(1e-4), epochs=2, progress=False)
    path = tmp_path_factory.mktemp("sick") / "sick.safetensors"
    net.save(path)
    return path


def test_health_says_what_it_found(run: Run, few: Files, sick: Path) -> None:
    words = ["health", sick, "--images", few.images, "--labels", few.labels]
    done = run(*words)
    assert done.code == 0
    net = tt.load(sick)
    found = health(net, tt.datasets.idx(few.images, few.labels, classes=net.classes))
    assert found.edit is not None
    for one in found.findings:
        assert flat(one.seen) in flat(done.out)
        assert flat(one.why) in flat(done.out)
    assert f"tongtou health {sick} --apply" in flat(done.out)
    document = json.loads(run(*words, "--json").out)
    assert [one["code"] for one in document["findings"]] == [one.code for one in found.findings]
    assert document["healthy"] is False
    assert run(*words, "--lang", "zh").out.count("：") > 3


def test_health_mends_into_another_file(run: Run, few: Files, sick: Path, tmp_path: Path) -> None:
    before = sick.read_bytes()
    data = ["--images", few.images, "--labels", few.labels]
    done = run("health", sick, *data, "--apply", "--out", "mended.safetensors")
    assert done.code == 0
    assert sick.read_bytes() == before
    old, new = tt.load(sick), tt.load(tmp_path / "mended.safetensors")
    assert new.recipe["optimizer"] != old.recipe["optimizer"]
    examples = tt.datasets.idx(few.images, few.labels, classes=old.classes)
    assert new.loss(examples) < 0.9 * old.loss(examples)
    assert f"{new.accuracy(examples):.2%}" in done.out
    assert "Saved to mended.safetensors" in done.out
    named = ["health", sick, *data, "--apply", "--out", "again.safetensors", "--json"]
    document = json.loads(run(*named).out)
    assert document["applied"]["file"] == "again.safetensors"
    assert document["applied"]["train"]["loss"] < document["train"]["loss"]


def test_health_has_nothing_to_apply(
    run: Run, few: Files, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tongtou.explanation.examination import Health

    monkeypatch.setattr(Health, "edit", None)
    done = run("health", model, *few.test_words, "--apply", "--out", "new.safetensors")
    assert done.code == 0
    assert "no file was written" in done.out
    assert not Path("new.safetensors").exists()


def test_a_table_is_parted_as_it_was_for_training(run: Run, houses: Path, tmp_path: Path) -> None:
    words = ["train", houses, "--target", "kind", "--drop", "price", "--epochs", 3, "--seed", 4]
    assert run(*words, "--no-progress", "--out", "kind.safetensors").code == 0
    table = tt.datasets.table(houses, target="kind", drop=["price"])
    train, test = table.split(0.2, seed=4)
    net = tt.load(tmp_path / "kind.safetensors")
    learnt, kept = parted(net, net.preprocessing.examples(houses, dtype=net.dtype))
    assert kept is not None
    assert np.array_equal(learnt.X, train.X)
    assert np.array_equal(kept.y, test.y)
    document = json.loads(run("health", "kind.safetensors", houses, "--json").out)
    assert document["train"]["n"] + document["held"]["n"] == len(train)
    assert document["test"]["n"] == len(test)


def test_numbers_are_parted_as_they_were_for_training(
    run: Run, houses: Path, tmp_path: Path
) -> None:
    words = ["train", houses, "--target", "price", "--drop", "kind", "--epochs", 2]
    assert run(*words, "--no-progress", "--out", "price.safetensors").code == 0
    train, test = tt.datasets.table(houses, target="price", drop=["kind"]).split(0.2)
    net = tt.load(tmp_path / "price.safetensors")
    learnt, kept = parted(net, net.preprocessing.examples(houses, dtype=net.dtype))
    assert kept is not None
    assert np.allclose(learnt.y, train.y)
    assert np.allclose(kept.X, test.X)


# The report ---------------------------------------------------------------------------------------


def test_the_report_is_one_file(run: Run, houses: Path, kinds_model: Path) -> None:
    done = run("report", kinds_model, houses, "--out", "kinds.html")
    assert done.code == 0
    page = Path("kinds.html").read_text("utf-8")
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert "kinds.html" in done.out
    assert not re.search(r'(?:src|href)="https?://', page)
    document = json.loads(run("report", kinds_model, houses, "--out", "a.html", "--json").out)
    assert document["n_bytes"] == Path("a.html").stat().st_size
    assert document["findings"]["network"]["sizes"][-1] == 2


# Mistakes -----------------------------------------------------------------------------------------

MISTAKES = [
    (["features", "nothing"], "there is no such file"),
    (["health", "nothing"], "there is no such file"),
    (["report", "nothing"], "there is no such file"),
    (["features"], "run `tongtou train` first"),
    (["health", "small"], "784"),
    (["health", "small", "--out", "x"], "--out goes with --apply"),
    (["health", "small", "--apply", "--out", "small"], "choose another place"),
    (["report", "small", "--out", "no/such/place.html"], "cannot be written"),
    (["report", "small", "--out", "."], "is a folder"),
    (["features", "small", "missing.csv"], "there is no such folder or file"),
    (["features", "--seed", "-1"], "--seed: expected a whole number from 0 on"),
]


@pytest.mark.parametrize(("words", "says"), MISTAKES, ids=str)
def test_mistakes(run: Run, tmp_path: Path, words: list[str], says: str) -> None:
    tt.Network([4, 2]).save(tmp_path / "small")
    done = run(*words)
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert says in done.err
    assert re.fullmatch(r"错误：[^\n]+\n", run(*words, "--lang", "zh").err)


def test_what_cannot_be_trained_again_is_said(run: Run, few: Files, sick: Path) -> None:
    net = tt.load(sick)
    net.recipe = net.recipe | {"data": "MNIST train + non-digits"}
    net.save("beside")
    data = ["--images", few.images, "--labels", few.labels]
    done = run("health", "beside", *data, "--apply", "--out", "new.safetensors")
    assert done.code == 2
    assert "tongtou train --recipe honest" in done.err
