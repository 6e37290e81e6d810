"""How training ends before its time: divergence, Ctrl-C, the callback; what is kept then."""

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from small_networks import ENGINES, bits, finite, pixels, set_pace, steep

import tongtou as tt
from tongtou.engines import native, reference
from tongtou.training import trail

# Divergence ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("slice_length", [1, 2, 7, 10_000])
@pytest.mark.parametrize("rate", [0.5, 10.0, 1e4, 1e30])
def test_a_diverging_run_keeps_the_last_good_parameters(
    monkeypatch, rate, slice_length, engine, dtype
):
    """Held against clean runs over the same steps: the data cut off, its order kept."""
    set_pace(monkeypatch, slice_length)
    X, y = steep()

    def fit(n_steps):
        net = tt.Network(
            [6, 5, 2], activation="relu", output="linear", loss="mse", dtype=dtype, seed=1
        )
        data = X[: n_steps * 16], y[: n_steps * 16]
        settings = {"optimizer": tt.SGD(rate), "batch_size": 16, "shuffle": False, "epochs": 1}
        try:
            return net, tt.fit(net, data, engine=engine, **settings) if n_steps else None
        except tt.DivergedError as error:
            return net, error

    net, error = fit(40)
    assert isinstance(error, tt.DivergedError)
    assert finite(net)
    assert error.history is net.history
    assert error.history.stopped_by == "diverged"
    assert error.history.epochs == []
    assert 1 <= error.step < 40
    assert error.history.n_steps == error.step - 1
    assert f"diverged: after {error.step} steps (epoch 1)" in str(error)
    assert f"Use a smaller learning rate than {rate:g}" in str(error)
    # one step less is a clean run, and ends at the same bits …
    clean, finished = fit(error.step - 1)
    assert not isinstance(finished, tt.DivergedError)
    assert bits(clean) == bits(net)
    # … the next batch then has a finite loss still …
    good = error.step - 1
    batch = X[good * 16 : good * 16 + 16], y[good * 16 : good * 16 + 16]
    first_bad = 1
    try:
        tt.fit(net, batch, optimizer=tt.SGD(rate), batch_size=16, epochs=1, engine=engine)
    except tt.DivergedError as after:
        first_bad = after.step
    assert first_bad == 1
    # … and no run comes past the one after
    assert isinstance(fit(error.step + 1)[1], tt.DivergedError)


@pytest.mark.parametrize("slice_length", [1, 3])
def test_divergence_in_a_later_epoch(monkeypatch, slice_length):
    """With a full batch every step ends an epoch: those that were taken back are not recorded."""
    set_pace(monkeypatch, slice_length)
    X, y = steep(64)
    settings = {"optimizer": tt.SGD(0.5), "batch_size": 64, "validation": 0.25}
    shape = {"activation": "linear", "output": "linear", "loss": "mse"}
    net, clean = (tt.Network([6, 5, 2], **shape) for _ in range(2))
    with pytest.raises(tt.DivergedError) as caught:
        tt.fit(net, (X, y), epochs=1000, **settings)
    good = caught.value.history.n_steps
    assert good >= 3
    assert len(caught.value.history.epochs) == good
    finished = tt.fit(clean, (X, y), epochs=good, **settings)
    assert bits(clean) == bits(net)
    assert finished.column("loss") == caught.value.history.column("loss")
    assert np.isfinite(finished.column("loss")).all()


@pytest.mark.parametrize("epochs", [1, 5])
def test_infinite_parameters_behind_finite_losses(epochs):
    """The hidden neuron's weight becomes -inf, so it gives 0 and the output is right: loss 0."""
    net = tt.Network([1, 1, 1])
    net.layers[0].W, net.layers[0].b = [[0.0]], [0.0]
    net.layers[1].W, net.layers[1].b = [[100.0]], [-50.0]
    before = bits(net)
    with pytest.raises(tt.DivergedError, match="keeps its parameters after 0"):
        tt.fit(net, ([[1.0]], [0.0]), optimizer=tt.SGD(2e38), epochs=epochs)
    assert bits(net) == before
    assert net.history.n_steps == 0
    assert net.history.epochs == []


def test_the_very_last_step_may_diverge_too():
    net = tt.Network([1, 1], output="linear", seed=1)
    before = bits(net)
    with pytest.raises(tt.DivergedError):
        tt.fit(net, ([[100.0]], [1e6]), optimizer=tt.SGD(1e38), epochs=1)
    assert bits(net) == before


def test_a_loss_that_is_infinite_from_the_start():
    net = tt.Network([1, 1], output="linear", seed=1)
    before = bits(net)
    with pytest.raises(tt.DivergedError, match=r"cannot start.*are unchanged") as caught:
        tt.fit(net, ([[1e30]], [0.0]), epochs=2)
    assert caught.value.step == 0
    assert caught.value.history.n_steps == 0
    assert bits(net) == before


def test_a_diverged_error_is_an_arithmetic_error():
    assert issubclass(tt.DivergedError, ArithmeticError)
    assert issubclass(tt.DivergedError, tt.TongtouError)
    assert (tt.DivergedError("told").step, tt.DivergedError("told").history) == (0, None)


# Ctrl-C -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("at_call", [1, 4, 15])
@pytest.mark.parametrize("share", [0.05, 1e-9], ids=["a state a slice", "few states"])
def test_ctrl_c_keeps_what_was_learnt(monkeypatch, engine, at_call, when, share):
    """Python raises it once the slice has returned, before anybody saw what the slice did."""
    monkeypatch.setattr(trail, "_MOST_SHARE", share)
    set_pace(monkeypatch, 3)
    kind = {"native": native.NativeSession, "reference": reference.ReferenceSession}[engine]
    calls, advance = [], kind.advance

    def interrupted(self, *told):
        calls.append(told)
        if len(calls) == at_call and when == "before":
            raise KeyboardInterrupt
        result = advance(self, *told)
        if len(calls) == at_call:
            raise KeyboardInterrupt
        return result

    X, y = pixels(96, 5), np.arange(96) % 3
    settings = {"batch_size": 4, "shuffle": False, "engine": engine}
    net, clean = (tt.Network([5, 4, 3], seed=1) for _ in range(2))
    monkeypatch.setattr(kind, "advance", interrupted)
    history = tt.fit(net, (X, y), epochs=5, **settings)  # 24 steps an epoch, 8 slices
    monkeypatch.undo()
    assert history.stopped_by == "interrupted"
    assert history.n_steps == 3 * (at_call - 1)
    assert len(history.epochs) == (at_call - 1) // 8
    assert net.history is history
    learnt = history.n_steps * 4
    if learnt:
        examples = np.tile(X, (5, 1))[:learnt], np.tile(y, 5)[:learnt]
        tt.fit(clean, examples, epochs=1, **settings)
    assert bits(net) == bits(clean)


@pytest.mark.parametrize("engine", ENGINES)
def test_ctrl_c_while_validating_keeps_the_whole_epoch(monkeypatch, engine):
    kind = {"native": native.NativeSession, "reference": reference.ReferenceSession}[engine]

    def interrupted(self, rows):
        raise KeyboardInterrupt

    X, y = pixels(96, 5), np.arange(96) % 3
    net, clean = (tt.Network([5, 4, 3], seed=1) for _ in range(2))
    settings = {"batch_size": 4, "validation": 16, "engine": engine}
    tt.fit(clean, (X, y), epochs=1, **settings)
    monkeypatch.setattr(kind, "weighted_sums", interrupted)
    history = tt.fit(net, (X, y), epochs=5, **settings)
    assert (history.stopped_by, history.n_steps, history.epochs) == ("interrupted", 20, [])
    assert bits(net) == bits(clean)


def test_a_real_ctrl_c_in_a_process_that_trains():
    script = """
        import signal, sys
        import numpy as np
        import tongtou as tt
        from tongtou.engines import Task, engine
        signal.signal(signal.SIGINT, signal.default_int_handler)  # may be ignored by the parent
        X, y = np.arange(50000, dtype=np.uint8).reshape(1000, 50), np.arange(1000) % 5
        net, clean = (tt.Network([50, 20, 5], seed=3) for _ in range(2))
        print("ready", flush=True)
        history = tt.fit(net, (X, y), epochs=10**9, seed=8)
        task = Task(X, y.astype(np.int32), np.arange(1000, dtype=np.uint32), 32, 8, True)
        rates = np.array([[0.1, 1, 1, 1]] * history.n_steps)
        engine("native").prepare(clean, task).advance(0, rates, 1)
        same = all((a.W == b.W).all() for a, b in zip(net.layers, clean.layers))
        print(history.stopped_by, history.n_steps, len(history.epochs), same)
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout.readline() == "ready\n"
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(0.4)  # it trains
        child.send_signal(signal.SIGINT)
        out, errors = child.communicate(timeout=20)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 0, errors
    stopped_by, n_steps, n_epochs, same = out.split()
    assert (stopped_by, same) == ("interrupted", "True")
    assert int(n_steps) > 32
    # The key may come when an epoch's last step is made and its record is not.
    assert 0 <= int(n_steps) - 32 * int(n_epochs) <= 32


# The callback -----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_the_callback_sees_each_epoch_and_the_network_it_left(engine):
    X, y = pixels(96, 5), np.arange(96) % 3
    net, seen = tt.Network([5, 4, 3], seed=1), []

    def callback(record):
        seen.append((record.epoch, record.val_loss, bits(net)))

    settings = {"batch_size": 8, "validation": 16, "engine": engine}
    history = tt.fit(net, (X, y), epochs=4, callback=callback, **settings)
    assert [epoch for epoch, _, _ in seen] == [1, 2, 3, 4]
    assert [loss for _, loss, _ in seen] == history.column("val_loss")
    assert history.stopped_by == "epochs"
    for epoch, _, left in seen:
        clean = tt.Network([5, 4, 3], seed=1)
        tt.fit(clean, (X, y), epochs=epoch, **settings)
        assert bits(clean) == left


def test_the_callback_may_end_training():
    X, y = pixels(96, 5), np.arange(96) % 3
    net, clean = (tt.Network([5, 4, 3], seed=1) for _ in range(2))
    history = tt.fit(net, (X, y), epochs=10**9, callback=lambda record: record.epoch == 3)
    assert (history.stopped_by, len(history.epochs), history.n_steps) == ("callback", 3, 9)
    tt.fit(clean, (X, y), epochs=3)
    assert bits(clean) == bits(net)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_what_the_callback_raises(error):
    """Ctrl-C ends training as ever, a mistake of the callback's own comes out; learnt is learnt."""
    X, y = pixels(96, 5), np.arange(96) % 3
    net, clean = (tt.Network([5, 4, 3], seed=1) for _ in range(2))

    def callback(record):
        if record.epoch == 2:
            raise error

    if error is KeyboardInterrupt:
        assert tt.fit(net, (X, y), epochs=5, callback=callback).stopped_by == "interrupted"
    else:
        with pytest.raises(error):
            tt.fit(net, (X, y), epochs=5, callback=callback)
    assert net.history.n_steps == 6
    tt.fit(clean, (X, y), epochs=2)
    assert bits(clean) == bits(net)
