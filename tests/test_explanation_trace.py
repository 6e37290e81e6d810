"""The trace: hand-worked, against the reference, for any network; its figures add up as shown."""

import copy
import json
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import LESSON, SWITCHED, network, pixels

import tongtou as tt
from tongtou import reference
from tongtou.activations import ACTIVATIONS
from tongtou.errors import DataError, ShapeError
from tongtou.explanation.inside import values_inside
from tongtou.explanation.neurons import InputTrace
from tongtou.explanation.trace import explain
from tongtou.i18n import use_language

HIDDEN = sorted(set(ACTIVATIONS) - {"softmax", "exp"})
OUTPUTS = {"softmax": "cross_entropy", "exp": "poisson", "sigmoid": "sse", "linear": "mse"}


@pytest.fixture(autouse=True)
def _in_english():
    use_language("en")
    yield
    use_language(None)


@st.composite
def networks(draw, dtypes=("float32", "float64")):
    """A network of any depth, width and activations, and an example for it."""
    sizes = draw(st.lists(st.integers(1, 40), min_size=2, max_size=5))
    output = draw(st.sampled_from(sorted(OUTPUTS)))
    net = network(
        sizes,
        seed=draw(st.integers(0, 99)),
        activation=[draw(st.sampled_from(HIDDEN)) for _ in sizes[2:]],
        output=output,
        loss=OUTPUTS[output],
        dtype=draw(st.sampled_from(dtypes)),
    )
    if draw(st.booleans()):
        return net, pixels(1, sizes[0], seed=draw(st.integers(0, 99)))[0]
    return net, np.random.default_rng(draw(st.integers(0, 99))).normal(size=sizes[0])


def by_hand():
    """2-2-1, worked on paper: z[1] = (0.35, -1.8), a[1] = (0.35, 0), z[2] = 0.1 - 2 * 0.35."""
    net = tt.Network([2, 2, 1], activation="relu", output="sigmoid", dtype="float64")
    net.layers[0].W, net.layers[0].b = [[0.5, -0.25], [-1.0, 0.5]], [-0.4, -0.3]
    net.layers[1].W, net.layers[1].b = [[-2.0, 7.0]], [0.1]
    return net, np.array([2.0, 1.0])


# ---------------------------------------------------------------- by hand


def test_the_hand_worked_network():
    e = explain(*by_hand())
    assert e.z[0].size == 0
    np.testing.assert_allclose(e.a[0], [2, 1])
    np.testing.assert_allclose(e.z[1], [0.35, -1.8], rtol=1e-15)
    np.testing.assert_allclose(e.a[1], [0.35, 0], rtol=1e-15)
    np.testing.assert_allclose(e.z[2], [-0.6], rtol=1e-15)
    np.testing.assert_allclose(e.a[2], [0.35434369377420455], rtol=1e-15)  # 1 / (1 + e^0.6)
    assert e.answer == 0
    first = e.neuron(1, 0)
    assert first.bias == -0.4
    assert first.terms.tolist() == [(0, 0.5, 2.0, 1.0), (1, -0.25, 1.0, -0.25)]
    last = e.neuron(2, 0)
    assert [one[0] for one in last.terms.tolist()] == [0, 1]
    assert (last.follow(1).layer, last.follow(1).j, last.follow(1).a) == (1, 1, 0.0)
    assert last.follow(0).follow(1) == InputTrace(1, 1.0)


def test_the_hand_worked_formula():
    e = explain(*by_hand())
    assert e.neuron(1, 0).formula().splitlines() == [
        "z[1][0] = −0.400   bias",
        "          +1.000   = 0.5 × 2   a[0][0]",
        "          −0.250   = (−0.25) × 1   a[0][1]",
        "        =  0.350",
        "a[1][0] = max(0.350, 0) = 0.3500",
    ]
    assert e.neuron(2, 0).formula(latex=True).splitlines()[1:3] == [
        r"z^{(2)}_{0} &= \underbrace{0.1000}_{\text{bias}} + "
        r"\underbrace{(-2) \cdot 0.3500}_{-0.7000} + \underbrace{7 \cdot 0}_{0.0000} = -0.6000 \\",
        r"a^{(2)}_{0} &= \frac{1}{1 + e^{0.6000}} = 0.3543",
    ]


# ---------------------------------------------------------------- the kernel's own values


@pytest.mark.parametrize("activation", ["sigmoid", "relu", "gelu", "tanh"])
@pytest.mark.parametrize("sizes", [LESSON, [784, 130, 40, 10], [784, 10]])
def test_values_are_the_kernels_to_the_last_bit(sizes, activation, mnist, each_kernel):
    net = network(sizes, activation=activation)
    X = mnist.test.X[:40]
    Z, A = values_inside(net, X)
    assert A[-1].tobytes() == net.predict_proba(X).tobytes()
    assert Z[-1].tobytes() == net.weighted_sums(X).tobytes()
    if len(sizes) > 2:
        # Another network hands the first hidden layer through: 1 a + 0 + 0 … is exact.
        n = sizes[1]
        through = tt.Network([784, n, n], activation=activation, output="linear")
        through.layers[0].W, through.layers[0].b = net.layers[0].W, net.layers[0].b
        through.layers[1].W = np.eye(n)
        assert through.predict_proba(X).tobytes() == A[1].tobytes()


@given(networks())
@settings(max_examples=60, deadline=None)
def test_any_network_agrees_with_the_reference_and_stays_within_the_stated_bound(both):
    net, x = both
    e = explain(net, x)
    assert e.a[-1].tobytes() == net.predict_proba(x).tobytes()
    scaled = x / 255 if x.dtype == np.uint8 else x
    np.testing.assert_allclose(e.a[0], scaled, rtol=1e-6)
    for layer, dense in enumerate(net.layers, start=1):
        gap = e.gap(layer)
        assert (gap.found <= gap.bound).all()
        # One layer of the oracle, from the kernel's own a of the layer before.
        z, a = reference.forward_by_neuron([dense.W], [dense.b], [dense.activation], e.a[layer - 1])
        assert (np.abs(z[1] - e.z[layer]) <= gap.bound + 1e-15).all()
        if dense.activation.name != "step":
            np.testing.assert_allclose(a[1], e.a[layer], rtol=2e-4, atol=2e-5)


def test_the_bound_is_one_that_can_fail():
    net = network([784, 16, 10])
    e = explain(net, pixels(1, 784)[0])
    gap = e.gap(1)
    e.z[1][3] += 0.001
    assert e.gap(1).found[3] > gap.bound[3]
    assert (gap.bound < 0.001).all()


# ---------------------------------------------------------------- the terms


@given(networks())
@settings(max_examples=60, deadline=None)
def test_terms_are_all_there_sorted_and_exact(both):
    net, x = both
    e = explain(net, x)
    for layer, dense in enumerate(net.layers, start=1):
        for one in e.neurons(layer):
            terms = one.terms
            assert sorted(terms["i"]) == list(range(dense.n_in))
            pairs = list(zip((-np.abs(terms["wa"])).tolist(), terms["i"].tolist(), strict=True))
            assert pairs == sorted(pairs)
            assert (terms["w"] == dense.W[one.j][terms["i"]]).all()
            assert (terms["a"] == e.a[layer - 1][terms["i"]]).all()
            for i, w, a, wa in terms[:9].tolist():
                if layer > 1 and net.dtype == np.float32:  # 24 + 24 bits fit into 53
                    assert Fraction(w) * Fraction(a) == Fraction(wa)
                assert one.follow(i).to_dict()["value" if layer == 1 else "a"] == a


def test_following_ends_at_the_pixel(mnist):
    e = explain(tt.Network(LESSON), mnist.test.X[0].reshape(28, 28))
    brightest = int(mnist.test.X[0].argmax())
    pixel = e.neuron(3, 7).follow(2).follow(5).follow(brightest)
    assert pixel.place == divmod(brightest, 28)
    assert (pixel.pixel, pixel.value) == (int(mnist.test.X[0].max()), mnist.test.X[0].max() / 255)
    assert str(e.input(0)) == "pixel (0, 0) = 0"


# ---------------------------------------------------------------- figures that add up


def pencil(said):
    """Check every figure of a formula from what is shown alone, exactly."""
    total = said.bias
    for one in said.terms:
        exact = one.w * one.a
        assert abs(exact - one.product) <= Decimal(1).scaleb(-said.decimals) / 2
        total += one.product
    assert total + said.others == said.z
    z = float(said.z)
    by_hand = {
        "linear": lambda: z,
        "sigmoid": lambda: 1 / (1 + math.exp(-z)),
        "tanh": lambda: math.tanh(z),
        "relu": lambda: max(z, 0),
        "leaky_relu": lambda: z if z > 0 else 0.01 * z,
        "gelu": lambda: z * (1 + math.erf(z / math.sqrt(2))) / 2,
        "exp": lambda: math.exp(z),
        "step": lambda: float(z >= 0),
        "softmax": lambda: math.exp(z - float(said.shift or 0)),
    }[said.activation.name]()
    if said.equals == "=":
        last = Decimal(1).scaleb(said.a.as_tuple().exponent)
        assert abs(by_hand - float(said.a)) <= 0.5000001 * float(last)


@given(networks(), st.integers(0, 12), st.integers(2, 8))
@settings(max_examples=100, deadline=None)
def test_shown_figures_add_up_as_with_a_pencil(both, n_terms, digits):
    net, x = both
    e = explain(net, x)
    n_sure = n = 0
    for layer in range(1, e.n_layers + 1):
        for one in e.neurons(layer)[:6]:
            said = one.figures(n_terms, digits)
            pencil(said)
            assert len(said.terms) + said.n_others == net.sizes[layer - 1]
            step = Decimal(1).scaleb(-said.decimals)
            assert abs(float(said.z) - one.z) <= float(step) * 0.5000001
            shown = {int(i) for i in one.terms["i"][: len(said.terms)]}
            rest = math.fsum(wa for i, _, _, wa in one.terms.tolist() if i not in shown)
            # each figure shown is half a step off at the most, a product of shown factors one more
            off = float(step) * (len(said.terms) + 2) + e.gap(layer).bound[one.j]
            assert abs(float(said.others) - rest) <= off
            n, n_sure = n + 1, n_sure + (said.equals == "=")
            tex = one.formula(n_terms, latex=True, digits=digits)
            assert tex.count("{") == tex.count("}")
    if digits >= 4:
        assert n_sure >= n - 2  # "≈" is for figures too coarse, as under exp, which is rare


def test_thirds_show_what_rounding_left_over():
    net = tt.Network([3, 1], output="linear", loss="mse", dtype="float64")
    net.layers[0].W = [[1 / 3, 1 / 3, 1 / 3]]
    text = explain(net, np.ones(3)).neuron(1, 0).formula(digits=3)
    assert text.splitlines()[4] == "          +0.01   left over by rounding"
    assert text.count("+0.33 ") == 3
    assert "=  1.00" in text


def test_a_small_sum_of_large_terms_shows_its_digits():
    net = tt.Network([2, 1], output="sigmoid", dtype="float64")
    net.layers[0].W = [[1000.0, -999.9977]]
    assert str(explain(net, np.ones(2)).neuron(1, 0).figures(digits=2).z) == "0.0023"


def test_one_term_more_is_shown_rather_than_called_the_other():
    net = network([6, 2], output="linear", loss="mse")
    said = explain(net, np.ones(6)).neuron(1, 0).figures(n_terms=5)
    assert (len(said.terms), said.n_others) == (6, 0)


def test_black_pixels_are_counted_and_not_listed():
    net = network([100, 3])
    x = np.zeros(100, np.uint8)
    x[[4, 9]] = 200
    said = explain(net, x).neuron(1, 0).figures()
    assert (len(said.terms), said.n_others, said.n_zero) == (2, 98, 98)
    text = explain(net, x).neuron(1, 0).formula()
    assert "the other 98 terms, 98 of them 0" in text
    use_language("zh")
    assert "其余 98 项，其中 98 项为 0" in explain(net, x).neuron(1, 0).formula()


# ---------------------------------------------------------------- data, copies, errors


@given(networks())
@settings(max_examples=20, deadline=None)
def test_it_is_plain_data(both):
    e = explain(*both)
    data = json.loads(json.dumps(e.to_dict()))
    assert data["outputs"] == e.a[-1].tolist()
    first = data["layers"][0][0]
    assert first["z"] == e.neuron(1, 0).z
    assert [tuple(one) for one in first["terms"]] == e.neuron(1, 0).terms.tolist()
    assert len(e.to_dict(n_terms=1)["layers"][0][0]["terms"]) == 1
    assert str(e)


def test_what_happens_to_the_network_later_changes_nothing(mnist):
    net = tt.Network(LESSON)
    e = explain(net, mnist.test.X[0])
    before = copy.deepcopy(e.to_dict())
    tt.fit(net, (mnist.train.X[:640], mnist.train.y[:640]), batch_size=32, epochs=1)
    assert e.to_dict() == before
    assert explain(net, mnist.test.X[0]).to_dict() != before


def test_summary_names_the_two_largest(mnist):
    e = explain(network(LESSON, **SWITCHED), mnist.test.X[0])
    first, second = np.argsort(-e.outputs)[:2]
    assert str(e).startswith(f"answer: {first} ({e.outputs[first]:.3f}), before {second} (")
    use_language("zh")
    assert str(e).startswith(f"答案：{first}（")


@pytest.mark.parametrize(
    ("x", "error", "said"),
    [
        (np.zeros(3), ShapeError, "expected one example of 4 values; got an array of shape"),
        (np.zeros((2, 4)), ShapeError, "Explain one row at a time"),
        ([1, 2, 3, np.nan], DataError, "must be finite"),
        (["a", "b", "c", "d"], DataError, "must hold numbers"),
        ({"size": 3}, DataError, "trained on a table; this one was not"),
    ],
)
def test_what_is_no_example_is_refused(x, error, said):
    with pytest.raises(error, match=said):
        explain(tt.Network([4, 2]), x)


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match=r"expected a Network, or an MLPClassifier.* got str"):
        explain("digits", np.zeros(4))


@pytest.mark.parametrize(
    ("layer", "j", "said"),
    [
        (0, 0, "numbered 1 … 2; got 0. Layer 0 is the input"),
        (3, 0, "got 3"),
        (1, 3, "layer 1 has the neurons 0 … 2; got 3"),
        (2, -1, "0 … 1; got -1"),
    ],
)
def test_neurons_that_are_not_there(layer, j, said):
    e = explain(tt.Network([4, 3, 2]), np.zeros(4))
    with pytest.raises(IndexError, match=said):
        e.neuron(layer, j)


def test_inputs_and_settings_that_are_not_there():
    e = explain(tt.Network([4, 3, 2]), np.zeros(4))
    with pytest.raises(IndexError, match="inputs 0 … 3; got 4"):
        e.neuron(1, 0).follow(4)
    with pytest.raises(IndexError, match="inputs 0 … 2; got -1"):
        e.neuron(2, 0).follow(-1)
    with pytest.raises(ValueError, match="n_terms=-1"):
        e.neuron(1, 0).formula(n_terms=-1)
    with pytest.raises(ValueError, match="digits=0"):
        e.neuron(1, 0).formula(digits=0)
