"""The steps of training: worked by hand, and beside PyTorch's."""

import math

import numpy as np
import pytest
import torch
from small_networks import ENGINES, LESSON, SWITCHED, bits, pixels

import tongtou as tt
from tongtou import evaluation, randomness
from tongtou.engines import Task
from tongtou.engines import engine as engine_of


def line(dtype="float64"):
    """y = w x + b, both 0 at first."""
    return tt.Network([1, 1], output="linear", loss="mse", initializer="zeros", dtype=dtype)


# Steps worked by hand -----------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_one_neuron_with_two_inputs_by_hand(engine):
    """The first steps of S(w) = (a - 1)^2, a = sigmoid(w1 x1 + w2 x2 + b), at x = (2, 1)."""
    net = tt.Network([2, 1], dtype="float64")
    net.layers[0].W, net.layers[0].b = [[math.log(1.5), math.log(4 / 3)]], [0.0]
    # z = 2 ln 1.5 + ln 4/3 = ln 3, a = 1 / (1 + 1/3) = 3/4, S = 1/16
    # dS/dz = 2 (3/4 - 1) · 3/4 · 1/4 = -3/32;  dw = -eta dS/dz x = 0.8 · 3/32 · (2, 1)
    history = tt.fit(net, ([[2.0, 1.0]], [1.0]), optimizer=tt.SGD(0.8), epochs=1, engine=engine)
    assert history.epochs[0].loss == pytest.approx(1 / 16, rel=1e-14)
    np.testing.assert_allclose(
        net.layers[0].W, [[math.log(1.5) + 0.15, math.log(4 / 3) + 0.075]], rtol=1e-14
    )
    np.testing.assert_allclose(net.layers[0].b, [0.075], rtol=1e-14)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_step_too_large_jumps_past_the_minimum(engine):
    """From w = 0: a = 1/2, dS/dz = 2 (-1/2) 1/4 = -1/4, so dw = eta/4 (2, -4) and db = eta/4."""
    net = tt.Network([2, 1], initializer="zeros", dtype="float64")
    tt.fit(net, ([[2.0, -4.0]], [1.0]), optimizer=tt.SGD(2), epochs=1, engine=engine)
    assert net.layers[0].W.tolist() == [[1.0, -2.0]]
    assert net.layers[0].b.tolist() == [0.5]


EXAMPLES = [[1.0], [3.0], [2.0]], [3.0, 5.0, 2.0]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("n", "batch_size", "epochs", "w", "b"),
    [
        # all of (1, 3), (3, 5): errors -3, -5;  dC/dw = -3·1 - 5·3 = -18,  dC/db = -8
        pytest.param(2, 2, 1, 0.9, 0.4, id="one step of gradient descent"),
        # then errors -1.7, -1.9;  dC/dw = -1.7·1 - 1.9·3 = -7.4,  dC/db = -3.6
        pytest.param(2, 2, 2, 1.27, 0.58, id="two steps of gradient descent"),
        pytest.param(2, 100, 2, 1.27, 0.58, id="a batch larger than the data is all of it"),
        # one by one: error -3: dw = 0.3, db = 0.3;  error 1.2 - 5 = -3.8: dw = 1.14, db = 0.38
        pytest.param(2, 1, 1, 1.44, 0.68, id="one by one"),
        # the partial batch has one example, (2, 2): error 0.2, and its mean is over that one:
        # dC/dw = 2 · 0.2 · 2 = 0.8, dC/db = 0.4
        pytest.param(3, 2, 1, 0.86, 0.38, id="the last partial batch"),
        pytest.param(3, 2, 0, 0.0, 0.0, id="no epoch"),
    ],
)
def test_fitting_a_line_by_hand(n, batch_size, epochs, w, b, engine):
    net, (X, y) = line(), EXAMPLES
    history = tt.fit(
        net,
        (X[:n], y[:n]),
        optimizer=tt.SGD(0.05),
        batch_size=batch_size,
        epochs=epochs,
        shuffle=False,
        engine=engine,
    )
    assert net.layers[0].W[0, 0] == pytest.approx(w, rel=1e-14)
    assert net.layers[0].b[0] == pytest.approx(b, rel=1e-14)
    assert len(history.epochs) == epochs
    assert history.n_steps == epochs * -(-n // batch_size)
    assert history.stopped_by == "epochs"
    assert net.history is history


def test_the_loss_of_an_epoch_is_that_before_each_step():
    """(1, 3) alone: error -3, then w = b = 0.3; (3, 5): error -3.8: mean of 9 and 14.44."""
    net, (X, y) = line(), EXAMPLES
    settings = {"optimizer": tt.SGD(0.05), "epochs": 1, "shuffle": False}
    history = tt.fit(net, (X[:2], y[:2]), batch_size=1, **settings)
    assert history.epochs[0].loss == pytest.approx((9 + 14.44) / 2, rel=1e-14)
    # a full batch: the loss of the network as it was
    for _ in range(3):
        before = net.loss(X, y)
        history = tt.fit(net, (X, y), batch_size=3, **settings)
        assert history.epochs[0].loss == pytest.approx(before, rel=1e-13)
    assert history.epochs[0].accuracy is None


def test_the_accuracy_of_an_epoch_counts_before_each_step():
    net, X, y = tt.Network([6, 5, 3], seed=3), pixels(40, 6), np.arange(40) % 3
    before = net.accuracy(X, y)
    history = tt.fit(net, (X, y), batch_size=40, epochs=1)
    assert history.epochs[0].accuracy == before
    assert 0 < before < 1


# Against PyTorch ----------------------------------------------------------------------------------


TORCH_ACTIVATIONS = {
    "sigmoid": torch.nn.Sigmoid,
    "tanh": torch.nn.Tanh,
    "relu": torch.nn.ReLU,
    "gelu": torch.nn.GELU,
    "linear": torch.nn.Identity,
    "softmax": torch.nn.Identity,  # its loss brings it along
}
TORCH_LOSSES = {
    "sse": lambda out, y: torch.nn.functional.mse_loss(out, y, reduction="sum") / len(y),
    "mse": torch.nn.functional.mse_loss,
    "cross_entropy": torch.nn.functional.cross_entropy,
}


def trained_by_torch(net, X, y, orders, batch_size, learning_rate):
    """Parameters and losses after SGD in float64, from the network's parameters, in this order."""
    modules = []
    for layer in net.layers:
        linear = torch.nn.Linear(layer.n_in, layer.n_out, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(np.array(layer.W, np.float64)))
            linear.bias.copy_(torch.tensor(np.array(layer.b, np.float64)))
        modules += [linear, TORCH_ACTIVATIONS[layer.activation.name]()]
    model = torch.nn.Sequential(*modules)
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate)
    X, y, losses = torch.tensor(X), torch.tensor(y), []
    for order in orders:
        total = 0.0
        for rows in torch.tensor(order.astype(np.int64)).split(batch_size):
            optimizer.zero_grad()
            loss = TORCH_LOSSES[net.loss_function.name](model(X[rows]), y[rows])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        losses.append(total / len(order))
    return [p.detach().numpy() for p in model.parameters()], losses


@pytest.mark.parametrize("validation", [None, 0.2, 37], ids=["all", "a share out", "37 out"])
@pytest.mark.parametrize(
    ("sizes", "settings", "form", "batch_size", "learning_rate"),
    [
        pytest.param(LESSON, {}, "packed", 32, 1.5, id="lesson"),
        pytest.param(LESSON, SWITCHED, "packed", 32, 0.1, id="switched"),
        pytest.param(
            [20, 19, 7], {"output": "linear", "loss": "mse"}, "dense", 50, 0.1, id="regression"
        ),
        pytest.param(
            [20, 33, 9, 5],
            {"activation": ["gelu", "tanh"], "output": "softmax", "loss": "cross_entropy"},
            "dense",
            1,
            0.02,
            id="one by one",
        ),
    ],
)
def test_parameters_are_those_of_pytorch(
    mnist, sizes, settings, form, batch_size, learning_rate, validation
):
    """Three epochs, the last batch partial; every step takes the same examples."""
    n, rng = 333, np.random.default_rng(5)
    nets = {engine: tt.Network(sizes, seed=4, dtype="float64", **settings) for engine in ENGINES}
    if form == "packed":
        X, y = mnist.train.X[:n], mnist.train.y[:n].astype(np.int64)
        seen, answers = X / 255, np.eye(10)[y]
    elif settings["loss"] == "mse":
        seen = X = rng.normal(size=(n, sizes[0]))
        answers = y = rng.normal(size=(n, sizes[-1]))
    else:
        seen = X = rng.normal(size=(n, sizes[0]))
        answers = y = rng.dirichlet(np.ones(sizes[-1]), n)
    held = {None: 0, 0.2: 67, 37: 37}[validation]
    split = randomness.order(9, 0, n, randomness.SPLIT)
    rows = np.sort(split[held:]) if held else np.arange(n)
    orders = [rows[randomness.order(9, epoch, len(rows))] for epoch in range(3)]
    expected, losses = trained_by_torch(
        nets["native"], seen, answers, orders, batch_size, learning_rate
    )
    for engine, net in nets.items():
        history = tt.fit(
            net,
            (X, y),
            optimizer=tt.SGD(learning_rate),
            batch_size=batch_size,
            epochs=3,
            validation=validation,
            seed=9,
            engine=engine,
        )
        found = [array for layer in net.layers for array in (layer.W, layer.b)]
        for mine, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, atol=1e-10, rtol=0)
        np.testing.assert_allclose(history.column("loss"), losses, rtol=1e-10)
        assert (history.n_train, history.n_validation) == (n - held, held)
        assert history.n_steps == 3 * -(-(n - held) // batch_size)


# The two engines ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("settings", "labels"),
    [
        pytest.param({}, True, id="lesson"),
        pytest.param(SWITCHED, True, id="switched"),
        pytest.param({"output": "softmax"}, True, id="softmax below sse"),
        pytest.param({"activation": "leaky_relu", "loss": "mse"}, False, id="targets"),
    ],
)
def test_both_engines_find_the_same(mnist, settings, labels, dtype):
    X, y = mnist.train.X[:700], mnist.train.y[:700]
    y = y if labels else np.eye(10)[y]
    nets, histories = [], []
    for engine in ENGINES:
        net = tt.Network(LESSON, seed=2, dtype=dtype, **settings)
        histories.append(
            tt.fit(net, (X, y), optimizer=tt.SGD(0.2), epochs=2, validation=101, engine=engine)
        )
        nets.append(net)
    tolerance = 1e-10 if dtype == "float64" else 2e-5
    for mine, theirs in zip(nets[0].layers, nets[1].layers, strict=True):
        np.testing.assert_allclose(mine.W, theirs.W, atol=tolerance)
        np.testing.assert_allclose(mine.b, theirs.b, atol=tolerance)
    for column in ("loss", "val_loss"):
        np.testing.assert_allclose(*(h.column(column) for h in histories), rtol=10 * tolerance)
    for column in ("accuracy", "val_accuracy"):
        if labels:
            np.testing.assert_allclose(*(h.column(column) for h in histories), atol=1e-2)
        else:
            assert [h.column(column) for h in histories] == [[None, None]] * 2
    assert histories[0].engine == evaluation.kernel_name()
    assert histories[1].engine == "reference"


# Engines ------------------------------------------------------------------------------------------


def test_engines_draw_the_same_order():
    for n in (1, 2, 1000):
        np.testing.assert_array_equal(
            engine_of("native").order(3, 2, n, randomness.SHUFFLE), randomness.order(3, 2, n)
        )


@pytest.mark.parametrize("engine", ENGINES)
def test_steps_may_be_replayed(engine):
    """From a snapshot, alone or together, forwards or back in another epoch: the same bits."""
    X, y = pixels(50, 5), (np.arange(50) % 3).astype(np.int32)
    net = tt.Network([5, 4, 3], seed=1)
    task = Task(X, y, np.arange(50, dtype=np.uint32), 8, 4, True)
    session = engine_of(engine).prepare(net, task)
    rates = np.ones((21, 4))
    rates[:, 0] = np.linspace(0.1, 0.5, 21)  # three epochs of 7 steps
    start = session.snapshot()
    whole = session.advance(0, rates, 1)
    assert (whole.n_done, whole.diverged) == (21, False)
    end = bits(net)
    session.restore(start)
    first = session.advance(0, rates[:9], 1)
    middle = session.snapshot()
    session.advance(9, rates[9:], 1)
    assert bits(net) == end
    session.restore(middle)
    last = session.advance(9, rates[9:], 1)
    assert bits(net) == end
    np.testing.assert_array_equal(np.concatenate([first.losses, last.losses]), whole.losses)
    np.testing.assert_array_equal(np.concatenate([first.correct, last.correct]), whole.correct)
