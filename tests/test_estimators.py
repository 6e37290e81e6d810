"""The estimators' numbers: scikit-learn's own, one step by hand, and gradients."""

import copy

import numpy as np
import pytest

from tongtou import reference

pytest.importorskip("sklearn", reason="the extra tongtou[sklearn] is not installed")

from sklearn import neural_network as peers
from sklearn.datasets import load_iris, make_multilabel_classification

from tongtou.estimators import MLPClassifier, MLPRegressor, quasi_newton

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X_IRIS, Y_IRIS = load_iris(return_X_y=True)
RNG = np.random.default_rng(0)
X_TABLE = RNG.normal(size=(90, 6))
Y_TABLE = np.column_stack([np.sin(X_TABLE[:, 0]), X_TABLE[:, 1] * X_TABLE[:, 2], X_TABLE[:, 3]])
X_LABELS, Y_LABELS = make_multilabel_classification(60, random_state=0)
WEIGHTS = RNG.uniform(0, 2, len(X_IRIS))


def pairs(model):
    return [*model.coefs_, *model.intercepts_]


def apart(model, peer):
    """The largest difference between two models' parameters."""
    return max(np.abs(a - b).max() for a, b in zip(pairs(model), pairs(peer), strict=True))


def both(kind, X, y, sample_weight=None, **settings):
    """Our model and scikit-learn's, trained alike."""
    ours, theirs = {
        "classifier": (MLPClassifier, peers.MLPClassifier),
        "regressor": (MLPRegressor, peers.MLPRegressor),
    }[kind]
    settings = {"random_state": 0, "hidden_layer_sizes": (9, 5), **settings}
    return (
        ours(**settings).fit(X, y, sample_weight=sample_weight),
        theirs(**settings).fit(X, y, sample_weight=sample_weight),
    )


# ---------------------------------------------------------------- the same numbers

SOLVERS = {
    "sgd": {"solver": "sgd", "momentum": 0.0, "learning_rate_init": 0.05},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate_init": 0.02},
    "nesterov": {"solver": "sgd", "learning_rate_init": 0.02},
    "adam": {"solver": "adam", "learning_rate_init": 0.01},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.3},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.02, "n_iter_no_change": 1},
    "strong alpha": {"solver": "adam", "alpha": 3.0},
}
KINDS = {
    "three classes": ("classifier", X_IRIS, Y_IRIS),
    "two classes": ("classifier", X_IRIS, np.where(Y_IRIS == 2, "yes", "no")),
    "labels": ("classifier", X_LABELS, Y_LABELS),
    "one number": ("regressor", X_TABLE, Y_TABLE[:, 0]),
    "three numbers": ("regressor", X_TABLE, Y_TABLE),
}


@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("kind", KINDS)
def test_steps_end_where_those_of_scikit_learn_do(kind, solver, shuffle):
    which, X, y = KINDS[kind]
    model, peer = both(
        which,
        X,
        y,
        batch_size=32,
        max_iter=8,
        activation="tanh",
        shuffle=shuffle,
        **SOLVERS[solver],
    )
    assert apart(model, peer) < 1e-6
    np.testing.assert_allclose(model.loss_curve_, peer.loss_curve_, rtol=1e-6)
    if SOLVERS[solver]["solver"] == "sgd":
        assert model._optimizer.learning_rate == pytest.approx(peer._optimizer.learning_rate)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_"):
        assert getattr(model, name) == getattr(peer, name), name
    assert model.best_loss_ == pytest.approx(peer.best_loss_, rel=1e-6)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_every_activation_of_scikit_learn(activation):
    model, peer = both("classifier", X_IRIS, Y_IRIS, activation=activation, max_iter=5)
    assert apart(model, peer) < 1e-6
    np.testing.assert_allclose(model.predict_proba(X_IRIS), peer.predict_proba(X_IRIS), atol=1e-6)


@pytest.mark.parametrize("kind", ["three classes", "two classes"])
def test_weights_of_the_examples(kind):
    which, X, y = KINDS[kind]
    model, peer = both(which, X, y, WEIGHTS, batch_size=40, max_iter=6, alpha=0.5)
    assert apart(model, peer) < 1e-6
    np.testing.assert_allclose(model.loss_curve_, peer.loss_curve_, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_early_stopping_holds_out_and_scores_as_scikit_learn(kind, weighted):
    which, X, y = KINDS[kind]
    weights = WEIGHTS[: len(X)] if weighted else None
    model, peer = both(
        which, X, y, weights, early_stopping=True, max_iter=15, batch_size=20, n_iter_no_change=4
    )
    np.testing.assert_allclose(model.validation_scores_, peer.validation_scores_, atol=1e-6)
    assert model.n_iter_ == peer.n_iter_
    assert model.best_loss_ is None
    assert model.best_validation_score_ == pytest.approx(peer.best_validation_score_, abs=1e-6)
    assert apart(model, peer) < 1e-6


def test_poisson_loss():
    y = np.random.default_rng(1).poisson(np.exp(Y_TABLE))
    model, peer = both("regressor", X_TABLE, y, loss="poisson", max_iter=10, batch_size=30)
    assert apart(model, peer) < 1e-6
    np.testing.assert_allclose(model.loss_curve_, peer.loss_curve_, rtol=1e-6)
    assert model.out_activation_ == "exp"
    assert (model.predict(X_TABLE) > 0).all()


def test_training_stops_in_the_same_epoch():
    model, peer = both("classifier", X_IRIS, Y_IRIS, max_iter=400, tol=3e-3, solver="sgd")
    assert model.n_iter_ == peer.n_iter_ < 400


def test_partial_fit_carries_the_velocity_on():
    model = MLPRegressor(hidden_layer_sizes=8, solver="adam", random_state=0, batch_size=17)
    peer = peers.MLPRegressor(hidden_layer_sizes=8, solver="adam", random_state=0, batch_size=17)
    for rows in (slice(0, 40), slice(40, 90), slice(10, 60)):
        model.partial_fit(X_TABLE[rows], Y_TABLE[rows])
        peer.partial_fit(X_TABLE[rows], Y_TABLE[rows])
        assert apart(model, peer) < 1e-6
    assert (model.n_iter_, model.t_) == (peer.n_iter_, peer.t_) == (1, 140)
    np.testing.assert_allclose(model.loss_curve_, peer.loss_curve_, rtol=1e-6)


def test_warm_start_goes_on():
    settings = {"warm_start": True, "max_iter": 4, "batch_size": 30}
    model, peer = both("classifier", X_IRIS, Y_IRIS, **settings)
    model.fit(X_IRIS, Y_IRIS)
    peer.fit(X_IRIS, Y_IRIS)
    assert apart(model, peer) < 1e-6
    assert len(model.loss_curve_) == 8


def test_lbfgs_takes_the_same_first_steps():
    for kind in ("three classes", "two classes", "labels", "one number"):
        which, X, y = KINDS[kind]
        model, peer = both(which, X, y, solver="lbfgs", max_iter=6, activation="tanh")
        assert apart(model, peer) < 1e-6, kind
        assert model.loss_ == pytest.approx(peer.loss_, rel=1e-6), kind
        assert model.n_iter_ == peer.n_iter_ == 6


def test_lbfgs_reaches_the_same_optimum():
    """A strong alpha makes the optimum of a linear network unique in what it predicts."""
    settings = {"solver": "lbfgs", "activation": "identity", "alpha": 1.0, "tol": 1e-9}
    settings |= {"max_iter": 5000, "hidden_layer_sizes": 3}
    model, peer = both("regressor", X_TABLE, Y_TABLE[:, 0], **settings)
    np.testing.assert_allclose(model.predict(X_TABLE), peer.predict(X_TABLE), atol=1e-4)
    assert model.loss_ == pytest.approx(peer.loss_, rel=1e-6)


# ---------------------------------------------------------------- worked by hand


def test_one_step_of_regression_by_hand():
    """x = 2, y = 1: h = 0.5 x = 1, a = 3 h - 1 = 2, a - y = 1.

    dC/dW2 = h = 1, dC/db2 = 1, dC/dW1 = 3 x = 6, dC/db1 = 3; alpha = 0.1 adds 0.3 to the first and
    0.05 to the third; the rate takes a tenth of each.
    """
    model = MLPRegressor(
        hidden_layer_sizes=1,
        activation="identity",
        solver="sgd",
        momentum=0,
        alpha=0.1,
        learning_rate_init=0.1,
    )
    model.partial_fit([[0.0]], [0.0])
    model.coefs_ = [np.array([[0.5]]), np.array([[3.0]])]
    model.intercepts_ = [np.array([0.0]), np.array([-1.0])]
    assert model.predict([[2.0]])[0] == 2
    model.partial_fit([[2.0]], [1.0])
    assert model.loss_ == pytest.approx(0.5 + 0.05 * (0.25 + 9))
    assert model.coefs_[1][0, 0] == pytest.approx(3 - 0.1 * 1.3)
    assert model.intercepts_[1][0] == pytest.approx(-1 - 0.1)
    assert model.coefs_[0][0, 0] == pytest.approx(0.5 - 0.1 * 6.05)
    assert model.intercepts_[0][0] == pytest.approx(-0.3)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_handed_to_lbfgs(kind, weighted):
    """Against central differences over every parameter, and against the reference."""
    which, X, y = KINDS[kind]
    X, y = np.ascontiguousarray(X[::3]), y[::3]
    settings = {"hidden_layer_sizes": (4, 3), "activation": "tanh", "random_state": 0}
    model = (MLPClassifier if which == "classifier" else MLPRegressor)(
        **settings, solver="lbfgs", max_iter=2
    ).fit(X, y)
    net = copy.deepcopy(model.network_)
    weights = np.random.default_rng(1).uniform(0, 2, len(X)) if weighted else None
    problem = (X, model._encoded(y, np.float64, False), weights, 0.7)
    theta = quasi_newton.flat(net.blueprint.views(net._parameters))
    objective = quasi_newton.Objective(net, *problem, threads=2, block=7)
    with objective.pool:
        value, gradient = objective(theta)
        numeric = reference.numeric_gradient(lambda t: objective(t)[0], theta.copy())
    np.testing.assert_allclose(gradient, numeric, atol=1e-8)
    plain_value, plain_gradient = quasi_newton.Objective(net, *problem, threads=0)(theta)
    assert value == pytest.approx(plain_value, rel=1e-13)
    np.testing.assert_allclose(gradient, plain_gradient, rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_engine_agrees(kind, solver):
    which, X, y = KINDS[kind]
    settings = {"hidden_layer_sizes": 5, "solver": solver, "max_iter": 3, "random_state": 0}
    model = MLPClassifier if which == "classifier" else MLPRegressor
    weights = WEIGHTS[: len(X)]
    native, plain = (
        model(**settings, engine=engine).fit(X, y, sample_weight=weights)
        for engine in (None, "reference")
    )
    assert apart(native, plain) < 1e-9


def test_threads_do_not_change_a_bit():
    X = np.random.default_rng(1).normal(size=(3000, 20))
    y = X[:, 0] * X[:, 1]
    for solver in ("adam", "lbfgs"):
        one, two = (
            MLPRegressor(
                hidden_layer_sizes=30, solver=solver, max_iter=3, random_state=0, threads=threads
            ).fit(X, y)
            for threads in (1, 2)
        )
        assert apart(one, two) == 0, solver
