"""Illnesses planted, found, treated by the edit that the finding brings, and gone."""

import numpy as np
import pytest
from small_networks import SWITCHED, bits

import tongtou as tt
from tongtou.explanation import health
from tongtou.explanation.plans import retrained


def trained(digits, sizes, seed=0, validation=500, optimizer=None, epochs=6, fit=None, **settings):
    net = tt.Network(sizes, seed=seed, **settings)
    tt.fit(net, digits, optimizer=optimizer or tt.SGD(), epochs=epochs, validation=validation,
           **(fit or {}))  # fmt: skip
    return net


def treated(net, data, *codes):
    """The examination, that of the network trained anew with the findings' edits."""
    before = health(net, data)
    for code in codes:
        assert before.finding(code) is not None, [one.code for one in before.findings]
        assert before.finding(code).severity in ("warning", "severe")
    grades = [("severe", "warning", "note").index(one.severity) for one in before.findings]
    assert grades == sorted(grades)
    edit = before.finding(codes[0]).edit
    return before, health(retrained(net, data, edit), data)


def test_a_deep_sigmoid_net_whose_gradient_vanishes(mnist):
    digits = mnist.train[:6000]
    net = trained(digits, [784, *[16] * 6, 10], optimizer=tt.SGD(1.5))
    before, after = treated(net, digits, "vanishing", "plateau", "not_learned")
    assert before.finding("vanishing").figures["ratio"] < 1e-3
    assert before.finding("vanishing").edit.changes["activation"] == {"set": "relu"}
    for code in ("vanishing", "plateau", "not_learned"):
        assert after.finding(code) is None
    assert before.held["accuracy"] < 0.2
    assert after.held["accuracy"] > 0.7


def test_a_start_whose_gradient_vanishes(mnist):
    """By the end the gradient is back, but the time has gone."""
    digits = mnist.train[:6000]
    net = trained(digits, [784, *[16] * 4, 10], optimizer=tt.SGD(1.5))
    before, after = treated(net, digits, "vanishing_at_start")
    assert before.finding("vanishing") is None
    assert after.finding("vanishing_at_start") is None
    assert after.held["accuracy"] > before.held["accuracy"] + 0.3


@pytest.mark.parametrize("optimizer", [tt.SGD(2.0), tt.Adam(0.1)], ids=["sgd", "adam"])
def test_neurons_killed_by_too_large_a_rate(optimizer, mnist):
    digits = mnist.train[:6000]
    net = trained(digits, [784, 64, 64, 10], optimizer=optimizer, epochs=3, **SWITCHED)
    before, after = treated(net, digits, "dead")
    figures = before.finding("dead").figures
    assert figures["share_dead"] > 0.8
    assert figures["share_dead_at_start"] < 0.05
    assert before.finding("dead").edit.changes == {"learning_rate": {"times": 0.1}}
    assert max(one.rest.share_dead for one in after.layers) < figures["share_dead"] / 2
    assert after.held["accuracy"] > before.held["accuracy"] + 0.3


def test_neurons_born_dead(mnist):
    digits = mnist.train[:3000]
    X = digits.X / 255 - 3  # all inputs negative and far from 0: half of the neurons never fire
    net = trained((X, digits.y), [784, 32, 10], epochs=1, optimizer=tt.SGD(0.001), **SWITCHED)
    before, after = treated(net, (X, digits.y), "dead")
    assert before.finding("dead").figures["share_dead_at_start"] > 0.2
    assert before.finding("dead").edit.changes == {"activation": {"set": "leaky_relu"}}
    assert after.finding("dead") is None


def test_neurons_born_saturated(mnist):
    """Weights in -1 … 1 on inputs of some size drive a sigmoid to its ends."""
    digits = mnist.train[:3000]
    X = 4 * (digits.X / 255 - 0.5)
    settings = {"initializer": "lesson", "output": "softmax", "loss": "cross_entropy"}
    net = trained((X, digits.y), [784, 32, 10], epochs=1, **settings)
    before, after = treated(net, (X, digits.y), "saturated")
    assert before.finding("saturated").edit.changes == {"initializer": {"set": "auto"}}
    assert after.finding("saturated") is None
    assert after.held["accuracy"] > before.held["accuracy"]


def test_an_exploding_gradient():
    """A deep tanh network in its chaotic regime: weights three times those that keep sizes."""
    random = np.random.default_rng(0)
    data = random.normal(size=(400, 8)), random.integers(0, 2, 400)
    settings = {"activation": "tanh", "output": "softmax", "loss": "cross_entropy"}
    sizes = [8, *[32] * 24, 2]
    net = tt.Network(sizes, initializer="orthogonal", **settings)
    for layer in net.layers[:-1]:
        layer.W = layer.W * 3
    found = health(net, data, optimizer=tt.SGD(0.01)).finding("exploding")
    assert found.severity == "warning"
    assert found.edit.changes == {"initializer": {"set": "auto"}, "clip_norm": {"set": 1.0}}
    mended = found.edit.for_network({"sizes": sizes, "initializer": "orthogonal", **settings})
    assert health(tt.Network(**mended), data, optimizer=tt.SGD(0.01)).finding("exploding") is None


def test_an_overfit_network_on_1000_digits(mnist):
    digits = mnist.train[:1500]  # 500 of them held out
    net = trained(digits, [784, 128, 10], optimizer=tt.Adam(0.002), epochs=40, **SWITCHED)
    before, after = treated(net, digits, "overfitting")
    assert set(before.finding("overfitting").edit.changes) == {"augment", "dropout", "patience"}
    assert before.train["n"] == 1000
    gaps = [one.held["accuracy"] - one.train["accuracy"] for one in (before, after)]
    assert gaps[1] > gaps[0] + 0.02
    assert after.held["accuracy"] > before.held["accuracy"] + 0.01
    assert after.held["loss"] < before.held["loss"]


def test_an_overfit_regression():
    random = np.random.default_rng(1)
    X = random.normal(size=(160, 6))
    y = X[:, :1] + random.normal(size=(160, 1))
    net = trained((X, y), [6, 64, 64, 1], validation=80, optimizer=tt.Adam(0.005), epochs=150,
                  activation="relu", output="linear", loss="mse")  # fmt: skip
    before, after = treated(net, (X, y), "overfitting")
    assert before.finding("overfitting").severity == "severe"
    assert after.held["loss"] < 0.7 * before.held["loss"]


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [(tt.SGD(1e-4), SWITCHED), (tt.Adam(1e-6), SWITCHED), (tt.SGD(0.001), {})],
    ids=["sgd", "adam", "lesson"],
)
def test_too_small_a_rate(optimizer, settings, mnist):
    digits = mnist.train[:6000]
    net = trained(digits, [784, 32, 10], optimizer=optimizer, **settings)
    before, after = treated(net, digits, "rate_too_small")
    edit = before.finding("rate_too_small").edit
    assert edit.changes["learning_rate"]["times"] >= 10
    assert after.finding("rate_too_small") is None
    assert after.train["unexplained"] < before.train["unexplained"] / 2


def test_too_large_a_rate_before_any_step(mnist):
    """Asked before training, of the rate that it is going to have."""
    digits = mnist.train[:3000]
    net = tt.Network([784, 64, 64, 10], **SWITCHED)
    found = health(net, digits, optimizer=tt.SGD(2.0)).finding("rate_too_large")
    assert found.severity == "severe"
    kept = found.edit.for_fit({"optimizer": tt.SGD(2.0)})
    assert health(net, digits, optimizer=kept["optimizer"]).finding("rate_too_large") is None


def test_a_plateau_of_too_few_neurons(mnist):
    digits = mnist.train[:3000]
    net = trained(digits, [784, 2, 10], optimizer=tt.Adam(0.01), epochs=60, output="softmax",
                  loss="cross_entropy", activation="sigmoid")  # fmt: skip
    found = health(net, digits)
    code = "plateau" if found.finding("plateau") else "underfitting"
    assert found.finding(code).edit.changes == {"hidden": {"times": 2}}
    new = retrained(net, digits, found.finding(code).edit)
    assert new.sizes == (784, 4, 10)
    assert health(new, digits).train["unexplained"] < found.train["unexplained"]


def test_a_run_that_ended_too_early(mnist):
    digits = mnist.train[:6000]
    net = trained(digits, [784, 16, 16, 10], optimizer=tt.SGD(0.5), epochs=4)
    before = health(net, digits)
    assert before.finding("unfinished").edit.changes == {"epochs": {"times": 3}}
    new = retrained(net, digits, before.finding("unfinished").edit)
    assert len(new.history.epochs) == 12
    assert health(new, digits).train["unexplained"] < before.train["unexplained"] / 2


def test_a_class_that_is_passed_over(mnist):
    digits = mnist.train[:20_000]
    few = np.random.default_rng(0).random(len(digits)) < 0.1
    data = digits[(digits.y != 8) | few]
    net = trained(data, [784, 16, 16, 10], optimizer=tt.SGD(1.5), epochs=3, validation=4000)
    before, after = treated(net, data, "imbalance")
    assert before.finding("imbalance").edit.changes == {"class_weight": {"set": "balanced"}}
    one, other = (found.finding("imbalance").figures for found in (before, after))
    assert one["counts"]["8"] * 5 < one["counts"]["1"]
    assert other["recall_of_smallest"] > one["recall_of_smallest"] + 0.2
    assert after.finding("imbalance").edit is None  # it has been applied
    # the classes as they come are in balance
    assert health(net, digits).finding("imbalance") is None


def test_the_edits_of_all_findings_together(mnist):
    digits = mnist.train[:3000]
    net = trained(digits, [784, *[16] * 6, 10], optimizer=tt.SGD(1.5), epochs=3)
    found = health(net, digits)
    assert not found.healthy
    assert found.edit.changes["activation"] == {"set": "relu"}
    new = retrained(net, digits, found.edit)
    assert new.recipe["optimizer"] == {"name": "sgd", "learning_rate": pytest.approx(0.15)}


def test_without_an_edit_the_run_is_the_same_again(mnist):
    digits = mnist.train[:600]
    net = trained(digits, [784, 12, 10], seed=4, validation=100, optimizer=tt.Adam(0.003),
                  fit={"seed": 9, "regularization": tt.Regularization(dropout=0.2, l2=1e-4),
                       "augmentation": tt.Augmentation(shift=1), "class_weight": {3: 2.0},
                       "stop": tt.EarlyStopping(patience=3), "batch_size": 50})  # fmt: skip
    again = retrained(net, digits)
    assert bits(again) == bits(net)
    assert again.recipe == net.recipe
    assert again.history.column("val_loss") == net.history.column("val_loss")
