"""Health: what healthy networks hear, and each finding on both sides of its threshold."""

import json
from dataclasses import replace

import numpy as np
import pytest
from small_networks import SWITCHED

import tongtou as tt
from tongtou.activations import activation
from tongtou.explanation import health
from tongtou.explanation import thresholds as T
from tongtou.explanation.examined import patient_of
from tongtou.explanation.layer_sizes import Stride, layers_of
from tongtou.explanation.learning_signs import learning_findings
from tongtou.explanation.network_signs import network_findings
from tongtou.explanation.neurons_at_rest import Rest, rest_of
from tongtou.history import EpochRecord, History
from tongtou.i18n import use_language
from tongtou.recipes import recipe


@pytest.fixture(scope="module")
def lesson(mnist):
    """The lesson network, a third of its recipe long."""
    chosen = recipe("lesson")
    net = chosen.network(784, 10, seed=0)
    tt.fit(net, mnist.train, seed=0, validation=5000, **chosen.settings() | {"epochs": 10})
    return net


def codes(found, *severities):
    return [one.code for one in found.findings if not severities or one.severity in severities]


# Healthy networks -------------------------------------------------------------------------------


def test_the_lesson_network_is_healthy(lesson, mnist):
    found = health(lesson, mnist.train, test=mnist.test)
    assert found.healthy
    assert codes(found) == []
    assert (found.train["n"], found.held["n"], found.test["n"]) == (55_000, 5_000, 10_000)
    assert found.held["accuracy"] == pytest.approx(
        lesson.history.epochs[-1].val_accuracy, abs=1e-12
    )  # it found the very examples that fit held out


@pytest.mark.parametrize(("name", "epochs"), [("quick", 3), ("best", 1), ("lesson-best", 3)])
def test_the_recipes_networks_hear_nothing_severe(name, epochs, mnist):
    chosen = recipe(name)
    net = chosen.network(784, 10, seed=1)
    tt.fit(net, mnist.train[:20_000], validation=2000, **chosen.settings() | {"epochs": epochs})
    found = health(net, mnist.train[:20_000], test=mnist.test)
    assert codes(found, "severe") == []
    assert len(codes(found, "warning")) <= 1  # quick on a third of the digits does overfit


@pytest.mark.parametrize(
    ("loss", "output", "hidden"),
    [
        ("mse", "linear", "relu"),
        ("huber", "linear", "tanh"),
        ("sse", "linear", "leaky_relu"),
        ("half_sse", "linear", "gelu"),
    ],
)
def test_a_healthy_regression(loss, output, hidden):
    random = np.random.default_rng(0)
    X = random.normal(size=(800, 4))
    y = X @ [[1.0], [-2.0], [0.5], [0.0]] + 0.1 * random.normal(size=(800, 1))
    net = tt.Network([4, 12, 1], activation=hidden, output=output, loss=loss, dtype="float64")
    tt.fit(net, (X, y), optimizer=tt.Adam(0.01), epochs=40, validation=200)
    found = health(net, (X, y))
    assert codes(found, "severe", "warning") == []
    assert found.train["accuracy"] is None
    assert 0 < found.train["unexplained"] < 0.1


def test_several_labels_and_counts_and_one_output():
    random = np.random.default_rng(1)
    X = random.normal(size=(600, 5)).astype(np.float32)
    for settings, y in (
        ({"output": "sigmoid", "loss": "binary_cross_entropy"}, (X[:, :3] > 0).astype(float)),
        ({"output": "sigmoid", "loss": "binary_cross_entropy"}, (X[:, 0] > 0).astype(int)),
        ({"output": "exp", "loss": "poisson"}, random.poisson(np.exp(X[:, :1]))),
    ):
        n_out = y.shape[1] if y.ndim == 2 else 1
        net = tt.Network([5, 16, n_out], activation="tanh", **settings)
        tt.fit(net, (X, y), optimizer=tt.Adam(0.01), epochs=30, validation=100)
        found = health(net, (X, y))
        assert codes(found, "severe", "warning") == []
        assert (found.train["accuracy"] is not None) == (y.ndim == 1)


def test_estimators_and_pipelines_are_resolved():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from tongtou.estimators import MLPClassifier

    X = np.random.default_rng(2).normal(size=(400, 5)) * [1, 500, 1, 1, 1]
    y = np.where(X[:, 0] > 0, "yes", "no")
    settings = {"learning_rate_init": 0.01, "max_iter": 60, "tol": 0, "random_state": 0}
    one = MLPClassifier(hidden_layer_sizes=(12,), **settings)
    model = make_pipeline(StandardScaler(), one)
    with pytest.warns(UserWarning, match="converged"):
        model.fit(X, y)
    found = health(model, (X, y))
    assert codes(found, "severe", "warning") == []
    assert found.layers[0].update_ratio > 0  # its optimiser is known
    assert found.train["accuracy"] == model.score(X, y)
    # the same rows without the scaler in front
    assert "input_scale" in codes(health(model[-1], (X, y)))


def test_it_changes_nothing_and_can_be_repeated(lesson, mnist):
    before = [layer.W.copy() for layer in lesson.layers]
    first = health(lesson, mnist.train[:2000], test=mnist.test[:500]).to_dict()
    again = health(lesson, mnist.train[:2000], test=mnist.test[:500]).to_dict()
    assert first == again
    assert all((a == layer.W).all() for a, layer in zip(before, lesson.layers, strict=True))


def test_all_of_it_is_json_and_speaks_both_languages(lesson, mnist):
    sick = tt.Network([784, 16, 10], **SWITCHED)
    found = health(sick, mnist.train[:500], optimizer=tt.SGD(50.0))
    said = {}
    for language in ("en", "zh"):
        use_language(language)
        try:
            said[language] = json.dumps(found.to_dict(), allow_nan=False), str(found)
        finally:
            use_language(None)
    one, other = (json.loads(said[name][0]) for name in ("en", "zh"))
    assert [f["figures"] for f in one["findings"]] == [f["figures"] for f in other["findings"]]
    assert one["findings"][0]["seen"] != other["findings"][0]["seen"]
    assert said["en"][1] != said["zh"][1]
    assert "Learning rate" not in said["zh"][1]
    assert set(one) == {"healthy", "findings", "layers", "train", "held", "test", "edit"}
    assert set(one["findings"][0]) == {
        "code", "severity", "seen", "why", "change", "figures", "edit"
    }  # fmt: skip


# The figures ------------------------------------------------------------------------------------


def test_gradient_and_update_sizes_are_those_of_one_step():
    """One batch of all examples: then both can be had from gradients() and from one step."""
    random = np.random.default_rng(3)
    X, y = random.normal(size=(40, 6)), random.integers(0, 3, 40)
    net = tt.Network([6, 5, 3], dtype="float64", **SWITCHED)
    rule = tt.SGD(0.3)
    found = health(net, (X, y), optimizer=rule, batch_size=40)
    moved = net.copy()
    tt.fit(moved, (X, y), optimizer=rule, batch_size=40, epochs=1, shuffle=False)
    for one, g, old, new in zip(
        found.layers, net.gradients(X, y), net.layers, moved.layers, strict=True
    ):
        every = np.concatenate([g.W.ravel(), g.b])
        assert one.gradient_rms == pytest.approx(np.sqrt((every**2).mean()), rel=1e-9)
        step, size = np.std(new.W - old.W), np.sqrt((old.W**2).mean())
        step = np.sqrt(((new.W - old.W) ** 2).mean())
        assert one.update_rms == pytest.approx(step, rel=1e-9)
        assert one.update_ratio == pytest.approx(step / size, rel=1e-9)
        assert one.weight_quantiles[0] == old.W.min()


def test_unexplained_is_one_minus_r_squared():
    from sklearn.metrics import r2_score

    random = np.random.default_rng(4)
    X, y = random.normal(size=(300, 3)), random.normal(size=(300, 2))
    net = tt.Network([3, 4, 2], activation="tanh", output="linear", loss="mse", dtype="float64")
    R2 = r2_score(y, net.predict(X), multioutput="variance_weighted")
    assert health(net, (X, y)).train["unexplained"] == pytest.approx(1 - R2, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "z", "dead", "saturated"),
    [
        ("relu", [-1.0, -2.0, -0.1], True, False),
        ("relu", [-1.0, -2.0, 0.1], False, False),
        ("sigmoid", [4.7, 5.0, 9.0], True, False),  # always nearly 1: tells nothing
        ("sigmoid", [4.7, 5.0, 4.4], False, False),
        ("sigmoid", [5.0, -5.0, 5.0], False, True),  # at both ends: a switch
        ("sigmoid", [5.0, -5.0, 4.0], False, False),
        ("tanh", [2.5, -2.5, 3.0], False, True),
        ("tanh", [2.2, -2.5, 3.0], False, False),
        ("gelu", [-9.0, -9.5, -9.2], True, False),
        ("leaky_relu", [-9.0, -9.5, -9.2], False, False),
        ("linear", [1.0, 1.0, 1.0], False, False),
    ],
)
def test_what_is_dead_and_what_is_saturated(name, z, dead, saturated):
    f, column = activation(name), np.array(z)[:, None]
    rest = rest_of(f, column, f(column))
    assert (bool(rest.dead), bool(rest.saturated)) == (dead, saturated)


# Both sides of each threshold -------------------------------------------------------------------


@pytest.fixture(scope="module")
def patient(mnist):
    """A trained network with much left to explain, whose figures tests then bend."""
    net = tt.Network([784, 40, 10])
    tt.fit(net, mnist.train[:400], optimizer=tt.SGD(0.05), epochs=8, validation=100)
    return patient_of(net, mnist.train[:400], None, None, None, None, None, 0)


@pytest.fixture(scope="module")
def layers(patient):
    return layers_of(patient)[0]


CALM = Stride(0.0, 32, 0.0)


def inside(patient, layers, stride=CALM, **hidden):
    bent = [replace(layers[0], **hidden), *layers[1:]]
    return {one.code: one.severity for one in network_findings(patient, bent, stride)}


@pytest.mark.parametrize(
    ("n", "severity"), [(1, None), (2, "note"), (8, "warning"), (20, "severe")]
)
def test_dead(n, severity, patient, layers):
    found = inside(patient, layers, rest=Rest(40, tuple(range(n)), (), 0.5))
    assert found.get("dead") == severity


@pytest.mark.parametrize(
    ("n", "severity"), [(3, None), (4, "note"), (10, "warning"), (20, "severe")]
)
def test_saturated(n, severity, patient, layers):
    found = inside(patient, layers, rest=Rest(40, (), tuple(range(n)), 0.5))
    assert found.get("saturated") == severity


@pytest.mark.parametrize(
    ("ratio", "code", "severity"),
    [
        (1 / 199, "vanishing", None),
        (1 / 201, "vanishing", "warning"),
        (1 / 2001, "vanishing", "severe"),
        (29, "exploding", None),
        (31, "exploding", "warning"),
        (301, "exploding", "severe"),
    ],
)
def test_vanishing_and_exploding(ratio, code, severity, patient, layers):
    found = inside(patient, layers, gradient_rms=ratio * layers[-1].gradient_rms)
    assert found.get(code) == severity


@pytest.mark.parametrize(("share", "severity"), [(0.2, None), (0.25, "warning"), (0.5, "severe")])
def test_rate_too_large(share, severity, patient, layers):
    assert inside(patient, layers, Stride(share, 32, 0.0)).get("rate_too_large") == severity


@pytest.mark.parametrize(
    ("ratio", "gain", "is_found"),
    [(0.9e-3, 0.03, True), (1.1e-3, 0.03, False), (0.9e-3, 0.01, False)],
)
def test_rate_too_small(ratio, gain, is_found, patient, layers):
    bent = [replace(one, update_ratio=ratio) for one in layers]
    found = [one.code for one in network_findings(patient, bent, Stride(0.0, 32, gain))]
    assert ("rate_too_small" in found) == is_found


def after(patient, losses, stride=CALM, causes=(), **changes):
    bent = replace(patient, losses=losses, **changes)
    return {one.code: one for one in learning_findings(bent, list(causes), stride)}


@pytest.mark.parametrize(("fall", "is_flat"), [(0.009, True), (0.011, False)])
def test_plateau(fall, is_flat, patient):
    losses = [1.0] * 7 + [1 - fall / 3, 1 - 2 * fall / 3, 1 - fall]
    assert ("plateau" in after(patient, losses)) == is_flat


@pytest.mark.parametrize(("falling", "is_early"), [(0.029, False), (0.031, True)])
def test_unfinished(falling, is_early, patient):
    losses = [(1 - falling) ** k for k in range(12)]
    found = after(patient, losses)
    assert ("unfinished" in found) == is_early
    assert ("underfitting" in found) != is_early


@pytest.mark.parametrize(("gain", "is_early"), [(0.009, False), (0.011, True)])
def test_unfinished_by_the_way_ahead(gain, is_early, patient):
    losses = [0.99**k for k in range(12)]
    assert ("unfinished" in after(patient, losses, Stride(0.0, 32, gain))) == is_early


@pytest.mark.parametrize(("rise", "is_found"), [(1.24, False), (1.26, True)])
def test_overfitting_by_the_course(rise, is_found, patient):
    values = [1.0, 1.0, 1.0, 1.0, 1.0, rise]
    epochs = [EpochRecord(k + 1, 1.0, 0.5, one, 0.5, 0.0, 0.05) for k, one in enumerate(values)]
    history = History(epochs, "epochs", 300, 100)
    # the error itself says nothing here: held out are the very examples
    found = after(patient, [1.0] * 6, history=history, held=patient.train)
    assert ("overfitting" in found) == is_found
    kept = replace(history, best_epoch=1)  # the network has the best parameters back
    assert "overfitting" not in after(patient, [1.0] * 6, history=kept, held=patient.train)


@pytest.mark.parametrize(
    ("seen", "unseen", "severity"),
    [
        (0.01, 0.035, None),
        (0.01, 0.045, "warning"),
        (0.01, 0.12, "severe"),
        (0.2, 0.29, None),  # half as many again is no sign
        (0.2, 0.31, "severe"),
    ],
)
def test_overfitting_by_the_gap(seen, unseen, severity, patient):
    def errs(share, n=10_000):
        part = replace(patient.train)
        wrong = np.zeros(n)
        wrong[: round(share * n)] = 1
        part.__dict__["errors"] = wrong
        return part

    found = after(patient, [], train=errs(seen), held=errs(unseen))
    one = found.get("overfitting")
    assert (one.severity if one else None) == severity


@pytest.mark.parametrize(("share", "is_found"), [(0.29, False), (0.31, True)])
def test_underfitting(share, is_found, patient):
    part = replace(patient.train)
    part.__dict__["unexplained"] = share
    assert ("underfitting" in after(patient, [], train=part, held=None)) == is_found


def test_diverged_is_told(patient):
    history = replace(patient.history, stopped_by="diverged")
    assert after(patient, [], history=history)["diverged"].severity == "severe"
    assert "diverged" not in after(patient, [])


def test_nothing_learnt_and_something_learnt(mnist):
    digits = mnist.train[:1500]
    net = tt.Network([784, 16, 10], output="softmax", loss="cross_entropy")
    assert codes(health(net, digits), "severe") == ["not_learned"]
    tt.fit(net, digits, optimizer=tt.SGD(0.5), epochs=3)
    assert "not_learned" not in codes(health(net, digits))


def test_noise_that_nobody_can_explain_is_no_illness():
    """Of counts hardly anything can be said beforehand, and the network says it."""
    random = np.random.default_rng(5)
    X = random.normal(size=(1500, 3))
    y = random.poisson(np.exp(0.3 * X[:, :1]))
    net = tt.Network([3, 8, 1], activation="tanh", output="exp", loss="poisson")
    tt.fit(net, (X, y), optimizer=tt.Adam(0.01), epochs=20)
    found = health(net, (X, y))
    assert found.train["unexplained"] > T.NOTHING_LEARNT
    assert found.healthy


def test_refusals(lesson, mnist):
    digits = mnist.train[:50]
    with pytest.raises(ValueError, match="batch_size"):
        health(lesson, digits, batch_size=0)
    with pytest.raises(ValueError, match="optimizer"):
        health(lesson, digits, optimizer="sgd")
    with pytest.raises(tt.DataError, match="one example"):
        health(lesson, digits[:1])
    with pytest.raises(TypeError, match="expected a Network"):
        health("lesson", (digits.X, digits.y))
    broken = lesson.copy()
    broken.layers[0].b[0] = np.nan
    with pytest.raises(tt.DataError, match="layer 1"):
        health(broken, digits)
