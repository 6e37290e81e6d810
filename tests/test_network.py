"""The network: what it is, its parameters and how they start, what it refuses."""

import copy
import math
import pickle

import numpy as np
import pytest
from small_networks import LESSON, bits, forward, network, pixels

import tongtou as tt
from tongtou.activations import ACTIVATIONS, LeakyReLU
from tongtou.initializers import initial

# What it is ---------------------------------------------------------------------------------------


def test_the_lesson_has_13002_parameters():
    net = tt.Network(LESSON)
    assert [layer.n_parameters for layer in net.layers] == [12_544 + 16, 256 + 16, 160 + 10]
    assert net.n_parameters == 13_002
    assert net.sizes == (784, 16, 16, 10)
    assert [layer.W.shape for layer in net.layers] == [(16, 784), (16, 16), (10, 16)]
    assert [layer.b.shape for layer in net.layers] == [(16,), (16,), (10,)]
    assert [(layer.n_in, layer.n_out) for layer in net.layers] == [(784, 16), (16, 16), (16, 10)]
    assert net.dtype == np.float32
    assert all(layer.W.dtype == layer.b.dtype == np.float32 for layer in net.layers)


def test_what_a_new_network_knows():
    net = tt.Network(LESSON, seed=5)
    assert (net.seed, net.classes, net.input_shape, net.recipe) == (5, (), (), {})
    assert net.history is None
    assert net.loss_function.name == "sse"
    assert [layer.activation.name for layer in net.layers] == ["sigmoid"] * 3


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        pytest.param(
            {}, "Network(784-16-16-10, sigmoid → sigmoid, sse, 13,002 parameters, float32)"
        ),
        pytest.param(
            {
                "activation": ["relu", "tanh"],
                "output": "softmax",
                "loss": "cross_entropy",
                "dtype": "float64",
            },
            "Network(784-16-16-10, relu, tanh → softmax, cross_entropy, 13,002 parameters, "
            "float64)",
        ),
    ],
    ids=["lesson", "mixed"],
)
def test_repr_says_what_it_is(settings, shown):
    assert repr(tt.Network(LESSON, **settings)) == shown


def test_repr_of_a_layer_and_of_a_network_without_hidden_layers():
    net = tt.Network([4, 2], output="linear", loss="mse")
    assert repr(net) == "Network(4-2, linear, mse, 10 parameters, float32)"
    assert repr(net.layers[0]) == "Dense(4 → 2, linear)"


@pytest.mark.parametrize("sizes", [(5, 3, 2), np.array([5, 3, 2]), [np.int64(5), 3, 2]])
def test_sizes_may_be_any_sequence_of_whole_numbers(sizes):
    assert tt.Network(sizes).sizes == (5, 3, 2)


def test_activations_one_for_each_layer_by_name_or_object():
    net = tt.Network([3, 4, 5, 2], activation=["relu", LeakyReLU(slope=0.3)], output="tanh")
    assert [layer.activation.name for layer in net.layers] == ["relu", "leaky_relu", "tanh"]
    assert net.layers[1].activation.parameter == 0.3


def test_64_layers_are_the_most():
    net = tt.Network([2] * 65, activation="tanh", output="linear", dtype="float64")
    assert len(net.layers) == 64
    X = np.random.default_rng(0).normal(size=(3, 2))
    np.testing.assert_allclose(net.predict_proba(X), forward(net, X), rtol=1e-10, atol=1e-14)


# Initial weights ----------------------------------------------------------------------------------


def test_the_seed_decides_the_initial_weights():
    assert bits(tt.Network(LESSON, seed=3)) == bits(tt.Network(LESSON, seed=3))
    assert bits(tt.Network(LESSON, seed=3)) != bits(tt.Network(LESSON, seed=4))


def test_no_global_random_state_is_read_or_changed():
    np.random.seed(1)
    before = np.random.get_state()[1].tobytes()
    first = bits(tt.Network([30, 7, 3]))
    np.random.seed(2)
    assert bits(tt.Network([30, 7, 3])) == first
    np.random.seed(1)
    tt.Network([30, 7, 3])
    assert np.random.get_state()[1].tobytes() == before


@pytest.mark.parametrize("name", ["lesson", "glorot", "he", "lecun", "zeros", "auto"])
def test_initial_weights_are_those_of_the_initializer(name):
    net = tt.Network([9, 20, 3], activation="relu", initializer=name, seed=11)
    for number, layer in enumerate(net.layers, start=1):
        W, b = initial(
            name, layer.n_in, layer.n_out, layer.activation, seed=11, layer=number, dtype=np.float32
        )
        np.testing.assert_array_equal(layer.W, W)
        np.testing.assert_array_equal(layer.b, b)
    assert (net.layers[0].W == 0).all() == (name == "zeros")


def test_float64_starts_at_the_same_numbers_but_for_rounding():
    single, double = tt.Network(LESSON, seed=1), tt.Network(LESSON, seed=1, dtype="float64")
    assert double.dtype == np.float64
    for mine, theirs in zip(single.layers, double.layers, strict=True):
        np.testing.assert_array_equal(mine.W, theirs.W.astype(np.float32))


def test_initialize_starts_again():
    net = tt.Network([5, 4, 2], seed=2)
    start = bits(net)
    for layer in net.layers:
        layer.W = np.ones(layer.W.shape)
        layer.b = np.ones(layer.n_out)
    assert bits(net) != start
    net.initialize()
    assert bits(net) == start


# Parameters are views -----------------------------------------------------------------------------


def test_editing_a_weight_edits_the_network():
    """One neuron by hand: 2 · 3 - 1 · 4 + 0.5 = 2.5, then 2 · 3 + 1 · 4 + 0.5 = 10.5."""
    net = tt.Network([2, 1], output="linear")
    net.layers[0].W[0] = [2, -1]
    net.layers[0].b[0] = 0.5
    assert net.predict_proba(np.array([3.0, 4.0])).tolist() == [2.5]
    net.layers[0].W[0, 1] = 1
    assert net.predict_proba(np.array([3.0, 4.0])).tolist() == [10.5]
    net.layers[0].W *= 2
    assert net.predict_proba(np.array([3.0, 4.0])).tolist() == [20.5]


def test_a_view_taken_early_sees_what_training_does():
    net = tt.Network([2, 1], seed=1)
    W, b = net.layers[0].W, net.layers[0].b
    before = W.copy()
    tt.fit(net, ([[1.0, 0.0], [0.0, 1.0]], [0.0, 1.0]), epochs=3)
    assert not np.array_equal(W, before)
    assert np.shares_memory(W, net.layers[0].W)
    assert np.shares_memory(b, net.layers[0].b)


def test_assigning_copies_the_numbers_in():
    net = tt.Network([3, 2])
    W, view = np.arange(6.0).reshape(2, 3), net.layers[0].W
    net.layers[0].W = W
    net.layers[0].b = [7, 8]
    W[:] = -1
    np.testing.assert_array_equal(view, [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(net.layers[0].b, [7, 8])
    assert net.layers[0].W is view


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        pytest.param("W", np.zeros((3, 2)), r"W must have shape \(2, 3\).*\(3, 2\)", id="turned W"),
        pytest.param("W", 1.0, r"W must have shape \(2, 3\).*shape \(\)", id="one number for W"),
        pytest.param("b", np.zeros((2, 1)), r"b must have shape \(2,\).*\(2, 1\)", id="b a column"),
    ],
)
def test_assigning_another_shape_is_refused(name, value, said):
    layer = tt.Network([3, 2]).layers[0]
    before = layer.W.copy(), layer.b.copy()
    with pytest.raises(tt.ShapeError, match=said):
        setattr(layer, name, value)
    np.testing.assert_array_equal(layer.W, before[0])
    np.testing.assert_array_equal(layer.b, before[1])


def test_the_activation_of_a_layer_is_fixed():
    """The kernel's plan would not hear of another one."""
    layer = tt.Network([3, 2]).layers[0]
    with pytest.raises(AttributeError):
        layer.activation = ACTIVATIONS["relu"]


@pytest.mark.parametrize(
    "copied",
    [
        pytest.param(lambda net: net.copy(), id="copy"),
        pytest.param(copy.copy, id="copy.copy"),
        pytest.param(copy.deepcopy, id="copy.deepcopy"),
        pytest.param(lambda net: pickle.loads(pickle.dumps(net)), id="pickle"),
    ],
)
def test_a_copy_is_a_network_of_its_own(copied):
    X, y = pixels(30, 5), np.arange(30) % 3
    net = tt.Network([5, 4, 3], activation=[LeakyReLU(slope=0.2)], output="tanh", seed=2)
    data = tt.Dataset(X, y, classes=("a", "b", "c"))
    tt.fit(net, data, epochs=2)
    other = copied(net)
    assert bits(other) == bits(net)
    assert (other.classes, other.recipe) == (net.classes, net.recipe)
    assert other.history == net.history
    assert repr(other) == repr(net)
    np.testing.assert_array_equal(other.predict_proba(X), net.predict_proba(X))
    kept = bits(net)
    tt.fit(other, data, epochs=2)
    other.layers[0].W[0, 0] += 1
    assert bits(net) == kept
    assert other.predict_proba(X).tobytes() != net.predict_proba(X).tobytes()


def test_astype_keeps_the_numbers():
    net = network([6, 5, 2], activation=LeakyReLU(slope=0.2))
    double = net.astype("float64")
    assert double.dtype == np.float64
    assert double.layers[0].activation == LeakyReLU(slope=0.2)
    for mine, theirs in zip(net.layers, double.layers, strict=True):
        np.testing.assert_array_equal(mine.W, theirs.W)  # float32 is exact in float64
        np.testing.assert_array_equal(mine.b, theirs.b)
    assert bits(double.astype("float32")) == bits(net)


# What it refuses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        pytest.param([784], r"inputs and outputs, each at least 1.*\[784\]", id="one size"),
        pytest.param([], r"inputs and outputs.*\[\]", id="none"),
        pytest.param([784, 0, 10], r"each at least 1.*\[784, 0, 10\]", id="an empty layer"),
        pytest.param([-1, 10], r"each at least 1.*\[-1, 10\]", id="negative"),
        pytest.param([1] * 66, "at most 64 layers", id="65 layers"),
        pytest.param([2.0, 1], r"whole numbers such as \[784, 16, 16, 10\].*2\.0", id="float"),
        pytest.param([True, 1], "whole numbers.*True", id="bool"),
        pytest.param("784", "whole numbers.*'784'", id="text"),
        pytest.param(784, "whole numbers.*784", id="one number"),
        pytest.param([1, 2**31], "fewer than", id="too wide for the kernel's counters"),
    ],
)
def test_sizes_that_are_refused(sizes, said):
    with pytest.raises(tt.ShapeError, match=said):
        tt.Network(sizes)


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        pytest.param(
            {"activation": "sigmod"},
            ValueError,
            "unknown activation 'sigmod'; expected one of exp, gelu, .* mean 'sigmoid'",
            id="unknown activation",
        ),
        pytest.param({"activation": None}, ValueError, "unknown activation None", id="None"),
        pytest.param({"output": "soft"}, ValueError, "unknown activation 'soft'", id="output"),
        pytest.param({"loss": "cross-entropy"}, ValueError, "mean 'cross_entropy'", id="loss"),
        pytest.param(
            {"initializer": "xavier"}, ValueError, "unknown initializer 'xavier'", id="initializer"
        ),
        pytest.param(
            {"activation": ["relu", "relu", "relu"]},
            tt.ShapeError,
            "2 hidden layers need 2 activations; got 3",
            id="one activation too many",
        ),
        pytest.param(
            {"activation": "softmax"},
            ValueError,
            "layer 1 is hidden and cannot be softmax.*use it for the output",
            id="hidden softmax",
        ),
        pytest.param(
            {"loss": "cross_entropy"},
            ValueError,
            "needs output='softmax'.*the output is 'sigmoid'",
            id="cross_entropy of sigmoid",
        ),
        pytest.param({"dtype": "float16"}, ValueError, "float32 or float64; got", id="float16"),
        pytest.param({"dtype": "wide"}, ValueError, "float32 or float64; got 'wide'", id="no type"),
        pytest.param({"dtype": None}, ValueError, "float32 or float64; got None", id="type None"),
        pytest.param({"seed": -1}, ValueError, "seed must be an integer 0", id="negative seed"),
        pytest.param({"seed": 2**64}, ValueError, "seed must be an integer 0", id="seed too large"),
    ],
)
def test_settings_that_are_refused(settings, kind, said):
    with pytest.raises(kind, match=said):
        tt.Network(LESSON, **settings)


@pytest.mark.parametrize(
    ("X", "kind", "said"),
    [
        pytest.param(
            np.zeros((2, 3)), tt.ShapeError, r"shape \(n, 4\).*shape \(2, 3\)", id="too narrow"
        ),
        pytest.param(
            np.zeros((4, 1)), tt.ShapeError, r"single example use x.reshape\(1, -1\)", id="a column"
        ),
        pytest.param(np.zeros(3), tt.ShapeError, r"shape \(n, 4\)", id="an example too short"),
        pytest.param(np.float64(1), tt.ShapeError, r"shape \(\)", id="a single number"),
        pytest.param(np.zeros((2, 2, 3)), tt.ShapeError, r"\(2, 2, 3\)", id="pictures of 6"),
        pytest.param([[1.0, 2.0], [3.0]], tt.ShapeError, "rows are all of one length", id="ragged"),
        pytest.param([["a"] * 4], tt.DataError, "X must hold numbers; it holds <U1", id="text"),
        pytest.param([[None] * 4], tt.DataError, "it holds object", id="None"),
        pytest.param(np.zeros((1, 4), complex), tt.DataError, "it holds complex128", id="complex"),
        pytest.param(
            [[0, 0, 0, 0], [0, math.nan, 0, 0]], tt.DataError, "row 1, column 1 is nan", id="NaN"
        ),
        pytest.param([[0, 0, 0, -math.inf]], tt.DataError, "row 0, column 3 is -inf", id="inf"),
        pytest.param(
            [[0, 0, 1e300, 0]],
            tt.DataError,
            r"finite in float32; row 0, column 2 is 1e\+300",
            id="finite in float64 only",
        ),
    ],
)
def test_inputs_that_are_refused(X, kind, said):
    with pytest.raises(kind, match=said):
        tt.Network([4, 2]).predict_proba(X)


def test_large_finite_inputs_are_not_taken_for_infinite():
    """Their sum overflows float32; none of them does."""
    net = tt.Network([4, 1], initializer="zeros")
    for n in (2, 10_000):  # few and many are looked through in two ways
        X = np.full((n, 4), 3e38, np.float32)
        assert (net.predict_proba(X) == 0.5).all()
        X[n - 1, 2] = math.nan
        with pytest.raises(tt.DataError, match=f"row {n - 1}, column 2 is nan"):
            net.predict_proba(X)


@pytest.mark.parametrize(
    ("y", "kind", "said"),
    [
        pytest.param([0, 1], tt.ShapeError, r"y must have 3 rows.*\(2,\)", id="too short"),
        pytest.param(7, tt.ShapeError, "y must have 3 rows", id="one number"),
        pytest.param([0, 1, 2], tt.DataError, r"0 … 1 for 2 outputs.*0 … 2", id="a third class"),
        pytest.param([0, -1, 1], tt.DataError, r"y holds -1 … 1", id="negative class"),
        pytest.param([0.0, 1.0, 1.0], tt.ShapeError, "numbers must be integers", id="float class"),
        pytest.param(["a", "b", "a"], tt.DataError, "numpy.unique", id="names"),
        pytest.param(np.zeros((3, 3)), tt.ShapeError, r"\(n, 2\), one column", id="three columns"),
        pytest.param([[0, 1], [1, math.nan], [0, 0]], tt.DataError, "row 1 is", id="NaN"),
        pytest.param([[0, 1], [1, 0], [1e39, 0]], tt.DataError, "in float32; row 2", id="too big"),
        pytest.param([[0, 1], [1], [0, 0]], tt.ShapeError, "of one length", id="ragged"),
    ],
)
def test_answers_that_are_refused(y, kind, said):
    net = tt.Network([4, 2])
    for method in (net.loss, net.gradients, net.accuracy):
        with pytest.raises(kind, match=said):
            method(np.zeros((3, 4)), y)


def test_targets_of_cross_entropy_must_be_distributions():
    net = tt.Network([4, 2], output="softmax", loss="cross_entropy")
    with pytest.raises(tt.DataError, match=r"row 1 sums to 0\.9"):
        net.loss(np.zeros((2, 4)), [[0.5, 0.5], [0.4, 0.5]])


def test_x_and_y_or_a_dataset_but_not_both():
    net, data = tt.Network([4, 2]), tt.Dataset(np.zeros((2, 4)), np.array([0, 1]))
    with pytest.raises(ValueError, match="y is missing"):
        net.loss(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="a Dataset brings its own y"):
        net.loss(data, [0, 1])
    with pytest.raises(tt.DataError, match="there is no example"):
        net.loss(np.zeros((0, 4)), [])
    assert net.loss(data) == net.loss(data.X, data.y)


def test_accuracy_is_for_classes():
    net = tt.Network([4, 2], output="linear")
    with pytest.raises(tt.DataError, match="this network predicts numbers: use loss"):
        net.accuracy(np.zeros((2, 4)), [0, 1])
