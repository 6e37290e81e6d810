"""The same seed gives the same bits; held-out examples change none of them."""

import hashlib
import math
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from small_networks import LESSON, SWITCHED, bits, pixels, set_pace

import tongtou as tt
from tongtou import randomness

# The same bits ------------------------------------------------------------------------------------


MANY = [
    pytest.param(LESSON, {}, 64, id="lesson-64"),
    pytest.param(LESSON, {}, 256, id="lesson-256"),
    pytest.param(LESSON, SWITCHED, 100, id="switched-100"),
    pytest.param([784, 10], {"output": "softmax", "loss": "cross_entropy"}, 129, id="flat-129"),
    pytest.param([784, 100, 10], SWITCHED, 96, id="wide-96"),
    pytest.param([71, 33, 17, 5], {"activation": ["tanh", "gelu"], "loss": "mse"}, 77, id="odd-77"),
    pytest.param([3, 1, 2], {"activation": "leaky_relu"}, 65, id="tiny-65"),
    pytest.param([71, 20, 5], {}, 1, id="one-by-one"),
    pytest.param([71, 20, 5], {}, 2, id="fewer-than-threads"),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("form", ["packed", "dense"])
@pytest.mark.parametrize(("sizes", "settings", "batch_size"), MANY)
def test_threads_change_no_bit(each_kernel, monkeypatch, sizes, settings, batch_size, form, dtype):
    """Nor does the length of slices; the last batch is partial, but for a batch of one."""
    n = 303 if batch_size > 2 else 43
    X, y = pixels(n, sizes[0]), np.random.default_rng(1).integers(0, sizes[-1], n)
    if form == "dense":
        X = X / np.dtype(dtype).type(255)
    found = set()
    for n_steps, threads in ((10_000, (1,)), (10_000, (2,)), (1, (3, 1)), (3, (1, 2)), (5, (4,))):
        set_pace(monkeypatch, n_steps, *threads)
        net = tt.Network(sizes, seed=1, dtype=dtype, **settings)
        history = tt.fit(net, (X, y), optimizer=tt.SGD(0.3), batch_size=batch_size, epochs=2)
        assert history.threads in threads
        # sums over an epoch are taken slice by slice, so its loss may differ in the last digits
        found.add((bits(net), *(f"{loss:.10g}" for loss in history.column("loss"))))
    assert len(found) == 1


@pytest.mark.parametrize("threads", [1, 2, 64, 1000])
def test_the_pace_chosen_by_the_clock_changes_no_bit(mnist, threads):
    def run(threads):
        net = tt.Network(LESSON, seed=1)
        data = mnist.train[:5000]
        return tt.fit(net, data, batch_size=128, epochs=2, threads=threads), bits(net)

    history, found = run(threads)
    assert found == run(None)[1]
    assert 1 <= history.threads <= threads


def test_the_seed_decides_the_order():
    def run(**settings):
        net = tt.Network([6, 5, 3], seed=0)
        tt.fit(net, (pixels(50, 6), np.arange(50) % 3), batch_size=7, epochs=2, **settings)
        return bits(net)

    assert run(seed=1) == run(seed=1)
    assert run(seed=1) != run(seed=2)
    assert run(seed=1, shuffle=False) == run(seed=2, shuffle=False)
    assert run(seed=2**64 - 1) == run(seed=2**64 - 1)


def test_without_shuffling_examples_come_in_their_order():
    """Two epochs are the same as one over the data twice, if no batch goes over the seam."""
    X, y = pixels(48, 6), np.arange(48) % 3
    one, other = (tt.Network([6, 5, 3], seed=0) for _ in range(2))
    tt.fit(one, (X, y), batch_size=8, epochs=2, shuffle=False)
    tt.fit(other, (np.tile(X, (2, 1)), np.tile(y, 2)), batch_size=8, epochs=1, shuffle=False)
    assert bits(one) == bits(other)


def test_another_process_finds_the_same_bits():
    script = """
        import hashlib, numpy as np, tongtou as tt
        net = tt.Network([50, 20, 5], activation="relu", seed=3)
        X = np.arange(5000, dtype=np.uint8).reshape(100, 50)
        tt.fit(net, (X, np.arange(100) % 5), batch_size=9, epochs=3, validation=0.1, seed=8)
        print(hashlib.sha256(net.layers[0].W.tobytes() + net.layers[1].W.tobytes()).hexdigest())
    """
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | {"PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    net = tt.Network([50, 20, 5], activation="relu", seed=3)
    X = np.arange(5000, dtype=np.uint8).reshape(100, 50)
    tt.fit(net, (X, np.arange(100) % 5), batch_size=9, epochs=3, validation=0.1, seed=8)
    mine = net.layers[0].W.tobytes() + net.layers[1].W.tobytes()
    assert out == hashlib.sha256(mine).hexdigest()


# Validation ---------------------------------------------------------------------------------------


def trained_with(validation, X, y, **settings):
    net = tt.Network([12, 8, 3], seed=6)
    history = tt.fit(
        net, (X, y), batch_size=16, epochs=2, seed=5, validation=validation, **settings
    )
    return net, history


@pytest.mark.parametrize("validation", [0.25, 50, np.int64(50), np.float32(0.25)])
def test_held_out_examples_are_measured_and_never_learnt_from(validation):
    X, y = pixels(200, 12), np.arange(200) % 3
    held = randomness.order(5, 0, 200, randomness.SPLIT)[:50]
    learnt = np.setdiff1d(np.arange(200), held)
    net, history = trained_with(validation, X, y)
    assert (history.n_train, history.n_validation) == (150, 50)
    assert history.epochs[-1].val_loss == pytest.approx(net.loss(X[held], y[held]), rel=1e-6)
    assert history.epochs[-1].val_accuracy == net.accuracy(X[held], y[held])
    # other held-out examples: other measurements, the same parameters
    X2, y2 = X.copy(), y.copy()
    X2[held], y2[held] = 255 - X[held], (y[held] + 1) % 3
    other, measured = trained_with(validation, X2, y2)
    assert bits(other) == bits(net)
    assert measured.column("val_loss") != history.column("val_loss")
    assert measured.column("loss") == history.column("loss")
    # another example that is learnt from: other parameters
    X[learnt[0]] = 255 - X[learnt[0]]
    assert bits(trained_with(validation, X, y)[0]) != bits(net)


@pytest.mark.parametrize("kind", ["pair", "dataset"])
@pytest.mark.parametrize("form", [np.uint8, np.float64])
def test_validation_examples_of_their_own(kind, form):
    X, y = pixels(200, 12).astype(form), np.arange(200) % 3
    own = (X[150:], y[150:]) if kind == "pair" else tt.Dataset(X[150:], y[150:])
    net, history = trained_with(own, X[:150], y[:150])
    assert (history.n_train, history.n_validation) == (150, 50)
    assert history.epochs[-1].val_loss == pytest.approx(net.loss(X[150:], y[150:]), rel=1e-6)
    assert bits(net) == bits(trained_with(None, X[:150], y[:150])[0])


def test_validation_with_real_targets_has_a_loss_and_no_accuracy():
    X, y = np.random.default_rng(0).normal(size=(40, 12)), np.eye(3)[np.arange(40) % 3]
    _, history = trained_with(0.5, X, y)
    assert history.column("val_accuracy") == [None, None]
    assert all(loss > 0 for loss in history.column("val_loss"))


@pytest.mark.parametrize(
    ("validation", "kind", "said"),
    [
        pytest.param(0, ValueError, "a share between 0 and 1 or a number 1 … 199", id="0"),
        pytest.param(0.0, ValueError, "share between 0 and 1", id="0.0"),
        pytest.param(1.0, ValueError, "share between 0 and 1", id="all as a share"),
        pytest.param(200, ValueError, "1 … 199 of the 200 examples; it is 200", id="all of them"),
        pytest.param(-0.1, ValueError, "share", id="negative"),
        pytest.param(2.5, ValueError, "share", id="2.5"),
        pytest.param(1e-9, ValueError, "share", id="a share of none"),
        pytest.param(math.nan, ValueError, "share", id="NaN"),
        pytest.param(math.inf, ValueError, "share", id="infinity"),
        pytest.param(True, ValueError, r"a tuple \(X, y\); it is True", id="True"),
        pytest.param("0.1", ValueError, "a number of examples", id="text"),
        pytest.param(
            (np.zeros((3, 12)), [0, 1, 2]), tt.DataError, "uint8 and float32", id="another dtype"
        ),
        pytest.param(
            (np.zeros((3, 12), np.uint8), np.eye(3)), tt.DataError, "1 and 2 dim", id="targets"
        ),
        pytest.param(
            (np.zeros((3, 11), np.uint8), [0, 1, 2]), tt.ShapeError, r"\(n, 12\)", id="narrow"
        ),
        pytest.param(
            (np.zeros((3, 12), np.uint8), [0, 1, 3]), tt.DataError, "0 … 2 for 3", id="a 4th class"
        ),
    ],
)
def test_validation_that_is_refused(validation, kind, said):
    with pytest.raises(kind, match=said):
        trained_with(validation, pixels(200, 12), np.arange(200) % 3)
