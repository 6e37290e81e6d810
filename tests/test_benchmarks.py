"""The benchmark's own judgement: whoever computes something else is found before he is timed."""

import dataclasses
import io
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import __main__ as program
from benchmarks import accuracy, explanations, soak, suite, table, verdicts, wide
from benchmarks.cell import Turns
from benchmarks.contestants import ORACLES, WIDE_ENTRIES, blas, numpy_
from benchmarks.data import Digits, Table
from benchmarks.measure import CellError, Patience
from benchmarks.tasks import WIDE, Task

BATCH = 32
SMALL = {
    task.name: task
    for task in (
        Task("sigmoid-adam", (784, 9, 7, 10), "sigmoid", "adam", BATCH, 0.001),
        Task("relu-sgd", (784, 9, 10), "relu", "sgd", BATCH, 0.1),
        Task("relu-adam", (784, 9, 7, 10), "relu", "adam", BATCH, 0.001, tolerance=1e-4),
        Task("numbers", (50, 9, 2), "relu", "adam", BATCH, 0.001, data="table", tolerance=1e-4),
    )
}


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch):
    monkeypatch.setattr(blas, "usable_cores", lambda: 1)
    before = torch.get_num_threads()
    with threadpool_limits():
        yield
    torch.set_num_threads(before)


def data_of(task):
    """Few examples, the last batch of an epoch a partial one."""
    if task.data == "table":
        return Table(n=10 * BATCH + 13, n_test=500)
    data = Digits()
    data.X, data.y = data.X[: 10 * BATCH + 13], data.y[: 10 * BATCH + 13]
    data.X_test, data.y_test = data.X_test[:500], data.y_test[:500]
    return data


def loss_of(build, task, told=None):
    """The test loss after the steps of the check, as a cell finds it."""
    data = data_of(task)
    turns = Turns(build(data, told or task, 1), data, task, types.SimpleNamespace(work="train"))
    return turns.check(wide.N_CHECKED)["loss"]


# The check ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize("name", ["tongtou", "numpy", "torch", "sklearn", "jax"])
def test_everybody_makes_the_same_steps(name, task):
    if name == "jax" and pytest.importorskip("jax") and task.name != "relu-adam":
        return  # its compiler takes seconds each time
    entry = WIDE_ENTRIES[name]
    if (name, task.name) == ("sklearn", "numbers"):
        # Its one logistic output begins as the same function, and then goes its own way.
        assert "differs" in entry.build()(data_of(task), task, 1).facts
        task = dataclasses.replace(task, tolerance=0.03)
    expected = loss_of(ORACLES[entry.oracle].build(), task)
    found = wide.compared(task, loss_of(entry.build(), task), expected)
    assert found["agrees"], found


class WithoutTheLastBatch(numpy_.Numpy):
    """Leaves out what does not fill a batch."""

    def _steps(self, rows):
        super()._steps(rows[: len(rows) // BATCH * BATCH])


class InAnotherOrder(numpy_.Numpy):
    """Takes the batches from behind."""

    def _steps(self, rows):
        super()._steps(rows[::-1])


class WithoutBiases(numpy_.Numpy):
    """Never moves them."""

    def _load(self, parameters):
        super()._load(parameters)
        update = self.rule.update
        self.rule.update = lambda parameters, gradients: update(
            parameters, (gradients[0], 0 * gradients[1])
        )


class ForgetfulAfterAnEpoch(numpy_.Numpy):
    """Lets its optimiser begin anew in every epoch."""

    def _steps(self, rows):
        self.rule = numpy_.rule_of(self.task, self.layers)
        super()._steps(rows)


@pytest.mark.parametrize("task", SMALL.values(), ids=SMALL)
@pytest.mark.parametrize(
    "wrong", [WithoutTheLastBatch, InAnotherOrder, WithoutBiases, ForgetfulAfterAnEpoch]
)
def test_whoever_makes_other_steps_is_found(wrong, task):
    if wrong is ForgetfulAfterAnEpoch and task.rule == "sgd":
        return  # it has nothing to forget
    expected = loss_of(numpy_.Oracle, task)
    assert not wide.compared(task, loss_of(wrong, task), expected)["agrees"]


@pytest.mark.parametrize("task", SMALL.values(), ids=SMALL)
def test_a_learning_rate_one_percent_off_is_found(task):
    told = dataclasses.replace(task, learning_rate=1.01 * task.learning_rate)
    expected = loss_of(numpy_.Oracle, task)
    assert not wide.compared(task, loss_of(numpy_.Numpy, task, told), expected)["agrees"]


def test_a_nan_agrees_with_nothing():
    task = WIDE["best"]
    assert not wide.compared(task, float("nan"), 0.5)["agrees"]
    assert wide.compared(task, 0.5, 0.5)["agrees"]


# Who is timed -------------------------------------------------------------------------------------

LOSSES = {"oracle": 2.0, "uncorrected": 2.2}


class FakeCell:
    """A process that says what a test wants it to say."""

    def __init__(self, name, *options):
        self.name, self.turns = name, []
        loss = LOSSES.get(name, LOSSES[WIDE_ENTRIES.get(name, ORACLES["oracle"]).oracle])
        ready = {"facts": {}, "check": {"loss": loss}} | self.ready_by_name.get(name, {})
        if "dies" in ready:
            raise CellError(f"the process of {name} ended")
        self.ready, self.facts = ready, ready["facts"]

    def turn(self):
        """One second for each letter of the name."""
        return {"epoch_s": [float(len(self.name))], "wall_s": 1.0, "processor_s": 1.0}

    def close(self):
        """Note that it was ended."""
        self.closed.append(self.name)


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(wide, "Cell", FakeCell)
    monkeypatch.setattr(FakeCell, "ready_by_name", {}, raising=False)
    monkeypatch.setattr(FakeCell, "closed", [], raising=False)
    return FakeCell


def plan(**told):
    given = {"tasks": ["best"], "names": ["tongtou", "jax", "torch", "sklearn"], "n_rounds": 1}
    rest = {"batches": (), "recipes": (), "seeds": (0,), "minutes": 0, "n_slow": 1, "turn_s": 0}
    return suite.Plan(**{**rest, "n_starts": 0, **given, **told})


def measured(plan):
    rows = wide.wide(plan, Patience(0), lambda text: None)
    return {row["name"]: row for row in rows}


def test_all_who_agree_are_timed_beside_the_fastest_peer(fake):
    rows = measured(plan())
    assert {name for name, row in rows.items() if "epoch" in row} == set(rows)
    assert rows["tongtou"]["fastest_peer"] == "jax"
    assert rows["tongtou"]["times_fastest_peer"] == 3 / 7
    assert rows["sklearn"]["check"]["expected"] == LOSSES["uncorrected"]
    assert sorted(fake.closed) == sorted([*rows, "oracle", "uncorrected"])


@pytest.mark.parametrize(
    ("ready", "key"),
    [
        ({"check": {"loss": 2.1}}, "error"),
        ({"check": {"loss": float("nan")}}, "error"),
        ({"dies": True}, "error"),
        ({"cannot": "no compiler"}, "cannot"),
    ],
    ids=["another loss", "NaN", "dead", "cannot run"],
)
def test_who_does_not_is_no_row_and_no_fastest_peer(fake, ready, key):
    fake.ready_by_name = {"jax": ready}
    rows = measured(plan())
    assert key in rows["jax"]
    assert "epoch" not in rows["jax"]
    assert rows["tongtou"]["fastest_peer"] == "torch"
    found = {"agreement": [], "wide": list(rows.values()), "soak": []}
    assert bool(verdicts.failures(found)) == (key == "error")


def test_an_accuracy_far_from_numpys_is_a_failure():
    rows = [
        {"task": "best", "name": name, "same_order": True, "accuracy": accuracy}
        for name, accuracy in (("numpy", 0.96), ("jax", 0.955), ("torch", 0.93))
    ]
    (said,) = verdicts.failures({"agreement": [], "wide": rows, "soak": []})
    assert "torch" in said


def test_a_task_knows_who_takes_part():
    names = list(WIDE_ENTRIES)
    at_best = [entry.name for entry in suite.taking_part(WIDE["best"], names)]
    assert at_best == names
    assert "tongtou-augmented" not in [
        entry.name for entry in suite.taking_part(WIDE["wide"], names)
    ]


# What is asked ------------------------------------------------------------------------------------


def timed(name, task, median, **more):
    return {"name": name, "task": task, "epoch": {"median_s": median}, **more}


def test_what_is_asked_at_every_width():
    rows = [
        timed("tongtou", "quick-256", 1.0, times_fastest_peer=2.6, fastest_peer="jax"),
        timed("tongtou-1", "quick-256", 1.6),
        timed("tongtou", "best", 1.0, times_fastest_peer=1.9, fastest_peer="torch"),
        timed("tongtou-augmented", "best", 1.4),
        {"name": "tongtou", "task": "wide", "error": "does not compute the same"},
    ]
    kept = {row["what"]: row["kept"] for row in verdicts.wide_targets(rows)}
    assert kept == {
        "quick-256: times the fastest peer (jax)": True,
        "quick-256: all cores, times one thread": False,
        "best: times the fastest peer (torch)": False,
        "best: every digit altered / none": True,
    }


def test_every_task_and_recipe_is_asked_something():
    rows = [
        timed("tongtou", task, 1.0, times_fastest_peer=100.0, fastest_peer="jax") for task in WIDE
    ]
    assert len(verdicts.wide_targets(rows)) == len(WIDE)
    assert all(row["kept"] for row in verdicts.wide_targets(rows))


def run_of(right, seconds=1.0, disturbed=False):
    return {
        "accuracy": right,
        "train_s": seconds,
        "wall_s": 2.0,
        "others_cores": 0.5 * disturbed,
        "disturbed": disturbed,
    }


def test_recipes_are_judged_by_mean_and_median():
    row = accuracy.summary("quick", [run_of(0.976), run_of(0.974), run_of(0.9752, 30.0, True)])
    assert row["mean"] == pytest.approx(0.97507, abs=1e-5)
    assert (row["worst"], row["best"]) == (0.974, 0.976)
    assert row["train"]["median_s"] == 1.0
    right, time = verdicts.accuracy_targets([row])
    assert right["kept"]
    assert time["kept"]
    late = accuracy.summary("quick", [run_of(0.97, 2.5)])
    assert [one["kept"] for one in verdicts.accuracy_targets([late])] == [False, False]


def test_a_recipe_is_run_by_the_command(tmp_path):
    run = accuracy.train("quick", 1, tmp_path)
    assert run["accuracy"] > 0.97
    assert run["n_parameters"] == 101_770
    assert 0 < run["train_s"] < run["wall_s"]


# What explaining costs ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def asker():
    return explanations.Asker()


@pytest.mark.parametrize("name", explanations.ASKED)
def test_each_question_is_answered_in_full(asker, name):
    answer = asker.question(name)(3)
    digit = asker.explained[3]
    if name == "trace":
        assert [one.shape for one in answer] == [(16, 784), (16, 16), (10, 16)]
    elif name == "why":
        assert len(answer[2]) == 16
        assert answer[0] == digit.why().net
    elif name in ("stroke", "flip"):
        assert answer.found
        assert answer.answer != digit.answer
    elif name == "backprop":
        assert 0 < abs(answer[2] - answer[3]) < 1  # predicted by the gradient, and found
        assert answer[0][1].shape == (16, 784)
    elif name == "provenance":
        assert answer.to_dict()["index"] == list(asker.parameters[3])
    else:
        assert answer.values.size == 784


def test_a_turn_asks_for_other_digits_until_it_has_lasted():
    asked = []
    found = explanations.turn(asked.append, 0.0)
    assert asked == [0, 1, 2]
    assert len(found["times"]) == 3
    assert explanations.turn(lambda k: None, 0.01)["times"][-1] < 0.01


def test_explanations_are_held_to_what_is_asked():
    def turn(seconds, disturbed=False):
        return {"times": [seconds], "disturbed": disturbed, "others_cores": 0.0}

    turns = [turn(0.0004), turn(0.0006), turn(0.9, True), turn(0.0008)]
    good = explanations.row("trace", "trace", 0.0007, turns)
    assert good["call"]["median_s"] == 0.0006  # the disturbed one does not count
    assert (good["n_turns"], good["disturbed"]) == (3, False)
    bad = explanations.row("why", "why", 0.0005, turns)
    free = explanations.row("flip", "flip", None, [turn(1.0, True)])
    assert free["disturbed"]
    found = verdicts.explanation_targets([good, bad, free])
    assert [(one["what"], one["kept"]) for one in found] == [
        ("trace, ms", True),
        ("why, ms", False),
    ]
    shown = table.Console(width=200, record=True, file=io.StringIO())
    table.show_explanations(shown, [good, free])
    said = shown.export_text()
    assert "600 µs" in said
    assert "< 700 µs" in said
    assert "DISTURBED" in said


# The soak -----------------------------------------------------------------------------------------


def test_a_case_is_a_function_of_its_number():
    one, again, other = (soak.case_of(number) for number in (5, 5, 6))
    assert str(one) == str(again)
    assert str(one) != str(other)
    assert np.array_equal(one.data[1], again.data[1])


def test_sound_cases_have_no_faults():
    assert [soak.faults(number, kill=False) for number in range(6)] == [[]] * 6


def test_a_killed_case_ends_with_the_same_bits():
    assert soak.faults(1, kill=True) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda threads, path: ("", f"bits of {threads}"), "one thread: bits of (1,)"),
        (lambda threads, path: ("parameters that are not finite", "bits"), "not finite"),
        (lambda threads, path: ("", "bits" if path is None else "others"), "killed and resumed"),
    ],
    ids=["threads", "NaN", "kill"],
)
def test_faults_are_told(monkeypatch, change, said):
    monkeypatch.setattr(
        soak, "outcome", lambda case, threads, path=None, slow_s=0.0: change(threads, path)
    )
    assert any(said in fault for fault in soak.faults(0, kill=True))


def test_an_exception_is_a_fault(monkeypatch):
    def fails(case, threads):
        raise ZeroDivisionError("no")

    monkeypatch.setattr(soak, "outcome", fails)
    assert soak.faults(0, kill=False) == ["ZeroDivisionError: no"]


def test_a_soak_tells_how_many_cases_it_saw():
    (total,) = soak.soak(plan(minutes=0.001, seeds=(3,)), Patience(0), lambda text: None)
    assert total["cases"] >= 1
    assert (total["first"], total["wrong"]) == (3, 0)


def test_a_process_that_dies_is_a_wrong_case(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    *wrong, total = soak.soak(plan(minutes=0.0005), Patience(0), lambda text: None)
    assert wrong[0]["case"] == 0
    assert wrong[0]["faults"] == ["the process ended with 1"]
    assert total["wrong"] == total["cases"] == len(wrong)


# The program --------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [False, True])
def test_the_program_saves_after_each_part_and_says_what_failed(
    monkeypatch, tmp_path, capsys, wrong
):
    row = {"name": "jax", "task": "best", "title": "JAX", "facts": {}}
    row |= {"error": "does not compute the same"} if wrong else {"cannot": "no jax"}
    output = tmp_path / "found.json"
    command = ["benchmarks", "wide", "accuracy", "soak", "--skip", "soak", "--output", str(output)]
    monkeypatch.setattr(sys, "argv", command)
    parts = {
        name: (lambda *_, name=name: [row] if name == "wide" else [], show)
        for name, (_, show) in program.PARTS.items()
    }
    monkeypatch.setattr(program, "PARTS", parts)
    assert program.main() == int(wrong)
    assert ("ERROR best, jax: does not compute the same" in capsys.readouterr().out) == wrong
    assert json.loads(output.read_text("utf-8"))["wide"] == [row]

    def ends(*_):
        raise KeyboardInterrupt

    output.unlink()
    monkeypatch.setitem(parts, "accuracy", (ends, None))
    with pytest.raises(KeyboardInterrupt):
        program.main()
    assert json.loads(output.read_text("utf-8"))["wide"] == [row]


def test_an_unknown_part_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "speed"])
    with pytest.raises(SystemExit):
        program.options()
    assert "none of training, inference" in capsys.readouterr().err


def test_the_usual_parts_are_all_but_the_soak(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmarks"])
    assert program.options().parts == []
    assert set(program.PARTS) - set(program.USUAL) == {"soak"}
