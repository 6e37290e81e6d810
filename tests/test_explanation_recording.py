"""The time machine: any step of a recorded run, bit for bit."""

import copy
import json
import pickle
import re
import time

import numpy as np
import pytest
from small_networks import ENGINES, LESSON, SWITCHED, Steady, bits, pixels, set_pace, steep

import tongtou as tt
from tongtou import training
from tongtou.explanation.comparing import compare
from tongtou.i18n import use_language
from tongtou.training import Recording

X, Y = pixels(90, 12), np.arange(90) % 3
DATA = tt.Dataset(X, Y, shape=(3, 4))
PER_EPOCH = 6
RATE = 0.1

RUNS = [
    pytest.param({}, id="sgd"),
    pytest.param({"optimizer": tt.SGD(0.3, momentum=0.9)}, id="momentum"),
    pytest.param({"shuffle": False}, id="in order"),
    pytest.param(
        {
            "optimizer": tt.Adam(0.01),
            "regularization": tt.Regularization(dropout=0.4, l2=1e-3, input_noise=0.1),
            "augmentation": tt.Augmentation(shift=1, rotation=20),
        },
        id="adam, dropout, noise, augmentation",
    ),
    pytest.param({"optimizer": tt.SGD(tt.schedules.Cosine(0.5)), "seed": 4}, id="cosine"),
    pytest.param({"sample_weight": np.arange(90) % 4, "validation": 20}, id="weights"),
]


def train(epochs=5, net=None, data=DATA, **settings):
    net = net or tt.Network([12, 9, 3], seed=2, **SWITCHED)
    told = {"batch_size": 16, "recording": True, **settings}
    return net, tt.fit(net, data, epochs=epochs, **told)


def stopped(step, **settings):
    """The network of a run that was told to stop there."""
    net, _ = train(recording=False, stop=tt.StepLimit(step), **settings)
    return bits(net)


def broken_off(monkeypatch, step, **settings):
    """The network of the same run, not recorded, in which Ctrl-C comes after so many steps.

    A step limit would not do for schedules, which would see a shorter run.
    """

    class Pace(Steady):
        def next_slice(self):
            if self.turn == step:
                raise KeyboardInterrupt
            return super().next_slice()

    with monkeypatch.context() as patch:
        patch.setattr(training, "Pace", lambda most: Pace(1, (1,)))
        net, history = train(recording=False, **settings)
    assert (history.n_steps, history.stopped_by) == (step, "interrupted")
    return bits(net)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("settings", RUNS)
def test_any_step_is_that_of_a_run_stopped_there(monkeypatch, engine, settings):
    settings = settings | {"engine": engine}
    set_pace(monkeypatch, 4, 1, 3)
    net, history = train(**settings)
    for step in (7, 1, 2, 12, 13, 24, 3):
        assert bits(history.at(step)) == broken_off(monkeypatch, step, **settings), step
    assert bits(history.at(0)) == bits(tt.Network([12, 9, 3], seed=2, **SWITCHED))
    assert bits(history.at(history.n_steps)) == bits(net)
    assert history.recording.verify() == history.n_steps


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize("optimizer", [tt.SGD(1.0), tt.Adam(0.003)], ids=["sgd", "adam"])
def test_digits_shuffled_with_several_threads(mnist, monkeypatch, threads, optimizer):
    set_pace(monkeypatch, 20, threads)
    settings = {
        "optimizer": optimizer,
        "augmentation": tt.Augmentation(shift=2, rotation=10),
        "regularization": tt.Regularization(dropout=0.2),
        "batch_size": 64,
        "progress": False,
    }
    data = mnist.train[:3000]
    net = tt.Network(LESSON, seed=0)
    history = tt.fit(net, data, epochs=2, recording=Recording(max_bytes=1 << 20), **settings)
    for step in (33, 71):
        other = tt.Network(LESSON, seed=0)
        tt.fit(other, data, epochs=2, stop=tt.StepLimit(step), **settings)
        assert bits(history.at(step)) == bits(other)


@pytest.mark.parametrize("settings", RUNS)
def test_recording_changes_nothing(settings):
    one, other = train(**settings), train(recording=False, **settings)
    assert bits(one[0]) == bits(other[0])
    assert one[1].column("loss") == other[1].column("loss")


# Memory -------------------------------------------------------------------------------------------


def test_memory_is_bounded_and_every_step_still_there(monkeypatch):
    set_pace(monkeypatch, 1, 1)
    reference, _ = train(epochs=40)
    one = reference._parameters.nbytes
    for room in (1, 2, 3, 7, 20):
        tape = Recording(max_bytes=room * one)
        net, history = train(epochs=40, recording=tape)
        assert tape.n_bytes <= room * one
        assert tape.n_bytes == len(tape.steps) * one
        assert len(tape.steps) >= max(1, room // 2), "half of the room is used at least"
        if room > 2:
            gaps = np.diff([*tape.steps, history.n_steps])
            assert gaps.max() <= 4 * 240 / room
        assert bits(history.at(history.n_steps)) == bits(net) == bits(reference)
        if tape.earliest == 0:
            assert bits(history.at(17)) == stopped(17)
            assert tape.verify() == 240


def test_one_state_must_fit():
    net = tt.Network([12, 9, 3], seed=2, **SWITCHED)
    before = bits(net)
    with pytest.raises(ValueError, match="max_bytes of the recording must be at least"):
        train(net=net, recording=Recording(max_bytes=100))
    assert bits(net) == before


def test_recording_costs_less_than_a_tenth(mnist):
    def seconds(recording):
        net = tt.Network(LESSON, seed=0)
        began = time.perf_counter()
        tt.fit(net, mnist.train, epochs=3, threads=1, progress=False, recording=recording)
        return time.perf_counter() - began

    seconds(False)
    pairs = [(seconds(False), seconds(True)) for _ in range(7)]
    assert min(with_it / without for without, with_it in pairs) < 1.1


# What happens on the way --------------------------------------------------------------------------


def test_a_change_of_settings_is_a_leg(monkeypatch):
    set_pace(monkeypatch, 4, 1)
    tape = Recording()
    net, first = train(2, recording=tape)
    middle = bits(net)
    _, second = train(3, net=net, recording=tape, optimizer=tt.Adam(0.01), batch_size=30)
    assert tape.n_steps == 12 + 9
    assert bits(tape.at(12)) == middle == bits(first.at(12)) == bits(second.at(0))
    assert bits(tape.at(21)) == bits(second.at(9)) == bits(net)
    assert bits(tape.at(5)) == bits(first.at(5)) == stopped(5)
    start, change = tape.changes()
    assert (start["step"], change["step"]) == (0, 12)
    assert start["settings"]["seed"] == 0
    assert set(change["settings"]) == {"optimizer", "batch_size", "epochs"}
    assert change["settings"]["batch_size"] == 30
    assert json.loads(json.dumps(tape.changes())) == tape.changes()
    assert [step for step, _ in tape.walk(5)] == [0, 5, 10, 15, 20, 21]
    assert tape.verify() == 21
    assert first.recording is second.recording is tape


def test_setting_parameters_by_hand_is_noticed(monkeypatch):
    set_pace(monkeypatch, 100, 1)
    net = tt.Network([12, 9, 3], seed=2, **SWITCHED)
    after = {}

    def edit(record):
        if record.epoch == 2:
            net.layers[0].W = net.layers[0].W * 0.5
        after[record.epoch] = bits(net)

    tape = Recording()
    _, history = train(net=net, callback=edit, recording=tape)
    for epoch, then in after.items():
        assert bits(history.at(PER_EPOCH * epoch)) == then
    assert bits(history.at(10)) == stopped(10), "before the edit"
    assert bits(history.at(17)) != stopped(17)
    assert {"step": 12, "edited": True} in tape.changes()
    net.layers[0].b = net.layers[0].b + 1
    edited = bits(net)
    train(1, net=net, recording=tape)
    assert {"step": 30, "edited": True} in tape.changes()
    assert bits(tape.at(30)) == edited
    tape.verify()


def test_a_schedule_that_observes():
    rate = tt.schedules.ReduceOnPlateau(0.5, patience=0, min_delta=0.5)
    settings = {"optimizer": tt.SGD(rate), "validation": 10}
    _, history = train(6, **settings)
    per_epoch = history.n_steps // 6
    for step in (per_epoch + 1, 3 * per_epoch, 6 * per_epoch - 1):
        assert bits(history.at(step)) == stopped(step, epochs=6, **settings)
    reduced = [one for one in history.recording.changes() if "learning_rate" in one]
    assert reduced[0]["learning_rate"] == 0.25
    rates = history.column("learning_rate")
    for one in reduced:
        epoch = one["step"] // per_epoch
        if epoch < 6:
            assert one["learning_rate"] == rates[epoch]


def test_an_interrupted_run(monkeypatch):
    set_pace(monkeypatch, 2, 1)

    def stop(record):
        if record.epoch == 2:
            raise KeyboardInterrupt

    net, history = train(callback=stop)
    assert history.stopped_by == "interrupted"
    assert bits(history.at(history.n_steps)) == bits(net)
    assert bits(history.at(5)) == stopped(5)


def test_a_run_that_diverged(monkeypatch):
    """What was kept of the steps that were taken back is forgotten."""
    set_pace(monkeypatch, 1, 1)
    monkeypatch.setattr(training.trail, "_MOST_SHARE", 1e9)  # a state before every step
    net = tt.Network([6, 2], output="linear", loss="mse")
    tape = Recording()
    with pytest.raises(tt.DivergedError) as caught:
        tt.fit(net, steep(), optimizer=tt.SGD(3.0), recording=tape, epochs=3)
    history = caught.value.history
    assert bits(history.at(history.n_steps)) == bits(net)
    assert max(tape.steps) <= history.n_steps


def test_early_stopping_gives_the_network_another_step_than_the_last():
    stop = tt.EarlyStopping(patience=2)
    net, history = train(30, stop=stop, validation=20, optimizer=tt.SGD(3.0))
    per_epoch = history.n_steps // len(history.epochs)
    assert bits(history.at(history.best_epoch * per_epoch)) == bits(net)


def test_a_resumed_run_is_recorded_from_there(tmp_path):
    path = tt.Checkpoints(tmp_path / "run", every_s=None, every_steps=1)

    def stop(record):
        if record.epoch == 2:
            raise KeyboardInterrupt

    train(checkpoint=path, callback=stop, recording=False)
    net, history = train(checkpoint=path, resume=True)
    assert bits(history.at(20)) == stopped(20)
    assert bits(history.at(30)) == bits(net)
    with pytest.raises(ValueError, match=re.escape("those recorded, 12 … 30; it is 11")):
        history.at(11)


def test_streamed_data(tmp_path, monkeypatch):
    from tongtou.training import courses, windows

    monkeypatch.setattr(windows, "WINDOW_BYTES", 400)
    monkeypatch.setattr(courses, "WINDOW_BYTES", 400)
    big = np.memmap(tmp_path / "X", np.uint8, "w+", shape=X.shape)
    big[:] = X
    settings = {"data": (big, Y), "batch_size": 8, "optimizer": tt.Adam(0.01)}
    net, history = train(3, **settings)
    for step in (1, 5, 13, 20):
        assert bits(history.at(step)) == stopped(step, epochs=3, **settings)
    assert bits(history.at(history.n_steps)) == bits(net)


def test_no_epoch_at_all():
    net, history = train(0)
    assert bits(history.at(0)) == bits(net)


# What is told, kept and refused -------------------------------------------------------------------


def test_the_network_that_comes_back_is_a_copy_that_knows_its_classes():
    data = tt.Dataset(X, Y, ("cat", "dog", "owl"))
    net, history = train(data=data)
    then = history.at(3)
    assert (then.classes, then.recipe) == (net.classes, net.recipe)
    then.layers[0].W = 0 * then.layers[0].W
    assert bits(history.at(3)) == stopped(3)
    assert bits(history.at(30)) == bits(net)


def test_histories_forget_it_when_written_down():
    _, history = train()
    assert "recording" not in json.dumps(history.to_dict())
    for other in (pickle.loads(pickle.dumps(history)), copy.deepcopy(history)):
        assert other == history
        assert other.recording is None
    with pytest.raises(ValueError, match="recording=True"):
        copy.deepcopy(history).at(1)
    assert train(recording=False)[1].recording is None


@pytest.mark.parametrize(
    ("step", "said"),
    [(31, "0 … 30; it is 31"), (-1, "at least 0"), (1.5, "whole number")],
    ids=["after", "before", "between"],
)
def test_no_such_step(step, said):
    _, history = train()
    for asked in (history.at, history.recording.at):
        with pytest.raises(ValueError, match=said):
            asked(step)


def test_altered_examples_are_noticed():
    mine = X.copy()
    _, history = train(data=(mine, Y))
    mine[7] = 255 - mine[7]
    with pytest.raises(tt.DataError, match="altered since the run"):
        history.at(3)


def test_another_kernel_is_refused(use_kernel):
    from tongtou import evaluation

    names = evaluation.kernel.kernel_names()
    if len(names) < 2:
        pytest.skip("there is one kernel only")
    _, history = train()
    use_kernel(names[0])
    with pytest.raises(ValueError, match=f"now '{names[0]}' is in use"):
        history.at(3)


def test_what_fit_refuses():
    for given in ("yes", 3, {}):
        with pytest.raises(ValueError, match="recording must be True, False or a Recording"):
            train(recording=given)
    with pytest.raises(ValueError, match="nothing was recorded yet"):
        Recording().at(0)
    with pytest.raises(ValueError, match="max_bytes"):
        Recording(0)


# Two runs -----------------------------------------------------------------------------------------


def test_the_step_at_which_two_runs_part():
    """A schedule cuts the rate after two epochs, so the 13th update is the first other one."""
    one = train(optimizer=tt.SGD(RATE))[1]
    other = train(optimizer=tt.SGD(tt.schedules.Step(RATE, every_epochs=2)))[1]
    for every in (1, 5, 7, None):
        found = compare(one, other, every)
        assert found.equal_until == 12
        assert not found.same
    steps = {step: k for k, step in enumerate(compare(one, other, 1).steps.tolist())}
    found = compare(one, other, 1)
    assert list(steps) == list(range(31))
    theta = [
        np.concatenate([a.ravel() for layer in net.layers for a in (layer.W, layer.b)])
        for net in (one.at(20), other.at(20), one.at(0))
    ]
    k = steps[20]
    assert found.distance[k] == pytest.approx(np.linalg.norm(theta[0] - theta[1]), rel=1e-5)
    assert found.travelled[k, 0] == pytest.approx(np.linalg.norm(theta[0] - theta[2]), rel=1e-5)
    assert (found.by_layer**2).sum(axis=1) == pytest.approx(found.distance**2)
    assert found.cosine[k] > 0.9
    assert json.loads(json.dumps(found.to_dict()))["equal_until"] == 12
    assert "up to step 12" in str(found)


def test_the_same_run_twice_and_two_others():
    one, again = train()[1], train()[1]
    assert compare(one, again).same
    assert "all 30 steps" in str(compare(one, again))
    away = train(net=tt.Network([12, 9, 3], seed=3, **SWITCHED))[1]
    found = compare(one, away)
    assert found.equal_until == -1
    try:
        use_language("zh")
        assert "从一开始就不同" in str(found)
    finally:
        use_language(None)


def test_runs_that_cannot_be_compared():
    one = train()[1]
    with pytest.raises(ValueError, match="must be recorded"):
        compare(one, train(recording=False)[1])
    with pytest.raises(ValueError, match="same sizes"):
        compare(one, train(net=tt.Network([12, 8, 3], **SWITCHED))[1])
