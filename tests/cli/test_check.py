"""``tongtou check``: the proof of the gradients, and what it says where they are wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import Run

import tongtou as tt


def test_it_compares_and_says_where_the_worst_is(run: Run, model: Path, mnist: Any) -> None:
    done = run("check", model)
    assert done.code == 0
    found = tt.gradient_check(tt.load(model), mnist.train[:20])
    worst = found.checked[0]
    assert f"{found.max_error:.1e} of the largest gradient; allowed" in done.out
    assert f"W[{worst.layer}][" in done.out or f"b[{worst.layer}][" in done.out
    assert f"{len(found.checked):,} of 13,002 parameters" in done.out
    assert done.out.splitlines()[-1] == "Passed: the gradients are those of the loss."
    assert len([line for line in done.out.splitlines() if line.startswith("  hidden ")]) == 2


def test_as_data(run: Run, model: Path) -> None:
    done = run("check", model, "--json", "--examples", 3, "--sample", 7)
    document = json.loads(done.out)
    assert done.code == 0
    assert document["passed"] is True
    assert document["n_examples"] == 3
    assert document["n_checked"] == 3 * 7 + 42  # of every layer seven weights; all biases
    assert document["worst_relative_error"] < 1e-6
    place = document["worst"]
    assert place["name"] in ("W", "b")
    assert abs(place["analytic"] - place["numeric"]) / document["largest_gradient"] == (
        pytest.approx(document["worst_relative_error"])
    )
    assert [one["layer"] for one in document["layers"]] == [1, 2, 3]


def test_all_of_a_small_network(run: Run, tmp_path: Path) -> None:
    tt.Network([784, 2, 10]).save(tmp_path / "small")
    document = json.loads(run("check", "small", "--all", "--examples", 2, "--json").out)
    assert document["n_checked"] + document["n_at_kinks"] == document["n_parameters"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_wrong_gradients_end_with_1(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    right = tt.Network.gradients

    def wrong(self: tt.Network, *given: Any, **named: Any) -> Any:
        found = right(self, *given, **named)
        found[1].W[3, 5] += 0.01
        return found

    monkeypatch.setattr(tt.Network, "gradients", wrong)
    done = run("check", model, "--lang", language)
    assert done.code == 1
    assert "W[2][3, 5]" in done.out
    assert done.out.splitlines()[-1].startswith({"en": "FAILED", "zh": "未通过"}[language])
    document = json.loads(run("check", model, "--json").out)
    assert document["passed"] is False
    assert (document["worst"]["layer"], document["worst"]["index"]) == (2, [3, 5])


def test_a_table_of_ones_own(run: Run, houses: Path, houses_model: Path) -> None:
    assert run("check", houses_model, houses).code == 0
    done = run("check", houses_model)
    assert done.code == 2
    assert "trained on data of your own" in done.err


def test_a_network_without_examples_that_fit(run: Run, tmp_path: Path) -> None:
    tt.Network([4, 2]).save(tmp_path / "other")
    done = run("check", "other")
    assert done.code == 2
    assert "784" in done.err


def test_evaluate_takes_no_digits_for_a_table(run: Run, houses_model: Path) -> None:
    done = run("evaluate", houses_model)
    assert done.code == 2
    assert "name examples to work on" in done.err
