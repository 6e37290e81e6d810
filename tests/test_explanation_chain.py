"""Backpropagation as a walk: against sums by hand, PyTorch, and central differences."""

import json
import re

import numpy as np
import pytest
import torch
from small_networks import LESSON, SWITCHED, network, pixels

import tongtou as tt
from tongtou.explanation.chain import backprop
from tongtou.i18n import use_language

# By hand ------------------------------------------------------------------------------------------


def test_one_neuron_by_hand():
    """σ(1·2 + 2·(-1) + 0) = 1/2, wanted 1: C = 1/4, dC/da = -1, f' = 1/4, delta = -1/4."""
    net = tt.Network([2, 1], dtype="float64")
    net.layers[0].W, net.layers[0].b = [[1.0, 2.0]], [0.0]
    walk = backprop(net, [2.0, -1.0], [1.0], eta=4.0)
    assert walk.loss == 0.25
    assert walk.delta[1].tolist() == [[-0.25]]
    assert walk.dW[1].tolist() == [[-0.5, 0.25]]
    assert walk.db[1].tolist() == [-0.25]
    assert walk.predicted_loss == 0.25 - 4 * (0.25 + 0.0625 + 0.0625)
    # W = (3, 1), b = 1: z = 6 - 1 + 1 = 6
    assert walk.found_loss == pytest.approx((1 / (1 + np.exp(-6)) - 1) ** 2, rel=1e-12)
    assert walk.updated().layers[0].W.tolist() == [[3.0, 1.0]]
    assert net.layers[0].W.tolist() == [[1.0, 2.0]], "the network itself stays as it is"
    rule = walk.parameter(1, "W", (0, 1))
    assert (rule.value, rule.gradient, rule.stepped) == (2.0, 0.25, 1.0)
    assert (rule.slope(), rule.arriving(), rule.a.tolist()) == (0.25, -1.0, [-1.0])
    assert rule.predicted_loss == 0.25 - 4 * 0.25**2
    # W = (1, 1): z = 2 - 1 = 1
    assert rule.found_loss == pytest.approx((1 / (1 + np.exp(-1)) - 1) ** 2, rel=1e-12)
    assert walk.wishes().each.tolist() == [[1.0]]


def by_hand():
    """2-2-1, linear, so that each number can be done in the head.

    x = (1, 2); W1 = ((1, 0), (2, -1)), b1 = (1, 0): a1 = (2, 0). W2 = (3, 5), b2 = 0: a = 6; y = 5.
    """
    net = tt.Network([2, 2, 1], activation="linear", output="linear", dtype="float64")
    net.layers[0].W, net.layers[0].b = [[1.0, 0.0], [2.0, -1.0]], [1.0, 0.0]
    net.layers[1].W, net.layers[1].b = [[3.0, 5.0]], [0.0]
    return net


def test_two_layers_by_hand():
    walk = backprop(by_hand(), [1.0, 2.0], [5.0], eta=0.01)
    assert walk.A[1].tolist() == [[2.0, 0.0]]
    assert walk.delta[2].tolist() == [[2.0]]
    assert walk.delta[1].tolist() == [[6.0, 10.0]]
    assert walk.dW[2].tolist() == [[4.0, 0.0]]
    assert walk.dW[1].tolist() == [[6.0, 12.0], [10.0, 20.0]]
    rule = walk.parameter(1, "W", (1, 0))
    assert [vars(term) for term in rule.terms()] == [
        {"k": 0, "w": 5.0, "delta": 2.0, "product": 10.0}
    ]
    further = rule.follow(0)
    assert (further.layer, further.name, further.index, further.gradient) == (2, "W", (0, 1), 0.0)
    assert walk.wishes(1).each.tolist() == [[-6.0, -10.0]]
    assert walk.wishes(0).each.tolist() == [[-26.0, 10.0]]  # -(6·1 + 10·2), -(6·0 + 10·(-1))
    # after the step: W1 = ((.94, -.12), (1.9, -1.2)), b1 = (.94, -.1), W2 = (2.96, 5), b2 = -.02
    hidden = (0.94 - 0.24 + 0.94, 1.9 - 2.4 - 0.1)
    after = 2.96 * hidden[0] + 5 * hidden[1] - 0.02
    assert walk.found_loss == pytest.approx((after - 5) ** 2, rel=1e-12)


def test_a_batch_shares_by_hand():
    """The second example is answered right: its pushes are 0, and 1/n halves those of the first."""
    walk = backprop(by_hand(), [[1.0, 2.0], [1.0, 2.0]], [[5.0], [6.0]])
    assert walk.losses.tolist() == [1.0, 0.0]
    assert walk.parameter(1, "W", (1, 0)).pushes.tolist() == [5.0, 0.0]
    wishes = backprop(by_hand(), [[1.0, 2.0]] * 3, [[5.0], [6.0], [6.5]]).wishes()
    assert wishes.each.tolist() == [[-2.0], [0.0], [1.0]]
    assert wishes.total.tolist() == pytest.approx([-1 / 3])
    assert (wishes.up.tolist(), wishes.down.tolist()) == ([1 / 3], [2 / 3])
    assert wishes.agreement.tolist() == pytest.approx([1 / 3])


# Against PyTorch ----------------------------------------------------------------------------------

FUNCTIONS = {
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "linear": lambda z: z,
    "softmax": lambda z: torch.softmax(z, 1),
    "exp": torch.exp,
}
CASES = [
    pytest.param([6, 5, 4, 3], {}, id="lesson"),
    pytest.param([6, 5, 3], SWITCHED, id="switched"),
    pytest.param([6, 3], {"output": "softmax"}, id="softmax-sse"),
    pytest.param([6, 7, 4, 2], {"activation": "tanh", "output": "linear", "loss": "mse"}, id="mse"),
    pytest.param([6, 4, 3], {"loss": "binary_cross_entropy"}, id="labels"),
    pytest.param([6, 4, 1], {"output": "exp", "loss": "poisson"}, id="counts"),
]


def torch_losses(net, theta, X, y):
    a = X
    for (W, b), layer in zip(theta, net.layers, strict=True):
        z = a @ W.T + b
        a = FUNCTIONS[layer.activation.name](z)
    name = net.loss_function.name
    if name == "sse":
        return ((a - y) ** 2).sum(1)
    if name == "mse":
        return ((a - y) ** 2).mean(1)
    if name == "cross_entropy":
        return -(y * torch.log_softmax(z, 1)).sum(1)
    if name == "poisson":
        return (torch.xlogy(y, y) - y * torch.log(a) - (y - a)).sum(1)
    bce = torch.nn.functional.binary_cross_entropy_with_logits
    return bce(z, y, reduction="none").sum(1)


def by_torch(net, X, y):
    """Loss and gradient of each example, by autograd, one example at a time."""
    theta = [
        tuple(torch.tensor(np.array(a, np.float64), requires_grad=True) for a in (one.W, one.b))
        for one in net.layers
    ]
    flat = [a for pair in theta for a in pair]
    X, y = torch.tensor(np.asarray(X, np.float64)), torch.tensor(np.asarray(y, np.float64))
    losses = torch_losses(net, theta, X, y)
    each = [torch.autograd.grad(loss, flat, retain_graph=True) for loss in losses]
    return losses.detach().numpy(), [
        (
            np.stack([one[2 * k].numpy() for one in each]),
            np.stack([one[2 * k + 1].numpy() for one in each]),
        )
        for k in range(len(net.layers))
    ]


def examples(net, n=9):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(n, net.sizes[0]))
    if net.loss_function.name == "poisson":
        return X, rng.integers(0, 5, (n, 1)).astype(float)
    if net.loss_function.name == "mse":
        return X, rng.normal(size=(n, net.sizes[-1]))
    return X, np.eye(net.sizes[-1])[rng.integers(0, net.sizes[-1], n)]


@pytest.mark.parametrize(("sizes", "settings"), CASES)
def test_every_push_is_autograds(sizes, settings):
    net = network(sizes, dtype="float64", **settings)
    X, y = examples(net)
    walk = backprop(net, X, y)
    losses, gradients = by_torch(net, X, y)
    np.testing.assert_allclose(walk.losses, losses, rtol=1e-12, atol=1e-14)
    for layer, (W, b) in enumerate(gradients, start=1):
        np.testing.assert_allclose(walk.dW[layer], W.mean(0), rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(walk.db[layer], b.mean(0), rtol=1e-10, atol=1e-13)
        for j in range(W.shape[1]):
            rule = walk.parameter(layer, "b", j)
            np.testing.assert_allclose(rule.pushes, b[:, j] / len(X), rtol=1e-10, atol=1e-13)
            for i in range(W.shape[2]):
                rule = walk.parameter(layer, "W", (j, i))
                np.testing.assert_allclose(rule.pushes, W[:, j, i] / len(X), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize(("sizes", "settings"), CASES)
def test_the_chain_multiplies_up_and_the_proof_holds(sizes, settings):
    net = network(sizes, dtype="float64", **settings)
    walk = backprop(net, *examples(net))
    for layer in range(1, len(sizes)):
        for name, index in (("W", (0, 1)), ("b", 0)):
            rule = walk.parameter(layer, name, index)
            for i in range(walk.n):
                slope, arriving = rule.slope(i), rule.arriving(i)
                product = arriving if slope is None else slope * arriving
                assert product == pytest.approx(rule.delta[i], rel=1e-12, abs=1e-18)
                terms = rule.terms(i)
                assert bool(terms) == (layer < len(sizes) - 1)
                if terms:
                    assert sum(t.product for t in terms) == pytest.approx(arriving, abs=1e-15)
                    sizes_of = [abs(t.product) for t in terms]
                    assert sizes_of == sorted(sizes_of, reverse=True)
            assert rule.pushes.sum() == pytest.approx(rule.gradient, rel=1e-12)
            assert rule.error < 1e-8
    assert walk.gap < 1e-12


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_prediction_is_of_first_order(dtype):
    """What it misses shrinks with the square of eta."""
    net = network([6, 5, 4, 3], dtype=dtype)
    X, y = examples(net)
    missed = []
    for eta in (0.4, 0.2, 0.1):
        walk = backprop(net, X, y, eta=eta)
        missed.append(abs(walk.found_loss - walk.predicted_loss))
        updated = walk.updated()
        assert updated.loss(X, y) == walk.found_loss
    assert missed[0] / missed[1] == pytest.approx(4, rel=0.15)
    assert missed[1] / missed[2] == pytest.approx(4, rel=0.15)


def test_wishes_are_minus_the_slope_of_each_examples_loss():
    net = network([4, 5, 3], dtype="float64")
    X, y = examples(net)
    walk = backprop(net, X, y)
    a = torch.tensor(walk.A[1], requires_grad=True)
    W, b = (torch.tensor(np.array(one)) for one in (net.layers[1].W, net.layers[1].b))
    ((torch.sigmoid(a @ W.T + b) - torch.tensor(y)) ** 2).sum().backward()
    np.testing.assert_allclose(walk.wishes(1).each, -a.grad.numpy(), rtol=1e-12)
    np.testing.assert_allclose(walk.wishes().each, 2 * (y - walk.A[2]), rtol=1e-12)
    assert (walk.wishes().of, walk.wishes(1).of) == ("a", "a")


def test_wishes_of_softmax_are_about_weighted_sums():
    net = network([4, 3], dtype="float64", output="softmax", loss="cross_entropy")
    X, y = examples(net)
    wishes = backprop(net, X, y).wishes()
    assert wishes.of == "z"
    np.testing.assert_allclose(wishes.each, y - net.predict_proba(X), rtol=1e-12)


# With the kernel, on digits -----------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, SWITCHED], ids=["lesson", "switched"])
def test_its_values_are_the_kernels(mnist, settings):
    net = tt.Network(LESSON, seed=0, **settings)
    walk = backprop(net, mnist.test[:50], eta=0.5)
    np.testing.assert_array_equal(walk.A[-1], net.predict_proba(mnist.test.X[:50]))
    assert walk.loss == pytest.approx(net.loss(mnist.test[:50]), rel=1e-6)
    assert walk.gap < 1e-5
    trained = net.copy()
    step = {"optimizer": tt.SGD(0.5), "batch_size": 50, "epochs": 1, "shuffle": False}
    tt.fit(trained, mnist.test[:50], **step)
    for mine, theirs in zip(walk.updated().layers, trained.layers, strict=True):
        np.testing.assert_allclose(mine.W, theirs.W, atol=2e-7)


def test_one_example_in_any_form(mnist):
    net = tt.Network(LESSON, seed=0)
    x, y = mnist.test.X[3], int(mnist.test.y[3])
    found = [
        backprop(net, *pair).loss
        for pair in ((x, y), (x.reshape(28, 28), y), (x[None], [y]), (mnist.test[3:4], None))
    ]
    assert len(set(found)) == 1


def test_classes_by_name():
    net = tt.Network([2, 3])
    net.classes = ("cat", "dog", "owl")
    assert backprop(net, [0.5, 1.0], "owl").y.tolist() == [[0.0, 0.0, 1.0]]
    with pytest.raises(ValueError, match="no class is called 'cow'"):
        backprop(net, [0.5, 1.0], "cow")


def test_estimators():
    from tongtou.estimators import MLPClassifier

    X, y = np.random.default_rng(0).normal(size=(40, 4)), np.array(["no", "yes", "so", "no"] * 10)
    model = MLPClassifier((5,), max_iter=3, random_state=0, solver="sgd")
    with pytest.warns(UserWarning, match="converged"):
        model.fit(X, y)
    batch, one = backprop(model, X, y), backprop(model, X[1], "yes")
    p = model.predict_proba(X)
    expected = -np.log(p[np.arange(40), np.searchsorted(model.classes_, y)])
    np.testing.assert_allclose(batch.losses, expected, rtol=1e-6)
    assert one.loss == pytest.approx(expected[1], rel=1e-6)


# What is shown ------------------------------------------------------------------------------------


def figures(line):
    return [float(n.replace("−", "-")) for n in re.findall(r"[+−]?\d+\.?\d*(?:e−?\d+)?", line)]


@pytest.mark.parametrize("n_terms", [0, 2, 5, 99])
def test_the_figures_shown_add_up(mnist, n_terms):
    net = tt.Network([784, 16, 16, 10], seed=0)
    walk = backprop(net, mnist.test.X[0], int(mnist.test.y[0]))
    rule = walk.parameter(1, "W", (3, 210))
    lines = rule.formula(n_terms=n_terms).splitlines()
    sums = [line.split("= ", 1)[-1] if k == 0 else line for k, line in enumerate(lines)]
    end = next(k for k, line in enumerate(lines) if line.strip().startswith("="))
    parts = [figures(line)[0] for line in sums[:end]]
    assert sum(parts) == pytest.approx(figures(lines[end])[0], abs=1e-12)
    assert end == min(n_terms, 16) + (n_terms < 16 or len(parts) > 16)
    assert rule.formula(latex=True).startswith(r"\begin{aligned}")


def test_everything_is_ready_for_json(mnist):
    net = tt.Network([784, 4, 10], seed=0)
    walk = backprop(net, mnist.test[:3])
    told = json.loads(json.dumps(walk.to_dict()))
    assert told["dW"][2] == walk.dW[2].tolist()
    assert json.loads(json.dumps(walk.parameter(1, "b", 2).to_dict(2)))["example"] == 2


def test_the_summary_in_both_languages():
    walk = backprop(by_hand(), [1.0, 2.0], [5.0], eta=0.01)
    try:
        use_language("en")
        assert "one example: loss 1" in str(walk)
        use_language("zh")
        assert "一个样本" in str(walk)
    finally:
        use_language(None)


def test_at_a_kink_there_is_no_proof():
    net = tt.Network([1, 1, 1], activation="relu", output="linear", dtype="float64")
    net.layers[0].W, net.layers[1].W = [[1.0]], [[1.0]]
    rule = backprop(net, [[0.0]], [[1.0]]).parameter(1, "b", 0)
    assert rule.difference.slope is None
    assert rule.error is None


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param((3, "W", (0, 0)), "layer must be one of 1 … 2; it is 3", id="layer"),
        pytest.param((1, "V", (0, 0)), "parameter", id="name"),
        pytest.param((1, "W", (2, 0)), "j in 0 … 1 and i in 0 … 1; it is (2, 0)", id="outside"),
        pytest.param((1, "W", 0), "j in 0 … 1 and i in 0 … 1; it is 0", id="one number"),
        pytest.param((1, "W", (0, -1)), "it is (0, -1)", id="negative"),
        pytest.param((2, "b", (0, 0)), "j in 0 … 0; it is (0, 0)", id="two numbers"),
    ],
)
def test_no_such_parameter(given, said):
    walk = backprop(by_hand(), [1.0, 2.0], [5.0])
    with pytest.raises(ValueError, match=re.escape(said)):
        walk.parameter(*given)


def test_what_else_is_refused():
    net = by_hand()
    with pytest.raises(ValueError, match="eta"):
        backprop(net, [1.0, 2.0], [5.0], eta=-1)
    with pytest.raises(ValueError, match="y is missing"):
        backprop(net, [1.0, 2.0])
    with pytest.raises(TypeError, match="expected a Network"):
        backprop("net", [1.0, 2.0], [5.0])
    with pytest.raises(tt.ShapeError):
        backprop(net, [1.0, 2.0, 3.0], [5.0])
    with pytest.raises(ValueError, match="0 … 2"):
        backprop(net, [1.0, 2.0], [5.0]).wishes(3)
    with pytest.raises(tt.DataError, match="0 … 0"):
        backprop(net, [1.0, 2.0], [5.0]).parameter(1, "b", 0).slope(1)


def test_sparse_rows_count_as_dense_ones():
    sparse = pytest.importorskip("scipy.sparse")
    net = network([8, 3])
    X = pixels(5, 8).astype(np.float32)
    dense, thin = (backprop(net, one, [0, 1, 2, 0, 1]) for one in (X, sparse.csr_matrix(X)))
    np.testing.assert_allclose(dense.dW[1], thin.dW[1], rtol=1e-6)
