"""Where a parameter comes from: against autograd, and against networks really changed."""

import json
import re
import time

import numpy as np
import pytest
from small_networks import LESSON, SWITCHED, network, pixels
from test_explanation_chain import CASES, by_torch, examples

import tongtou as tt
from tongtou.explanation.origins import provenance
from tongtou.explanation.removals import removal
from tongtou.i18n import use_language


@pytest.mark.parametrize(("sizes", "settings"), CASES)
def test_each_gradient_is_autograds(sizes, settings):
    net = network(sizes, dtype="float64", **settings)
    X, y = examples(net, 12)
    for layer, (W, b) in enumerate(by_torch(net, X, y)[1], start=1):
        for j in range(W.shape[1]):
            found = provenance(net, (X, y), layer, "b", j)
            np.testing.assert_allclose(found.gradients, b[:, j], rtol=1e-9, atol=1e-13)
        found = provenance(net, (X, y), layer, "W", (W.shape[1] - 1, 2), n_examples=3)
        mine = W[:, -1, 2]
        np.testing.assert_allclose(found.gradients, mine, rtol=1e-9, atol=1e-13)
        assert (found.mean, found.spread) == pytest.approx((mine.mean(), mine.std()), abs=1e-13)
        order = np.argsort(mine)
        assert [p.row for p in found.pushed_up] == [r for r in order[:3] if mine[r] < 0]
        assert [p.row for p in found.pushed_down] == [r for r in order[::-1][:3] if mine[r] > 0]


def changed(net, layer, name, index, value):
    other = net.copy()
    getattr(other.layers[layer - 1], name)[index] = value
    return other


@pytest.mark.parametrize(("sizes", "settings"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_outcomes_are_those_of_networks_really_changed(sizes, settings, dtype):
    net = network(sizes, dtype=dtype, **settings)
    X, y = examples(net, 60)
    near = {"rel": 1e-5 if dtype == "float32" else 1e-12}
    for layer in range(1, len(sizes)):
        for name, index in (("W", (0, 1)), ("b", 0)):
            found = provenance(net, (X, y), layer, name, index, nudge=0.25)
            value = found.value
            values = (value, value + 0.25, value - 0.25, 0.0, -value)
            outcomes = (found.now, *found.outcomes.values())
            for outcome, now in zip(outcomes, values, strict=True):
                other = changed(net, layer, name, index, now)
                assert outcome.loss == pytest.approx(other.loss(X, y), **near)
                right = other.accuracy(X, y) if net.is_classifier else None
                assert outcome.accuracy == right


def test_pixels_on_digits(mnist):
    """The mean is the kernel's gradient; losses and accuracies are the kernel's own."""
    net = tt.Network(LESSON, seed=0)
    tt.fit(net, mnist.train[:5000], optimizer=tt.SGD(1.5), epochs=2)
    data = mnist.test
    gradient = net.gradients(data)
    for layer, name, index in ((1, "W", (3, 401)), (2, "W", (5, 6)), (3, "W", (9, 0)), (1, "b", 4)):
        found = provenance(net, data, layer, name, index)
        mine = getattr(gradient[layer - 1], name)[index]
        assert found.mean == pytest.approx(float(mine), rel=1e-3, abs=1e-7)
        other = changed(net, layer, name, index, 0.0)
        assert found.outcomes["zeroed"].loss == pytest.approx(other.loss(data), rel=1e-6)
        assert found.outcomes["zeroed"].accuracy == pytest.approx(other.accuracy(data), abs=2e-4)
        assert (found.now.loss, found.now.accuracy) == (
            pytest.approx(net.loss(data), rel=1e-6),
            net.accuracy(data),
        )
        top = found.pushed_down[0]
        x, y = data.X[top.row : top.row + 1], data.y[top.row : top.row + 1]
        alone = float(getattr(net.gradients(x, y)[layer - 1], name)[index])
        assert top.gradient == pytest.approx(alone, rel=1e-4)
        assert top.answer == int(y[0])


def test_one_weight_hardly_matters_a_neuron_does(mnist):
    net = tt.Network(LESSON, seed=0)
    tt.fit(net, mnist.train, optimizer=tt.SGD(1.5), epochs=3)
    weight = provenance(net, mnist.test, 1, "W", (3, 401))
    for outcome in weight.outcomes.values():
        assert abs(outcome.accuracy - weight.now.accuracy) < 0.002
    costs = [
        found.now.accuracy - found.zeroed.accuracy
        for found in (removal(net, mnist.test, 1, j) for j in range(16))
    ]
    assert np.median(costs) > 0.01


@pytest.mark.parametrize("settings", [{}, SWITCHED], ids=["lesson", "switched"])
def test_removing_a_neuron_is_cutting_its_outgoing_weights(settings):
    net = network([6, 5, 4, 3], dtype="float64", **settings)
    X, y = examples(net, 300)
    for layer, j in ((1, 2), (2, 3)):
        found = removal(net, (X, y), layer, j)
        cut = net.copy()
        W, b = np.array(cut.layers[layer].W), np.array(cut.layers[layer].b)
        outgoing = W[:, j].copy()
        W[:, j] = 0
        cut.layers[layer].W = W
        assert found.zeroed.loss == pytest.approx(cut.loss(X, y), rel=1e-12)
        assert found.zeroed.accuracy == cut.accuracy(X, y)
        cut.layers[layer].b = b + outgoing * found.mean_activation
        assert found.held.loss == pytest.approx(cut.loss(X, y), rel=1e-12)
        assert found.now.loss == pytest.approx(net.loss(X, y), rel=1e-12)


def test_blocks_change_nothing(monkeypatch):
    from tongtou.explanation import counterfactuals

    net = network([9, 300, 3])
    X, y = pixels(700, 9), np.arange(700) % 3
    whole = provenance(net, (X, y), 1, "W", (7, 2)), removal(net, (X, y), 1, 7)
    monkeypatch.setattr(counterfactuals, "_BLOCK_NUMBERS", 1)
    parts = provenance(net, (X, y), 1, "W", (7, 2)), removal(net, (X, y), 1, 7)
    np.testing.assert_array_equal(whole[0].gradients, parts[0].gradients)
    for one, other in zip(whole, parts, strict=True):
        assert one.now.loss == pytest.approx(other.now.loss, rel=1e-12)
    assert whole[1].held.loss == pytest.approx(parts[1].held.loss, rel=1e-12)


def test_the_history_of_a_recorded_run():
    net = tt.Network([8, 4, 3], seed=0)
    first = float(net.layers[1].W[1, 2])
    X, y = pixels(90, 8), np.arange(90) % 3
    assert not len(provenance(net, (X, y), 2, "W", (1, 2)).steps)
    history = tt.fit(net, (X, y), epochs=20, recording=True)
    found = provenance(net, (X, y), 2, "W", (1, 2))
    assert (found.steps[0], found.values[0]) == (0, first)
    assert (found.steps[-1], found.values[-1]) == (history.n_steps, found.value)
    for step, value in zip(found.steps, found.values, strict=True):
        assert float(history.at(int(step)).layers[1].W[1, 2]) == value
    assert "recorded" in str(found)


def test_names_json_and_languages():
    net = tt.Network([8, 4, 3], seed=0)
    data = tt.Dataset(pixels(30, 8), np.arange(30) % 3, ("cat", "dog", "owl"))
    tt.fit(net, data, epochs=1)
    found = provenance(net, data, 1, "b", 2, n_examples=2)
    told = json.loads(json.dumps(found.to_dict()))
    assert {one["answer"] for one in told["pushed_up"]} <= {"cat", "dog", "owl"}
    assert told["n"] == 30
    assert json.loads(json.dumps(removal(net, data, 1, 2).to_dict()))["neuron"] == 2
    try:
        use_language("zh")
        assert "准确率" in str(found)
        assert "输出置零" in str(removal(net, data, 1, 2))
    finally:
        use_language(None)


def test_ties_come_in_their_order():
    net = network([2, 1], dtype="float64", output="linear")
    found = provenance(net, ([[1.0, 0.0]] * 9, [[99.0]] * 9), 1, "W", (0, 0), n_examples=9)
    assert [one.row for one in found.pushed_up] == list(range(9))
    assert found.pushed_down == ()
    assert (found.share_up, found.share_down) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        pytest.param(lambda net, d: provenance(net, d, 4, "W", (0, 0)), "1 … 2", id="layer"),
        pytest.param(lambda net, d: provenance(net, d, 1, "W", (0, 9)), "i in 0 … 7", id="index"),
        pytest.param(lambda net, d: provenance(net, d[0], 1, "b", 0), "tuple (X, y)", id="data"),
        pytest.param(lambda net, d: provenance(net, d, 1, "b", 0, nudge=0), "nudge", id="nudge"),
        pytest.param(lambda net, d: removal(net, d, 2, 0), "hidden one, 1 … 1", id="output"),
        pytest.param(lambda net, d: removal(net, d, 1, 4), "0 … 3; it is 4", id="neuron"),
        pytest.param(
            lambda net, d: removal(tt.Network([8, 3]), d, 1, 0), "no hidden layer", id="none"
        ),
    ],
)
def test_what_is_refused(ask, said):
    data = pixels(9, 8), np.arange(9) % 3
    with pytest.raises(ValueError, match=re.escape(said)):
        ask(tt.Network([8, 4, 3]), data)


def test_sixty_thousand_examples_in_a_moment(mnist):
    """0.2 s are asked for, on a quiet machine; here with room for a busy one."""
    net = tt.Network(LESSON, seed=0)
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        provenance(net, mnist.train, 1, "W", (3, 401))
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.4
