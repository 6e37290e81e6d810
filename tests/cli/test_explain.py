"""``tongtou explain``: its numbers are those of `tt.explain`, and add up as they are shown."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Run

import tongtou as tt
from tongtou.explanation.attribution_methods import METHODS
from tongtou.terminal import options_explaining

CHINESE = re.compile("[\u4e00-\u9fff]")
WRONG = 247
"""A test digit that networks of the lesson take for another."""


def section(page: str, title: str) -> list[str]:
    """The lines of a page from the heading that begins so up to the next heading."""
    lines = page.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith(title))
    end = next((n for n in range(start + 1, len(lines)) if re.match(r"\S", lines[n])), len(lines))
    return lines[start:end]


def figures(lines: list[str]) -> list[tuple[Decimal, str]]:
    """The figure and the words of every line with a bar."""
    found = []
    for line in lines:
        one = re.match(r"\s+([+−])([\d,.]+) +[█▐]*│[█▌]* +(.*)$", line)
        if one:
            value = Decimal(one[2].replace(",", ""))
            found.append((-value if one[1] == "−" else value, one[3].strip()))
    return found


def test_the_verdict_and_why(run: Run, model: Path, mnist: Any) -> None:
    done = run("explain", WRONG, model)
    assert done.code == 0
    e = tt.explain(tt.load(model), mnist.test.X[WRONG])
    assert done.out.startswith(f"test digit {WRONG}: {e.answer}, confidence ")
    assert ("It is 4." in done.out) == (e.answer != 4)
    why = e.why()
    assert f"Why {why.answer} and not {why.over}: weighted sums" in done.out
    assert len(re.findall(r"^.*  \d  [█▏▎▍▌▋▊▉ ]* +[\d.]+%$", done.out, re.M)) == 10


def test_what_is_shown_adds_up(run: Run, model: Path, mnist: Any) -> None:
    for number in (0, 7, WRONG):
        page = run("explain", number, model, "--terms", 4).out
        rows = figures(section(page, "Why "))
        (pull_for, _), (against, _), (left, _), *terms = rows
        assert pull_for + against == left
        assert sum(value for value, _ in terms) == left
        assert len(terms) == 5
        assert "the other" in terms[-1][1]
        gross = re.search(r"Together ([\d.]+), ([\d.]+) times", page)
        assert gross
        assert Decimal(gross[1]) == pull_for - against
        assert float(gross[2]) == pytest.approx(float(Decimal(gross[1]) / left), rel=0.06)
        (pull_for, _), (against, _), (inputs, _), (none, _), (left_again, _) = figures(
            section(page, "Opened")
        )
        assert pull_for + against == inputs
        assert inputs + none == left_again == left
        why = tt.explain(tt.load(model), mnist.test.X[number]).why()
        assert float(left) == pytest.approx(why.net, abs=0.006)


def test_why_this_and_that(run: Run, model: Path) -> None:
    page = run("explain", 7, model, "--answer", 4, "--over", 9).out
    assert "Why 4 and not 9" in page
    document = json.loads(run("explain", 7, model, "--answer", 4, "--over", 9, "--json").out)
    assert (document["why"]["answer"], document["why"]["over"]) == (4, 9)


def test_bars_are_as_long_as_their_figures(run: Run, model: Path) -> None:
    lines = section(run("explain", 0, model).out, "Why ")
    rows = figures(lines)
    drawn = [re.search(r" ([█▐]*)│([█▌]*) ", line) for line in lines if "│" in line]
    largest = max(abs(value) for value, _ in rows)
    for (value, _), bar in zip(rows, drawn, strict=True):
        assert bar
        halves = [2 * side.count("█") + len(re.findall("[▌▐]", side)) for side in bar.groups()]
        assert halves[value > 0] == pytest.approx(float(24 * abs(value) / largest), abs=0.51)
        assert halves[value <= 0] == 0


def test_a_neuron_with_its_numbers(run: Run, model: Path, mnist: Any) -> None:
    e = tt.explain(tt.load(model), mnist.test.X[0])
    page = run("explain", 0, model, "--neuron", "2:3").out
    for line in e.neuron(2, 3).formula().split("\n"):
        assert line.strip() in page
    largest = e.neuron(2, 3).terms["i"][0]
    assert f"--neuron 1:{largest} shows" in page
    assert "Why" not in page
    page = run("explain", 0, model, "--neuron", "1:5", "--lang", "zh").out
    assert "第 1 层的神经元 5" in page
    assert "促进" in page  # its 784 terms are a picture
    assert page.count("░") > 10


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_stroke_and_a_flip_that_turn_the_answer(
    run: Run, model: Path, mnist: Any, language: str
) -> None:
    net = tt.load(model)
    e = tt.explain(net, mnist.test.X[4].reshape(28, 28))
    words = ["explain", 4, model, "--stroke", "--flip", "--lang", language]
    page = run(*words).out
    for found in (e.stroke(), e.flip()):
        # wrapped in the page
        assert str(found)[1:].replace(" ", "") in re.sub(r"\s", "", page)
        assert f"{found.after.max():.1%}" in page
    assert bool(CHINESE.search(page)) == (language == "zh")
    document = json.loads(run(*words, "--json").out)
    picture = np.array(document["stroke"]["picture"], np.uint8)
    assert net.predict(picture.reshape(1, -1))[0] == document["stroke"]["answer"] != e.answer


def test_a_stroke_to_a_certain_answer(run: Run, model: Path) -> None:
    document = json.loads(run("explain", 4, model, "--stroke", "--to", 9, "--json").out)
    stroke = document["stroke"]
    assert stroke["to"] == 9
    assert stroke["answer"] == 9 if stroke["found"] else stroke["answer"] == document["answer"]


def test_the_methods_are_all_there_are() -> None:
    assert sorted(options_explaining.METHODS) == sorted(METHODS)


@pytest.mark.parametrize("method", METHODS)
def test_an_attribution(run: Run, model: Path, mnist: Any, method: str) -> None:
    words = ["explain", 0, model, "--attribution", method]
    page = run(*words).out
    assert ("more would raise it" if method == "gradient" else "adds to it") in page
    document = json.loads(run(*words, "--json").out)
    e = tt.explain(tt.load(model), mnist.test.X[0].reshape(28, 28))
    assert np.allclose(document["attribution"]["values"], e.attribution(method).values)


def test_a_picture_file_is_read_as_predict_reads_it(run: Run, model: Path, seven: Path) -> None:
    said = json.loads(run("predict", seven, "--model", model, "--json").out)["pictures"][0]
    for words in ([seven, model], [model, seven], [seven, "--model", model]):
        document = json.loads(run("explain", *words, "--json").out)
        assert document["answer"] == said["answer"] == 7
        assert document["confidences"] == said["confidences"]
    assert len(document["trace"]["layers"][0][0]["terms"]) == 5


def test_numbers_of_a_table_in_its_own_units(run: Run, houses: Path, houses_model: Path) -> None:
    page = run("explain", houses, "--row", 3, houses_model).out
    rows = houses.read_text().splitlines()
    size, town, price, _ = rows[3].split(",")
    said = re.match(r".*houses\.csv, row 3: price ([\d,]+)", page.replace("\n", " "))
    assert said
    value = float(said[1].replace(",", ""))
    assert value == pytest.approx(float(price), rel=0.1)
    zero = re.search(r"it says ([\d,]+), here", re.sub(r"\s+", " ", page))
    assert zero
    parts = figures(section(page, "Where "))
    total = float(zero[1].replace(",", "")) + float(sum(value for value, _ in parts))
    assert total == pytest.approx(value, rel=0.003)
    assert f"size = {float(size):g}" in page
    assert f"town = {town}: yes" in page


def test_classes_of_a_table(run: Run, houses: Path, kinds_model: Path) -> None:
    page = run("explain", houses, "--row", 1, kinds_model).out
    assert re.search(r"Why (cheap|dear) and not (cheap|dear)", page)
    assert "size = " in page
    page = run("explain", houses, "--row", 1, kinds_model, "--flip").out
    moved = re.search(r"size +([\d.]+) +([\d.]+)", page)
    assert moved
    assert moved[1] != moved[2]
    document = json.loads(run("explain", houses, "--row", 1, kinds_model, "--json").out)
    assert document["answer"] in ("cheap", "dear")


def test_a_wide_terminal_draws_the_same(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = run("explain", 0, model).out
    monkeypatch.setenv("COLUMNS", "120")
    wide = run("explain", 0, model).out
    assert figures(narrow.splitlines()) == figures(wide.splitlines())
    assert max(map(len, narrow.splitlines())) <= 80


def test_colours_show_one_signed_picture(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("FORCE_COLOR", "1"), ("COLORTERM", "truecolor"), ("TERM", "xterm")):
        monkeypatch.setenv(name, value)
    page = run("explain", 0, model, "--neuron", "1:5").out
    assert "▀" in page
    colours = {tuple(map(int, one)) for one in re.findall(r"8;2;(\d+);(\d+);(\d+)", page)}
    assert any(r > g > b for r, g, b in colours)  # orange excites
    assert any(b > g > r for r, g, b in colours)  # blue inhibits


MISTAKES = [
    ([], "name what to explain"),
    (["5", "nothing"], "there is no such file"),
    (["99999"], "numbered 0 to 9999"),
    (["no.png"], "no.png"),
    (["."], "is a folder"),
    (["7", "--over", "x"], "--over: there is no class x; there are 0, 1"),
    (["7", "--over", "7", "--answer", "7"], "two different classes"),
    (["7", "--neuron", "1:99"], "layer 1 has the neurons 0 to 15; got 99"),
    (["7", "--neuron", "9:1"], "layers 1 to 3 have neurons"),
    (["7", "--neuron", "x"], '1:5; got "x"'),
    (["7", "--to", "3"], "add one of them"),
    (["7", "--row", "3"], "for networks trained on a table"),
    (["7", "--encoding", "utf-8"], "--encoding is about a table"),
    (["7", "--attribution", "foo"], "expected one of gradient"),
    (["7", "8", "9"], "one example at a time"),
    (["7", "a.safetensors", "b.safetensors"], "both name the model"),
]
OF_TABLES = [
    (["--stroke"], "dear", "draws on a picture"),
    (["--row", "999"], "dear", "has no row 999; it has 300"),
    ([], "dear", "300 rows; say which one"),
    (["--row", "1", "--stroke"], "price", "--stroke is about classes"),
    (["--row", "1", "--flip"], "price", "--flip is about classes"),
    (["--row", "1", "--over", "x"], "price", "--over is about classes"),
    (["--row", "1", "--answer", "x"], "price", "x is not predicted; there are price"),
]


@pytest.mark.parametrize(("words", "says"), MISTAKES, ids=lambda one: str(one))
def test_mistakes(run: Run, model: Path, words: list[str], says: str) -> None:
    Path("digits.safetensors").write_bytes(model.read_bytes())
    done = run("explain", *words)
    assert done.code == 2
    assert done.out == ""
    assert done.err.count("\n") == 1
    assert says in done.err
    done = run("explain", *words, "--lang", "zh")
    assert done.code == 2
    assert re.fullmatch(r"错误：[^\n]+\n", done.err)


@pytest.mark.parametrize(("words", "which", "says"), OF_TABLES, ids=lambda one: str(one))
def test_mistakes_with_tables(
    run: Run,
    houses: Path,
    houses_model: Path,
    kinds_model: Path,
    words: list[str],
    which: str,
    says: str,
) -> None:
    row = [] if "--row" in words or not words else ["--row", "1"]
    done = run("explain", houses, kinds_model if which == "dear" else houses_model, *words, *row)
    assert done.code == 2
    assert says in done.err
    assert done.err.count("\n") == 1


def test_what_the_answer_is_already(run: Run, model: Path) -> None:
    for option in ("--stroke", "--flip"):
        done = run("explain", 0, model, option, "--to", 7)
        assert done.code == 2
        assert "--to 7: that is the answer already" in done.err


def test_a_table_is_none_of_a_network_for_pictures(run: Run, houses: Path, model: Path) -> None:
    done = run("explain", houses, model)
    assert done.code == 2
    assert done.err.count("\n") == 1
    done = run("explain", 7, "x.safetensors")
    assert done.code == 2
    assert "there is no such file" in done.err
