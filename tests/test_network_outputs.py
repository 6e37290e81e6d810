"""What the network says and how it changes; against NumPy, PyTorch and by hand."""

import math
import timeit

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_networks import LESSON, bits, forward, network, pixels

import tongtou as tt
from tongtou import evaluation

# What each dtype may lose to rounding, per unit of size, in the comparisons of this file.
ROUNDING = {"float32": 2e-5, "float64": 2e-13}


# What it says -------------------------------------------------------------------------------------


ARCHITECTURES = [
    pytest.param([4, 3], {}, id="no hidden layer"),
    pytest.param([1, 1, 1], {"output": "linear"}, id="one of each"),
    pytest.param(LESSON, {}, id="lesson"),
    pytest.param(
        LESSON, {"activation": "relu", "output": "softmax", "loss": "cross_entropy"}, id="switched"
    ),
    pytest.param(
        [7, 17, 33, 5],
        {"activation": ["tanh", "step"], "output": "tanh"},
        id="a neuron past whole lanes",
    ),
    pytest.param([50, 100, 40], {"activation": "relu", "output": "softmax"}, id="wide"),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("sizes", "settings"), ARCHITECTURES)
def test_outputs_are_those_of_plain_numpy(each_kernel, sizes, settings, dtype):
    net = network(sizes, dtype=dtype, **settings)
    X = pixels(37, sizes[0])
    np.testing.assert_allclose(
        net.predict_proba(X), forward(net, X / 255), atol=ROUNDING[dtype], rtol=ROUNDING[dtype]
    )
    dense = np.random.default_rng(1).normal(size=(37, sizes[0]))
    np.testing.assert_allclose(
        net.predict_proba(dense), forward(net, dense), atol=ROUNDING[dtype], rtol=ROUNDING[dtype]
    )


def test_pixels_are_scaled_and_other_numbers_are_used_as_they_are():
    """One neuron of weight 1: what comes out is what the network sees."""
    net = tt.Network([1, 1], output="linear", dtype="float64")
    net.layers[0].W = [[1.0]]
    for X, seen in [
        (np.array([[255]], np.uint8), 1.0),
        (np.array([[51]], np.uint8), 0.2),
        (np.array([[True]]), 1.0),
        (np.array([[False]]), 0.0),
        (np.array([[255]]), 255.0),
        (np.array([[255]], np.int16), 255.0),
        (np.array([[0.25]], np.float16), 0.25),
        (np.array([[0.25]], ">f4"), 0.25),
        ([[3]], 3.0),
    ]:
        assert net.predict_proba(X)[0, 0] == pytest.approx(seen, rel=1e-15)


def test_pixels_and_their_values_in_float_give_the_same(mnist):
    net = tt.Network(LESSON, seed=1)
    X = mnist.test.X[:200]
    np.testing.assert_allclose(
        net.predict_proba(X), net.predict_proba(X / np.float32(255)), atol=1e-6
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_pictures_are_joined_row_by_row(dtype):
    net = network(LESSON)
    X = pixels(3, 784).astype(dtype)
    np.testing.assert_array_equal(net.predict_proba(X.reshape(3, 28, 28)), net.predict_proba(X))


@pytest.mark.parametrize(
    "arranged",
    [
        pytest.param(np.asfortranarray, id="columns first"),
        pytest.param(lambda X: np.repeat(X, 2, axis=0)[::2], id="every other row"),
        pytest.param(lambda X: X[::-1][::-1], id="turned twice"),
        pytest.param(lambda X: X.tolist(), id="lists"),
    ],
)
def test_arrays_may_lie_in_memory_as_they_like(arranged):
    net, X = network([12, 5, 2]), np.random.default_rng(0).random((9, 12), np.float32)
    np.testing.assert_array_equal(net.predict_proba(arranged(X)), net.predict_proba(X))


def test_inputs_too_many_for_16_bit_pixel_numbers():
    """uint8 then goes the dense way, with the same result."""
    net = tt.Network([70_000, 2], dtype="float64")
    X = pixels(3, 70_000)
    np.testing.assert_allclose(net.predict_proba(X), forward(net, X / 255), rtol=1e-12)
    tt.fit(net, (X, [0, 1, 0]), epochs=1)


@pytest.mark.parametrize("make", [np.array, list, tuple], ids=["array", "list", "tuple"])
def test_a_single_example(make):
    net = network([3, 4, 2])
    x = make([0.5, -1.0, 2.0])
    out = net.predict_proba(x)
    assert out.shape == (2,)
    np.testing.assert_array_equal(out, net.predict_proba(np.array([x]))[0])
    assert net.predict(x) == out.argmax()
    assert net.weighted_sums(x).shape == (2,)


def test_no_example_gives_no_row():
    net = tt.Network([3, 4, 2])
    assert net.predict_proba(np.zeros((0, 3))).shape == (0, 2)
    assert net.predict(np.zeros((0, 3), np.uint8)).shape == (0,)


def test_weighted_sums_stand_before_the_last_activation():
    net = network([6, 5, 3], dtype="float64")
    X = np.random.default_rng(2).normal(size=(8, 6))
    z = net.weighted_sums(X)
    np.testing.assert_allclose(1 / (1 + np.exp(-z)), net.predict_proba(X), rtol=1e-13)


def test_softmax_rows_sum_to_one():
    net = network(LESSON, output="softmax", loss="cross_entropy")
    np.testing.assert_allclose(net.predict_proba(pixels(50, 784)).sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("form", ["packed", "dense"])
@pytest.mark.parametrize(("sizes", "settings"), ARCHITECTURES)
def test_a_row_does_not_depend_on_the_rows_beside_it(each_kernel, sizes, settings, form):
    net = network(sizes, **settings)
    X = pixels(67, sizes[0])
    if form == "dense":
        X = X / np.float32(255)
    together = net.predict_proba(X)
    alone = np.stack([net.predict_proba(x) for x in X])
    assert alone.tobytes() == together.tobytes()
    assert net.predict_proba(X[::-1])[::-1].tobytes() == together.tobytes()
    assert net.predict_proba(X[5:38]).tobytes() == together[5:38].tobytes()


def test_outputs_do_not_share_memory_with_the_next():
    net, X = network([3, 2]), np.eye(3)
    first = net.predict_proba(X)
    kept = first.copy()
    net.predict_proba(-X)
    np.testing.assert_array_equal(first, kept)


# What it answers ----------------------------------------------------------------------------------


def test_predict_names_the_largest_output():
    net = tt.Network([2, 3], output="softmax")
    net.layers[0].W = [[1, 0], [0, 1], [-1, -1]]
    X = [[2.0, 1.0], [1.0, 2.0], [-1.0, -1.0]]
    assert net.predict(X).tolist() == [0, 1, 2]
    net.classes = ("cat", "dog", "lion")
    assert net.predict(X).tolist() == ["cat", "dog", "lion"]
    assert net.predict(np.array([1.0, 2.0])) == "dog"


def test_a_single_output_says_whether_it_is_at_least_one_half():
    net = tt.Network([1, 1])
    net.layers[0].W, net.layers[0].b = [[1.0]], [0.0]
    X = [[-1.0], [0.0], [1.0]]  # sigmoid: below, at, above 1/2
    assert net.predict(X).tolist() == [0, 1, 1]
    net.classes = ("no", "yes")
    assert net.predict(X).tolist() == ["no", "yes", "yes"]
    assert net.accuracy(X, [0, 1, 0]) == pytest.approx(2 / 3)
    assert net.accuracy(X, [[0], [1], [0]]) == pytest.approx(2 / 3)


def test_regression_predicts_the_outputs_themselves():
    net = network([3, 4, 2], output="linear", loss="mse")
    X = np.eye(3)
    assert not net.is_classifier
    np.testing.assert_array_equal(net.predict(X), net.predict_proba(X))


def test_accuracy_counts():
    net = tt.Network([2, 2])
    net.layers[0].W = [[1, 0], [0, 1]]
    X = [[2.0, 1.0], [1.0, 2.0], [3.0, 1.0], [0.0, 5.0]]  # 0 1 0 1
    assert net.accuracy(X, [0, 1, 0, 0]) == 0.75
    assert net.accuracy(X, np.eye(2)[[0, 1, 0, 0]]) == 0.75
    assert net.accuracy(tt.Dataset(np.array(X), np.array([0, 1, 0, 0]))) == 0.75


@pytest.mark.parametrize(
    ("loss", "per_output"), [pytest.param("sse", 1, id="sse"), pytest.param("mse", 2, id="mse")]
)
def test_squared_losses_by_hand(loss, per_output):
    """Outputs (1, 2) and (0, 4) against (1, 0) and (3, 4): squared errors 4 and 9, mean 6.5."""
    net = tt.Network([2, 2], output="linear", loss=loss)
    net.layers[0].W = np.eye(2)
    X, y = [[1.0, 2.0], [0.0, 4.0]], [[1.0, 0.0], [3.0, 4.0]]
    assert net.loss(X, y) == pytest.approx(6.5 / per_output, rel=1e-12)


def test_cross_entropy_by_hand():
    """Weighted sums ln 3 and 0 give 3/4 and 1/4: -ln 3/4 for class 0, -ln 1/4 for class 1."""
    net = tt.Network([1, 2], output="softmax", loss="cross_entropy", dtype="float64")
    net.layers[0].W = [[math.log(3)], [0.0]]
    assert net.loss([[1.0], [1.0]], [0, 1]) == pytest.approx(
        (math.log(4 / 3) + math.log(4)) / 2, rel=1e-14
    )
    # a hopeless answer costs its weighted sum, and does not overflow
    assert net.loss([[1000.0]], [1]) == pytest.approx(1000 * math.log(3), rel=1e-14)


@pytest.mark.parametrize("loss", ["sse", "mse"])
def test_class_numbers_mean_one_hot_targets(loss):
    net, X, y = network([4, 5, 3], loss=loss), pixels(20, 4), np.arange(20) % 3
    assert net.loss(X, y) == pytest.approx(net.loss(X, np.eye(3)[y]), rel=1e-12)
    for mine, theirs in zip(net.gradients(X, y), net.gradients(X, np.eye(3)[y]), strict=True):
        np.testing.assert_array_equal(mine.W, theirs.W)
        np.testing.assert_array_equal(mine.b, theirs.b)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.uint64, bool, list])
def test_class_numbers_of_every_kind(kind):
    net, X, y = network([4, 2]), pixels(6, 4), [0, 1, 1, 0, 1, 0]
    given = y if kind is list else np.array(y, kind)
    assert net.loss(X, given) == net.loss(X, np.array(y))


# Gradients ----------------------------------------------------------------------------------------


TORCH = {
    "linear": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": lambda z: torch.nn.functional.leaky_relu(z, 0.01),
    "gelu": torch.nn.functional.gelu,
    "softmax": lambda z: torch.softmax(z, dim=1),
}


def torch_outputs_and_gradients(net, X, y):
    """The outputs, the mean loss and its gradients by PyTorch's autograd, in float64."""
    parameters = [
        torch.tensor(np.array(p), dtype=torch.float64, requires_grad=True)
        for layer in net.layers
        for p in (layer.W, layer.b)
    ]
    a = z = torch.tensor(X)
    for number, layer in enumerate(net.layers):
        z = torch.nn.functional.linear(a, parameters[2 * number], parameters[2 * number + 1])
        a = TORCH[layer.activation.name](z)
    target = torch.tensor(y)
    loss = {
        "sse": lambda: torch.nn.functional.mse_loss(a, target, reduction="sum") / len(X),
        "mse": lambda: torch.nn.functional.mse_loss(a, target),
        "cross_entropy": lambda: torch.nn.functional.cross_entropy(z, target),
    }[net.loss_function.name]()
    gradients = torch.autograd.grad(loss, parameters)
    return a.detach().numpy(), loss.item(), [g.numpy() for g in gradients]


ELEMENTWISE = ["linear", "sigmoid", "tanh", "relu", "leaky_relu", "gelu"]


@st.composite
def cases(draw):
    depth = draw(st.integers(1, 5))
    widths = st.integers(1, 70)
    output, loss = draw(
        st.sampled_from(
            [(f, loss) for f in (*ELEMENTWISE, "softmax") for loss in ("sse", "mse")]
            + [("softmax", "cross_entropy")] * 4
        )
    )
    return {
        "sizes": [draw(widths) for _ in range(depth + 1)],
        "activation": [draw(st.sampled_from(ELEMENTWISE)) for _ in range(depth - 1)],
        "output": output,
        "loss": loss,
        "n": draw(st.integers(1, 33)),
        "packed": draw(st.booleans()),
        "labels": draw(st.booleans()),
        "seed": draw(st.integers(0, 2**32 - 1)),
    }


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(cases())
@example(
    {
        "sizes": [784, 16, 16, 10],
        "activation": ["sigmoid", "sigmoid"],
        "output": "sigmoid",
        "loss": "sse",
        "n": 32,
        "packed": True,
        "labels": True,
        "seed": 0,
    }
)
def test_outputs_loss_and_gradients_agree_with_pytorch(case):
    rng = np.random.default_rng(case["seed"])
    sizes, n = case["sizes"], case["n"]
    net = network(
        sizes,
        seed=case["seed"],
        activation=case["activation"],
        output=case["output"],
        loss=case["loss"],
        dtype="float64",
    )
    X = pixels(n, sizes[0], case["seed"]) if case["packed"] else rng.normal(size=(n, sizes[0]))
    seen = X / 255 if case["packed"] else X
    if case["labels"] and sizes[-1] > 1:
        given = rng.integers(0, sizes[-1], n)
        y = np.eye(sizes[-1])[given]
    elif case["loss"] == "cross_entropy":
        given = y = rng.dirichlet(np.ones(sizes[-1]), n)
    else:
        given = y = rng.normal(size=(n, sizes[-1]))
    outputs, loss, gradients = torch_outputs_and_gradients(net, seen, y)
    np.testing.assert_allclose(net.predict_proba(X), outputs, rtol=1e-12, atol=1e-12)
    assert net.loss(X, given) == pytest.approx(loss, rel=1e-12, abs=1e-12)
    found = [array for layer in net.gradients(X, given) for array in (layer.W, layer.b)]
    scale = max(1e-3, *(float(np.abs(g).max()) for g in gradients))
    for mine, theirs in zip(found, gradients, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-12 * scale)
    if case["packed"]:  # the two first-layer forms are two ways to the same numbers
        dense = [array for layer in net.gradients(seen, given) for array in (layer.W, layer.b)]
        for mine, theirs in zip(found, dense, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-11, atol=1e-12 * scale)


def test_gradients_in_float32_agree_with_float64(each_kernel):
    net = network(LESSON, activation="tanh", output="softmax", loss="cross_entropy")
    X, y = pixels(100, 784), np.arange(100) % 10
    double = net.astype("float64").gradients(X, y)
    for mine, exact in zip(net.gradients(X, y), double, strict=True):
        assert mine.W.dtype == mine.b.dtype == np.float32
        np.testing.assert_allclose(mine.W, exact.W, atol=1e-5 * np.abs(exact.W).max())
        np.testing.assert_allclose(mine.b, exact.b, atol=1e-5 * np.abs(exact.b).max())


def test_gradients_have_the_shapes_of_the_parameters_and_change_nothing():
    net, X = network([5, 17, 3]), pixels(4, 5)
    before = bits(net)
    found = net.gradients(X, [0, 1, 2, 0])
    assert [(g.W.shape, g.b.shape) for g in found] == [((17, 5), (17,)), ((3, 17), (3,))]
    found[0].W[:] = 1e9  # a result of one's own
    assert bits(net) == before


# How long it takes --------------------------------------------------------------------------------


@pytest.mark.skipif(evaluation.kernel is None, reason="the reference makes no promise")
def test_one_digit_takes_microseconds(mnist):
    """Measured 3 to 6 µs; the bound leaves room for a busy machine, not for another order."""
    net, x = tt.Network(LESSON), mnist.test.X[0]
    best = min(timeit.repeat(lambda: net.predict_proba(x), number=500, repeat=7)) / 500
    assert best < 40e-6
    everything = min(timeit.repeat(lambda: net.predict_proba(mnist.test.X), number=1, repeat=5))
    assert everything < 50e-3
