"""Checkpoints: going on bit for bit, and what is refused."""

import json
import os

import numpy as np
import pytest
from checkpoint_runs import X, Y, same, train
from small_networks import ENGINES, SWITCHED, bits, finite, set_pace, steep

import tongtou as tt
from tongtou import checkpoints
from tongtou.checkpoints import CheckpointError, Checkpoints, Saved, read, write
from tongtou.optimizers import SGD, Adam, AdamW, RMSprop
from tongtou.regularizers import Regularization
from tongtou.schedules import Cosine, ReduceOnPlateau
from tongtou.stopping import EarlyStopping, LossFlat, StepLimit, TimeBudget


def stopped_after(n_checkpoints, monkeypatch, path, **settings):
    """Train until so many checkpoints are written, and then go up in smoke."""
    written = []

    def write_one(*told):
        if len(written) == n_checkpoints:
            raise ZeroDivisionError
        write(*told)
        written.append(told)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write", write_one)
        with pytest.raises(ZeroDivisionError):
            train(path, **settings)


# Going on -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("n_checkpoints", [1, 4, 6, 7, 17])
@pytest.mark.parametrize(
    "optimizer",
    [
        pytest.param(SGD(0.1, momentum=0.9), id="momentum"),
        pytest.param(Adam(Cosine(0.02), clip_norm=0.5), id="adam"),
        pytest.param(
            RMSprop(ReduceOnPlateau(0.02, patience=0, min_delta=9), momentum=0.5), id="rmsprop"
        ),
    ],
)
def test_a_resumed_run_has_the_bits_of_one_never_interrupted(
    monkeypatch, tmp_path, optimizer, n_checkpoints, engine
):
    settings = {
        "optimizer": optimizer,
        "engine": engine,
        "regularization": Regularization(l2=1e-3, dropout=0.3),
        "sample_weight": 1 + np.arange(90) % 2,
        "stop": [EarlyStopping(4, monitor="val_accuracy"), LossFlat()],
    }
    net, history = train(**settings)
    path = tmp_path / "run.checkpoint"
    stopped_after(n_checkpoints, monkeypatch, path, **settings)
    other, resumed = train(path, resume=True, **settings)
    assert bits(other) == bits(net)
    assert same(resumed) == same(history)
    assert other.recipe == net.recipe


def test_the_memory_of_the_optimiser_goes_on_too(monkeypatch, tmp_path):
    """Of the last state that was written before the end, to the last bit."""
    settings = {"optimizer": AdamW(0.02), "epochs": 3}
    states = []

    def keep(path, saved):
        states.append(saved)
        write(path, saved)

    for one in ("whole", "in two"):
        if one == "in two":
            stopped_after(8, monkeypatch, tmp_path / one, **settings)
        with monkeypatch.context() as patch:
            patch.setattr(checkpoints, "write", keep)
            train(tmp_path / one, resume=True, **settings)
        assert states[-1].told["finished"]
        arrays = states[-2].arrays
        if one == "whole":
            whole = arrays
    assert sorted(arrays) == sorted(whole)
    assert all(arrays[name].tobytes() == whole[name].tobytes() for name in whole)
    assert sum(name.startswith("state") for name in whole) >= 2


def test_without_a_checkpoint_there_resume_begins(tmp_path):
    net, history = train(tmp_path / "none", resume=True)
    assert bits(net) == bits(train()[0])
    assert same(history) == same(train()[1])


@pytest.mark.parametrize("stop", [None, EarlyStopping(1), StepLimit(7)])
def test_a_finished_checkpoint_returns_at_once(monkeypatch, tmp_path, stop):
    path = tmp_path / "run"
    net, history = train(path, stop=stop)

    def refuse(*told):
        raise AssertionError("nothing is to be prepared or written")

    monkeypatch.setattr("tongtou.engines.native.NativeEngine.prepare", refuse)
    monkeypatch.setattr(checkpoints, "write", refuse)
    other, again = train(path, resume=True, stop=stop)
    assert bits(other) == bits(net)
    assert again == history == other.history
    assert other.recipe == net.recipe


def test_ctrl_c_writes_a_checkpoint_to_go_on_from(tmp_path):
    def callback(record):
        if record.epoch == 2:
            raise KeyboardInterrupt

    path = tmp_path / "run"
    settings = {"optimizer": Adam(0.01), "stop": EarlyStopping(5)}
    rare = {"every_steps": 10**6, **settings}
    _, history = train(path, callback=callback, **rare)
    assert history.stopped_by == "interrupted"
    assert read(str(path)).told["run"]["history"]["n_steps"] == 10
    other, resumed = train(path, resume=True, **rare)
    assert resumed.n_steps == 20
    assert bits(other) == bits(train(**settings)[0])
    assert resumed.best_epoch is not None


def test_a_run_that_diverges_does_so_again(tmp_path):
    """The last checkpoint may hold parameters that are finite and of no use any more."""
    path, data = tmp_path / "run", steep(64)

    def run(**settings):
        net = tt.Network([6, 2], output="linear", loss="mse")
        there = Checkpoints(path, every_s=None, every_steps=1)
        with pytest.raises(tt.DivergedError) as caught:
            tt.fit(net, data, optimizer=SGD(5), batch_size=16, checkpoint=there, **settings)
        return net, caught.value

    _, error = run(epochs=100)
    assert "diverged: after" in str(error)
    written = read(str(path)).told["run"]["history"]["n_steps"]
    assert written >= error.history.n_steps
    other, again = run(epochs=100, resume=True)
    assert "cannot go on" in str(again)
    assert (again.step, again.history.n_steps, again.history.stopped_by) == (
        written, written, "diverged",
    )  # fmt: skip
    assert finite(other)


@pytest.mark.parametrize("epochs", [2, 4])
def test_ctrl_c_while_validating_leaves_an_epoch_to_end(monkeypatch, tmp_path, epochs):
    """Be it the last one of all."""
    kind = tt.engines.native.NativeSession
    calls, ask = [], kind.weighted_sums

    def interrupted(self, rows):
        calls.append(rows)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return ask(self, rows)

    path = tmp_path / "run"
    monkeypatch.setattr(kind, "weighted_sums", interrupted)
    history = train(path, every_steps=10**6, epochs=epochs)[1]
    assert (history.n_steps, len(history.epochs)) == (10, 1)
    net, resumed = train(path, resume=True, every_steps=10**6, epochs=epochs)
    assert bits(net) == bits(train(epochs=epochs)[0])
    assert same(resumed) == same(train(epochs=epochs)[1])


def test_checkpoints_fall_on_multiples_of_their_steps(monkeypatch, tmp_path):
    set_pace(monkeypatch, 1000)
    steps = []
    real = checkpoints.write
    monkeypatch.setattr(
        checkpoints,
        "write",
        lambda path, saved: (
            steps.append(saved.told["run"]["history"]["n_steps"]),
            real(path, saved),
        ),
    )
    train(tmp_path / "run", every_steps=7)
    assert steps == [0, 7, 14, 20]


def test_checkpoints_are_written_by_the_clock(monkeypatch, tmp_path):
    set_pace(monkeypatch, 1)
    now, written = [0.0], []
    monkeypatch.setattr("tongtou.training.resuming.time.monotonic", lambda: now[0])
    real = checkpoints.write
    monkeypatch.setattr(checkpoints, "write", lambda *told: (written.append(now[0]), real(*told)))

    def callback(record):
        now[0] += 4

    net = tt.Network([12, 3])
    there = Checkpoints(tmp_path / "run", every_s=10)
    tt.fit(net, (X, Y), epochs=10, batch_size=None, checkpoint=there, callback=callback)
    assert written == [0, 12, 24, 36, 40]


def test_the_clock_goes_on_where_it_stood(monkeypatch, tmp_path):
    """A budget of seconds counts those before the interruption."""
    path = tmp_path / "run"
    settings = {"stop": TimeBudget(1000.0), "every_steps": 5}
    stopped_after(2, monkeypatch, path, **settings)
    saved = read(str(path))
    saved.told["run"]["elapsed_s"] = 999.9999
    write(str(path), saved)
    _, history = train(path, resume=True, **settings)
    assert history.stopped_by == "time budget"
    assert 5 <= history.n_steps < 20


def test_the_same_state_is_the_same_file(tmp_path):
    """Nothing but the clock's numbers differs; no name of a user or a machine is in it."""
    contents = []
    for name in ("one", "two"):
        train(tmp_path / name, stop=StepLimit(1))
        told = read(str(tmp_path / name)).told
        told["run"] |= {"elapsed_s": 0, "seconds": 0, "history": {}}
        contents.append(json.dumps(told, sort_keys=True))
    assert contents[0] == contents[1]
    assert sorted(told) == ["finished", "format", "identity", "run", "tongtou"]


# What it refuses ----------------------------------------------------------------------------------


OTHER_Y = (Y + (np.arange(90) == 89)) % 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"data": (X, OTHER_Y)}, "the data is another", id="y"),
        pytest.param({"data": (X[:, ::-1], Y)}, "the data is another", id="X"),
        pytest.param({"sample_weight": np.arange(90)}, "sample_weight", id="weights"),
        pytest.param({"batch_size": 8}, "batch_size is 16 there and 8 here", id="batch"),
        pytest.param({"epochs": 9}, "epochs is 4 there and 9 here", id="epochs"),
        pytest.param({"optimizer": Adam(0.01)}, "optimizer is", id="optimiser"),
        pytest.param({"validation": 11}, "n_validation is 10 there and 11", id="validation"),
        pytest.param({"seed": 3}, "initial weights", id="seed of the network"),
        pytest.param({"engine": "reference"}, "engine is 'native' there", id="engine"),
        pytest.param({"stop": StepLimit(3)}, "stopping is None there", id="stop"),
        pytest.param({"regularization": Regularization(l2=1.0)}, "regularization", id="l2"),
        pytest.param({"shuffle": False}, "shuffle is True there", id="order"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, change, said):
    path = tmp_path / "run"
    train(path, stop=None)
    before = path.read_bytes()
    with pytest.raises(CheckpointError, match=f"checkpoint of another run: .*{said}.*Give fit the"):
        train(path, resume=True, **change)
    assert path.read_bytes() == before


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    path = tmp_path / "run"
    train(path)
    net = tt.Network([12, 8, 3], **SWITCHED)
    before = bits(net)
    with pytest.raises(CheckpointError, match=r"sizes is \[12, 9, 3\] there and \[12, 8, 3\] here"):
        tt.fit(net, (X, Y), checkpoint=Checkpoints(path), resume=True)
    assert (bits(net), net.history) == (before, None)


def unfinished(tmp_path, monkeypatch):
    path = tmp_path / "run"
    stopped_after(8, monkeypatch, path, stop=EarlyStopping(3), optimizer=Adam(0.01))
    return path


@pytest.mark.parametrize("part", ["truncated", "longer", "bit", "empty", "text", "model"])
def test_a_damaged_file_is_refused(monkeypatch, tmp_path, part):
    path = unfinished(tmp_path, monkeypatch)
    content = path.read_bytes()
    if part == "model":
        tt.Network([2, 2]).save(path)
    else:
        damaged = {
            "truncated": content[:-9],
            "longer": content + b"12345678",
            "bit": content[:60] + bytes([content[60] ^ 4]) + content[61:],
            "empty": b"",
            "text": b"To be or not to be, that is the question of this file.",
        }
        path.write_bytes(damaged[part])
    with pytest.raises(CheckpointError, match=r"to resume from|of another run|of format"):
        train(path, resume=True, stop=EarlyStopping(3), optimizer=Adam(0.01))


def drop(key):
    return lambda saved: saved.told["run"].pop(key)


def put(key, value):
    return lambda saved: saved.told["run"].update({key: value})


def array(name, value):
    return lambda saved: saved.arrays.update({name: value})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda s: s.told.update(format=2), "format 2", id="newer"),
        pytest.param(lambda s: s.told.update(format=True), "format True", id="format True"),
        pytest.param(lambda s: s.told.update(more=1), "not that of a run", id="a key more"),
        pytest.param(lambda s: s.told.update(run=[]), "not that of a run", id="run a list"),
        pytest.param(drop("memories"), "of the run", id="no memories"),
        pytest.param(put("memories", [{}, {}]), "stopping conditions", id="memories"),
        pytest.param(put("memories", [{"best": "low"}]), "stopping conditions", id="a text"),
        pytest.param(put("elapsed_s", "long"), "counts", id="elapsed"),
        pytest.param(put("schedule", 3), "schedule", id="schedule"),
        pytest.param(put("history", {"epochs": 3}), "epochs of History", id="history"),
        pytest.param(
            lambda s: s.told["run"]["history"].update(n_steps=99), "number of steps", id="steps"
        ),
        pytest.param(
            lambda s: s.told["run"]["history"].update(n_steps=-1), "number of steps", id="below 0"
        ),
        pytest.param(array("epoch", np.zeros((1, 4))), "sums of 2 steps", id="sums"),
        pytest.param(array("state0", np.zeros(3)), "expected state0", id="state"),
        pytest.param(lambda s: s.arrays.pop("state1"), "got nothing", id="a state less"),
        pytest.param(array("more", np.zeros(3)), "'more' is one too many", id="one array more"),
        pytest.param(array("best", np.zeros(3)), "expected best", id="best"),
        pytest.param(
            lambda s: s.arrays.update(state0=s.arrays["state0"] * np.nan), "not finite", id="NaN"
        ),
    ],
)
def test_a_file_that_says_otherwise_is_refused(monkeypatch, tmp_path, change, said):
    """Whole as a file, wrong in what it says; the network stays as it was."""
    path = unfinished(tmp_path, monkeypatch)
    saved = read(str(path))
    arrays = {name: one.copy() for name, one in saved.arrays.items()}
    changed = Saved(saved.told, arrays)
    change(changed)
    write(str(path), changed)
    net = tt.Network([12, 9, 3], seed=2, **SWITCHED)
    before = bits(net)
    with pytest.raises(CheckpointError, match=said):
        tt.fit(
            net, (X, Y), batch_size=16, epochs=4, validation=10, stop=EarlyStopping(3),
            optimizer=Adam(0.01), resume=True,
            checkpoint=Checkpoints(path, every_s=None, every_steps=1),
        )  # fmt: skip
    assert (bits(net), net.history) == (before, None)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.1, 1e-320])
def test_every_number_comes_back(tmp_path, value):
    path = str(tmp_path / "numbers")
    write(path, Saved({"a": [value, {"b": value}]}, {"c": np.array([value])}))
    found = read(path)
    assert repr(found.told) == repr({"a": [value, {"b": value}]})
    assert found.arrays["c"].tobytes() == np.array([value]).tobytes()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"path": ""}, "path must name a file"),
        ({"path": 3}, "path must name a file"),
        ({"path": "a\0b"}, "path must name a file"),
        ({"path": "a", "every_s": 0}, "every_s"),
        ({"path": "a", "every_steps": 0}, "every_steps"),
        ({"path": "a", "every_steps": 1.5}, "every_steps"),
        ({"path": "a", "every_s": None}, "both are None"),
        ({"path": "a", "on_error": "cry"}, "on_error"),
    ],
)
def test_settings_that_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        Checkpoints(**settings)


# What was there before ----------------------------------------------------------------------------


def test_an_unfinished_run_is_not_lost_when_resume_was_forgotten(monkeypatch, tmp_path):
    path = unfinished(tmp_path, monkeypatch)
    content = path.read_bytes()
    train(path)
    assert (tmp_path / "run.before").read_bytes() == content
    train(path)  # a finished one makes room
    assert (tmp_path / "run.before").read_bytes() == content
    assert sorted(os.listdir(tmp_path)) == ["run", "run.before"]


def test_a_model_is_not_lost_by_a_slip_of_the_path(tmp_path):
    net = tt.Network([2, 2], seed=5)
    net.save(tmp_path / "run")
    train(tmp_path / "run")
    assert bits(tt.load(tmp_path / "run.before")) == bits(net)


def test_what_a_killed_writer_left_is_cleared_away(tmp_path):
    train(tmp_path / "run", stop=StepLimit(3), epochs=9)
    left, recent = (tmp_path / f".tongtou-{digit * 16}.tmp" for digit in "ab")
    others = tmp_path / ".tongtou-notes.tmp"
    for file in (left, recent, others):
        file.write_text("half a checkpoint")
    for file in (left, others):
        os.utime(file, (0, 0))
    path = tmp_path / "other run"

    def callback(record):
        if record.epoch == 2:
            raise KeyboardInterrupt

    train(path, callback=callback)
    train(path, resume=True)
    assert not left.exists()
    assert recent.exists()
    assert others.exists()


def test_a_checkpoint_is_no_model_and_says_so(tmp_path):
    path = tmp_path / "run.checkpoint"
    X, y = np.eye(4, dtype=np.float32), np.arange(4) % 2
    tt.fit(tt.Network([4, 2]), (X, y), epochs=1, checkpoint=tt.Checkpoints(path))
    with pytest.raises(tt.FileFormatError, match=r"the checkpoint of a run.*resume=True"):
        tt.load(path)
