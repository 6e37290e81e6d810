"""Training: what it takes and refuses, that it learns, and how long it takes."""

import math

import numpy as np
import pytest
from small_networks import LESSON, SWITCHED, bits, pixels

import tongtou as tt
from tongtou import evaluation, training


def line(dtype="float64"):
    """y = w x + b, both 0 at first."""
    return tt.Network([1, 1], output="linear", loss="mse", initializer="zeros", dtype=dtype)


# Data of every kind -------------------------------------------------------------------------------


def test_x_and_y_may_be_lists():
    X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1]
    one, other = (tt.Network([2, 3, 2], seed=1) for _ in range(2))
    tt.fit(one, (X, y), epochs=3)
    tt.fit(other, (np.array(X), np.array(y)), epochs=3)
    assert bits(one) == bits(other)


def test_training_leaves_the_data_as_it_is():
    X, y = np.random.default_rng(0).random((30, 4), np.float32), np.arange(30) % 2
    kept = X.copy(), y.copy()
    tt.fit(tt.Network([4, 2]), (X, y), epochs=2, validation=0.3)
    np.testing.assert_array_equal(X, kept[0])
    np.testing.assert_array_equal(y, kept[1])


def test_a_dataset_leaves_its_names_and_its_shape():
    data = tt.Dataset(
        pixels(20, 6), np.arange(20) % 2, classes=("no", "yes"), shape=(2, 3), name="toy"
    )
    net = tt.Network([6, 2])
    tt.fit(net, data, optimizer=tt.SGD(0.5), batch_size=500, epochs=3, validation=5, seed=7)
    assert net.classes == ("no", "yes")
    assert net.input_shape == (2, 3)
    assert net.recipe == {
        "optimizer": {"name": "sgd", "learning_rate": 0.5},
        "batch_size": 15,
        "epochs": 3,
        "seed": 7,
        "shuffle": True,
        "n_train": 15,
        "n_validation": 5,
        "data": "toy",
    }


def test_data_of_a_single_class():
    """Nothing to tell apart, and nothing that breaks: the answer is that class."""
    net, X = tt.Network([5, 4, 3], **SWITCHED), pixels(64, 5)
    history = tt.fit(net, (X, np.full(64, 2)), optimizer=tt.SGD(0.5), epochs=30)
    assert net.predict(X).tolist() == [2] * 64
    assert history.epochs[-1].accuracy == 1
    assert history.epochs[-1].loss < 0.05


def test_a_single_example():
    net = tt.Network([5, 3])
    assert tt.fit(net, (pixels(1, 5), [1]), epochs=4).n_steps == 4
    with pytest.raises(ValueError, match="1 … 0 of the 1 examples"):
        tt.fit(net, (pixels(1, 5), [1]), validation=0.5)


def test_two_classes_with_a_single_output():
    data = tt.Dataset(np.array([[0.0], [1.0]] * 50), np.array([0, 1] * 50), classes=("low", "high"))
    net = tt.Network([1, 1])
    tt.fit(net, data, optimizer=tt.SGD(5), batch_size=10, epochs=50)
    assert net.predict([[0.0], [1.0]]).tolist() == ["low", "high"]
    assert net.accuracy(data) == 1


# What it refuses ----------------------------------------------------------------------------------


GOOD = np.zeros((4, 3)), [0, 1, 1, 0]


@pytest.mark.parametrize(
    ("data", "settings", "kind", "said"),
    [
        pytest.param(
            ([[0, 0, math.nan]], [0]), {}, tt.DataError, "row 0, column 2 is nan", id="NaN in X"
        ),
        pytest.param(([[math.inf, 0, 0]], [0]), {}, tt.DataError, "is inf", id="infinity in X"),
        pytest.param(
            (np.zeros((1, 3)), [[0, math.nan]]), {}, tt.DataError, "y must be finite", id="NaN in y"
        ),
        pytest.param((np.zeros((4, 2)), [0] * 4), {}, tt.ShapeError, r"\(n, 3\)", id="X narrow"),
        pytest.param((np.zeros((4, 3)), [0] * 3), {}, tt.ShapeError, "4 rows", id="y short"),
        pytest.param((np.zeros((0, 3)), []), {}, tt.DataError, "no example", id="no example"),
        pytest.param((np.zeros((1, 3)), [2]), {}, tt.DataError, "0 … 1 for 2", id="third class"),
        pytest.param(
            tt.Dataset(np.zeros((4, 3)), np.array([0, 1, 1, 0]), classes=("a", "b", "c")),
            {},
            tt.ShapeError,
            "the data has 3 classes but the network 2 outputs",
            id="three names for two outputs",
        ),
        pytest.param([*GOOD], {}, ValueError, r"a Dataset or a tuple \(X, y\)", id="a list"),
        pytest.param(GOOD[0], {}, ValueError, r"a Dataset or a tuple \(X, y\)", id="X alone"),
        pytest.param(
            GOOD, {"optimizer": "sgd"}, ValueError, r"tt.SGD\(learning_rate=…\); got 'sgd'"
        ),
        pytest.param(GOOD, {"batch_size": 0}, ValueError, "batch_size must be at least 1; it is 0"),
        pytest.param(GOOD, {"batch_size": 2.5}, ValueError, "whole number from 1 on; it is 2.5"),
        pytest.param(GOOD, {"batch_size": True}, ValueError, "whole number from 1 on; it is True"),
        pytest.param(GOOD, {"epochs": -1}, ValueError, "epochs must be at least 0; it is -1"),
        pytest.param(GOOD, {"threads": 0}, ValueError, "threads must be at least 1; it is 0"),
        pytest.param(GOOD, {"seed": -3}, ValueError, "seed must be an integer 0"),
        pytest.param(GOOD, {"engine": "natve"}, ValueError, "unknown engine.*mean 'native'"),
    ],
)
def test_a_refusal_changes_nothing(data, settings, kind, said):
    net = tt.Network([3, 2], seed=1)
    before = bits(net)
    with pytest.raises(kind, match=said):
        tt.fit(net, data, **settings)
    assert bits(net) == before
    assert (net.history, net.recipe, net.classes, net.input_shape) == (None, {}, (), ())


@pytest.mark.parametrize("rate", [0, -1, math.nan, math.inf, "fast", None, True])
def test_a_learning_rate_is_a_finite_number_above_0(rate):
    with pytest.raises(ValueError, match=r"learning_rate must be a finite number above 0; it is"):
        tt.SGD(learning_rate=rate)


def test_a_network_with_nan_is_refused():
    net = tt.Network([3, 4, 2])
    net.layers[1].W[0, 1] = math.nan
    with pytest.raises(tt.DataError, match=r"layer 2 holds NaN or infinity.*net.initialize\(\)"):
        tt.fit(net, GOOD)
    assert net.history is None


# Learning, and how long it takes ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "rate", "batch_size", "epochs", "at_least"),
    [
        pytest.param({}, 1.5, 32, 10, 0.94, id="lesson"),
        pytest.param(SWITCHED, 0.03, 10, 6, 0.95, id="switched"),
    ],
)
def test_digits_are_learnt(mnist, settings, rate, batch_size, epochs, at_least):
    net = tt.Network(LESSON, seed=0, **settings)
    history = tt.fit(
        net,
        mnist.train,
        optimizer=tt.SGD(rate),
        batch_size=batch_size,
        epochs=epochs,
        validation=5000,
    )
    assert net.accuracy(mnist.test) >= at_least
    assert history.n_train == 55_000
    assert history.epochs[-1].val_accuracy >= at_least - 0.01
    losses = history.column("loss")
    assert losses == sorted(losses, reverse=True)
    assert net.classes == mnist.train.classes
    assert net.input_shape == (28, 28)
    assert 0 < history.train_s < 60


def test_regression_learns_a_line():
    net, x = line("float32"), np.linspace(-1, 1, 50)
    tt.fit(net, (x[:, None], 3 * x - 0.5), optimizer=tt.SGD(0.1), batch_size=5, epochs=200)
    assert net.layers[0].W[0, 0] == pytest.approx(3, abs=1e-4)
    assert net.layers[0].b[0] == pytest.approx(-0.5, abs=1e-4)


def test_slices_are_short_enough_for_ctrl_c(mnist, monkeypatch):
    """At most 50 ms each is aimed at; the median forgives what other processes took."""
    taken = []

    class Watched(training.Pace):
        def record(self, n_steps, threads, seconds):
            taken.append(seconds)
            super().record(n_steps, threads, seconds)

    monkeypatch.setattr(training, "Pace", Watched)
    tt.fit(tt.Network([784, 128, 10], **SWITCHED), mnist.train[:10_000], epochs=2, threads=1)
    assert len(taken) > 4
    assert sorted(taken)[len(taken) // 2] <= 0.05


@pytest.mark.skipif(evaluation.kernel is None, reason="the reference makes no promise")
def test_a_saturated_run_is_not_slow(mnist):
    """Denormal numbers made such a run 3 to 10 times slower; the promise is 1.3 times.

    The bound is 1.6 because other processes share the machine; the best of five short runs each,
    taken in turn, is what is least disturbed.
    """

    def seconds(times):
        net = tt.Network(LESSON, seed=0)
        for layer in net.layers:
            layer.W *= times
        data = mnist.train[:12_000]
        return tt.fit(net, data, optimizer=tt.SGD(1.5), epochs=1, threads=1).train_s

    seconds(1)
    pairs = [(seconds(1), seconds(50)) for _ in range(5)]
    assert min(s for _, s in pairs) <= 1.6 * min(n for n, _ in pairs)
