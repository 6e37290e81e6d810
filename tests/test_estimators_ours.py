"""What the estimators show, what they do beyond scikit-learn's, and what they refuse."""

import copy
import importlib
import pickle
import sys
import warnings

import numpy as np
import pytest

import tongtou as tt
from tongtou.augmentation import Augmentation
from tongtou.optimizers import AdamW, RMSprop
from tongtou.schedules import Cosine

pytest.importorskip("sklearn", reason="the extra tongtou[sklearn] is not installed")

from scipy import sparse
from sklearn.datasets import load_digits, load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.preprocessing import scale

from tongtou.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X_IRIS, Y_IRIS = load_iris(return_X_y=True)
X_TABLE = np.random.default_rng(0).normal(size=(90, 6))
Y_TABLE = np.column_stack([np.sin(X_TABLE[:, 0]), X_TABLE[:, 1] * X_TABLE[:, 2], X_TABLE[:, 3]])
X_LABELS, Y_LABELS = make_multilabel_classification(60, random_state=0)


def pairs(model):
    return [*model.coefs_, *model.intercepts_]


def apart(model, other):
    """The largest difference between two models' parameters."""
    return max(np.abs(a - b).max() for a, b in zip(pairs(model), pairs(other), strict=True))


# ---------------------------------------------------------------- attributes


def test_coefs_are_the_networks_own_memory():
    model = MLPClassifier(5, random_state=0, max_iter=3).fit(X_IRIS, Y_IRIS)
    assert [W.shape for W in model.coefs_] == [(4, 5), (5, 3)]
    assert [b.shape for b in model.intercepts_] == [(5,), (3,)]
    assert model.network_.layers[0].W[2, 1] == model.coefs_[0][1, 2]
    model.coefs_[0][1, 2] = 7
    assert model.network_.layers[0].W[2, 1] == 7
    np.testing.assert_allclose(
        model.predict_proba(X_IRIS), model.network_.predict_proba(X_IRIS), rtol=1e-12
    )


@pytest.mark.parametrize("way", ["one", "all"])
def test_coefs_may_be_assigned(way):
    model = MLPRegressor(hidden_layer_sizes=5, random_state=0, max_iter=3)
    model.fit(X_TABLE, Y_TABLE[:, 0])
    if way == "one":
        model.coefs_[1] = np.zeros((5, 1))
    else:
        model.coefs_ = [np.ones((6, 5)), np.zeros((5, 1))]
    model.intercepts_[1] = np.array([2.5])
    assert (model.predict(X_TABLE) == 2.5).all()
    assert (pickle.loads(pickle.dumps(model)).predict(X_TABLE) == 2.5).all()
    model.partial_fit(X_TABLE, Y_TABLE[:, 0])
    assert not (model.predict(X_TABLE) == 2.5).all()


@pytest.mark.parametrize("copied", ["pickle", "deepcopy"])
def test_copies_go_on_by_themselves(copied):
    model = MLPClassifier(5, random_state=0, max_iter=3).fit(X_IRIS, Y_IRIS)
    twin = pickle.loads(pickle.dumps(model)) if copied == "pickle" else copy.deepcopy(model)
    before = [one.copy() for one in pairs(model)]
    model.partial_fit(X_IRIS, Y_IRIS)
    assert all((a == b).all() for a, b in zip(before, pairs(twin), strict=True))
    assert twin.network_.layers[0].W[0, 0] == twin.coefs_[0][0, 0]
    twin.partial_fit(X_IRIS, Y_IRIS)
    assert apart(model, twin) == 0, "the moments of Adam were kept"


def test_unpickled_models_hold_their_numbers_once():
    model = MLPClassifier(300, random_state=0, max_iter=1, solver="lbfgs").fit(X_IRIS, Y_IRIS)
    assert len(pickle.dumps(model)) < 1.7 * model.network_._parameters.nbytes


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_the_data_decides_the_precision(solver, dtype):
    model = MLPRegressor(hidden_layer_sizes=3, solver=solver, max_iter=3, random_state=0)
    model.fit(X_TABLE.astype(dtype), Y_TABLE[:, 0])
    kept = np.float64 if solver == "lbfgs" else dtype
    assert {one.dtype for one in pairs(model)} == {np.dtype(kept)}
    assert model.predict(X_TABLE.astype(dtype)).dtype == kept
    assert model.predict(X_TABLE).dtype == np.float64


def test_whole_numbers_are_not_taken_for_pixels():
    X = np.random.default_rng(1).integers(0, 255, (40, 5))
    y = X[:, 0] > 100
    settings = {"hidden_layer_sizes": 4, "random_state": 0, "max_iter": 5}
    plain = MLPClassifier(**settings).fit(X.astype(float), y)
    for kind in (np.uint8, np.int64, np.float32):
        model = MLPClassifier(**settings).fit(X.astype(kind), y)
        assert apart(model, plain) < (1e-4 if kind == np.float32 else 1e-15)
        np.testing.assert_allclose(
            model.predict_proba(X.astype(np.uint8)), plain.predict_proba(X), atol=1e-3
        )


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array, sparse.coo_array])
def test_sparse_and_dense_examples_agree(form, solver):
    rng = np.random.default_rng(0)
    X = np.where(rng.uniform(size=(80, 30)) < 0.2, rng.normal(size=(80, 30)), 0)
    y = (X[:, :5].sum(1) > 0).astype(int)
    settings = {"hidden_layer_sizes": 6, "random_state": 0, "max_iter": 5, "solver": solver}
    dense = MLPClassifier(**settings).fit(X, y)
    model = MLPClassifier(**settings, early_stopping=False).fit(form(X), y)
    assert apart(model, dense) < 1e-9
    np.testing.assert_allclose(model.predict_proba(form(X)), dense.predict_proba(X), atol=1e-9)
    np.testing.assert_allclose(
        model.predict_proba(form((X != 0).astype(np.uint8))),
        dense.predict_proba((X != 0).astype(float)),
        atol=1e-9,
    )


def test_two_classes_have_two_columns():
    y = np.where(Y_IRIS == 2, "yes", "no")
    model = MLPClassifier(5, random_state=0, max_iter=20).fit(X_IRIS, y)
    p = model.predict_proba(X_IRIS)
    assert p.shape == (150, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (model.predict(X_IRIS) == np.where(p[:, 1] > 0.5, "yes", "no")).all()
    np.testing.assert_array_equal(model.predict_log_proba(X_IRIS), np.log(p))
    assert model.network_.classes == ("no", "yes")
    assert (model.network_.predict(X_IRIS) == model.predict(X_IRIS)).all()


def test_one_class_is_always_the_answer():
    model = MLPClassifier(5, random_state=0, max_iter=2).fit(X_IRIS, ["only"] * 150)
    assert set(model.predict(X_IRIS)) == {"only"}


# ---------------------------------------------------------------- what is ours


def test_a_hidden_layer_each_of_its_kind():
    model = MLPClassifier((6, 5), ["gelu", "tanh"], random_state=0, max_iter=2)
    model.fit(X_IRIS, Y_IRIS)
    assert [layer.activation.name for layer in model.network_.layers] == ["gelu", "tanh", "softmax"]


@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.5},
        {"dropout": (0.2, 0.5)},
        {"input_noise": 0.3},
        {"l1": 0.01},
        {"label_smoothing": 0.2},
        {"class_weight": "balanced"},
        {"class_weight": {0: 5.0}},
        {"schedule": Cosine(0.02)},
        {"solver": AdamW(0.01, weight_decay=0.5)},
        {"solver": RMSprop(0.01)},
        {"initializer": "glorot"},
    ],
    ids=str,
)
def test_settings_of_our_own_do_something_and_can_be_repeated(settings):
    X, y = X_IRIS[20:], Y_IRIS[20:]
    plain = {"hidden_layer_sizes": 8, "random_state": 3, "max_iter": 4, "batch_size": 50}
    first, again = (MLPClassifier(**{**plain, **settings}).fit(X, y) for _ in range(2))
    without = MLPClassifier(**plain).fit(X, y)
    assert apart(first, again) == 0
    assert apart(first, without) > 1e-5


def test_l1_leaves_zeros():
    model = MLPClassifier(
        8, random_state=0, l1=0.08, max_iter=100, batch_size=15, learning_rate_init=0.01
    )
    model.fit(X_IRIS, Y_IRIS)
    assert (model.coefs_[0] == 0).mean() > 0.3
    assert model.score(X_IRIS, Y_IRIS) > 0.9


def test_class_weight_is_sample_weight():
    settings = {"hidden_layer_sizes": 4, "random_state": 0, "max_iter": 5}
    weights = np.where(Y_IRIS == 1, 4.0, 1.0)
    by_class = MLPClassifier(**settings, class_weight={1: 4.0}).fit(X_IRIS, Y_IRIS)
    by_sample = MLPClassifier(**settings).fit(X_IRIS, Y_IRIS, sample_weight=weights)
    assert apart(by_class, by_sample) == 0
    both = MLPClassifier(**settings, class_weight={1: 4.0})
    both.fit(X_IRIS, Y_IRIS, sample_weight=1 / weights)
    plain = MLPClassifier(**settings).fit(X_IRIS, Y_IRIS)
    assert apart(both, plain) < 1e-12


def test_smoothed_targets_of_lbfgs_are_those_of_the_steps():
    """A strong alpha makes both arrive at one optimum."""
    settings = {"hidden_layer_sizes": (), "alpha": 5.0, "label_smoothing": 0.3, "random_state": 0}
    newton = MLPClassifier(**settings, solver="lbfgs", max_iter=2000, tol=1e-9)
    X = scale(X_IRIS)
    newton.fit(X, Y_IRIS)
    steps = MLPClassifier(
        **settings,
        solver="sgd",
        batch_size=150,
        max_iter=2000,
        learning_rate_init=0.3,
        n_iter_no_change=np.inf,
    ).fit(X, Y_IRIS)
    np.testing.assert_allclose(newton.predict_proba(X), steps.predict_proba(X), atol=1e-4)


def test_dropout_of_partial_fit_differs_from_call_to_call():
    """Though an integer random_state shuffles alike in each."""
    X, y = X_TABLE[:1].repeat(40, 0), Y_TABLE[:1, 0].repeat(40)
    model = MLPRegressor(
        hidden_layer_sizes=30, solver="sgd", momentum=0, dropout=0.5, random_state=0, alpha=0
    )
    moved = []
    for _ in range(2):
        model.partial_fit(X, y)
        before = model.coefs_[1].copy()
        model.partial_fit(X, y)
        moved.append((model.coefs_[1] - before) / np.abs(model.coefs_[1] - before).max())
    assert np.abs(moved[0] - moved[1]).max() > 1e-3


def test_augmented_pictures():
    X, y = load_digits(return_X_y=True)
    X = X[:300] * 15  # grey values 0 … 240
    model = MLPClassifier(
        32,
        random_state=0,
        max_iter=60,
        batch_size=32,
        augmentation=Augmentation(shift=1, rotation=10),
    ).fit(X, y[:300])
    assert model.network_.input_shape == (8, 8)
    assert model.score(X, y[:300]) > 0.8
    np.testing.assert_array_equal(model.predict(X), model.predict(X.astype(np.uint8)))
    with pytest.raises(ValueError, match="whole grey values"):
        model.predict(X / 240)
    with pytest.raises(ValueError, match="whole grey values"):
        model.fit(X / 240, y[:300])


def test_a_regressor_that_forgives_outliers():
    X = np.linspace(-1, 1, 60).reshape(-1, 1)
    y = 2 * X[:, 0]
    y[::10] += 50
    model = MLPRegressor("huber", (), solver="lbfgs", max_iter=500, alpha=0, random_state=0).fit(
        X, y
    )
    assert model.coefs_[0][0, 0] == pytest.approx(2, abs=0.5)


def test_the_network_can_be_kept_in_a_file(tmp_path):
    model = MLPClassifier(5, random_state=0, max_iter=3).fit(X_IRIS.astype(np.float32), Y_IRIS)
    model.network_.save(tmp_path / "iris.safetensors")
    net = tt.load(tmp_path / "iris.safetensors")
    np.testing.assert_array_equal(net.predict(X_IRIS), model.predict(X_IRIS))


# ---------------------------------------------------------------- refusals and warnings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"hidden_layer_sizes": 0}, "hidden_layer_sizes must be > 0"),
        ({"hidden_layer_sizes": (5, -1)}, "hidden_layer_sizes must be > 0"),
        ({"alpha": -1}, "alpha must be a number from 0 on; it is -1"),
        ({"alpha": float("nan")}, "alpha must be a number"),
        ({"batch_size": 0}, 'batch_size must be a whole number from 1 on or "auto"'),
        ({"learning_rate_init": 0}, "learning_rate_init must be a number above 0"),
        ({"momentum": 2}, r"momentum must be a number 0 … 1; it is 2"),
        ({"validation_fraction": 1}, "0 … below 1"),
        ({"beta_1": 1}, "beta_1"),
        ({"max_iter": 0}, "max_iter must be a whole number from 1 on"),
        ({"n_iter_no_change": 1.5}, "or infinite"),
        ({"shuffle": "yes"}, "shuffle must be True or False"),
        ({"verbose": -1}, "verbose"),
        ({"solver": "adams"}, "Did you mean 'adam'"),
        ({"learning_rate": "const"}, "Did you mean 'constant'"),
        ({"activation": "rely"}, "Did you mean 'relu'"),
        ({"activation": ["relu", "tanh"]}, "1 hidden layers need 1 activations; got 2"),
        ({"schedule": 0.1}, "schedule must be"),
        ({"threads": 0}, "threads must be"),
        ({"solver": "lbfgs", "dropout": 0.5}, "dropout needs a solver that goes step by step"),
        ({"solver": "lbfgs", "l1": 1}, "l1 needs a solver"),
        ({"random_state": "seven"}, "cannot be used to seed"),
    ],
    ids=str,
)
def test_wrong_settings_are_named_in_fit(settings, said):
    model = MLPClassifier(**settings)
    with pytest.raises(ValueError, match=said):
        model.fit(X_IRIS, Y_IRIS)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([1.0], "shape"),
        (np.ones((150, 2)), "shape"),
        (-np.ones(150), "negative"),
        (np.zeros(150), "not zero for every example"),
        (np.full(150, np.nan), "NaN"),
    ],
    ids=["short", "table", "negative", "zero", "nan"],
)
def test_wrong_weights_are_refused(weights, said):
    with pytest.raises(ValueError, match=said):
        MLPClassifier().fit(X_IRIS, Y_IRIS, sample_weight=weights)


def test_a_model_must_be_fitted_first():
    with pytest.raises(NotFittedError):
        MLPRegressor().predict(X_TABLE)


def test_nan_is_refused_in_scikit_learns_words():
    with pytest.raises(ValueError, match="Input X contains NaN"):
        MLPClassifier().fit(np.where(X_IRIS > 5, np.nan, X_IRIS), Y_IRIS)


@pytest.mark.filterwarnings("error")
def test_warnings():
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(3\) reached") as seen:
        MLPClassifier(5, max_iter=3).fit(X_IRIS, Y_IRIS)
    assert seen[0].filename == __file__
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after 3") as seen:
        MLPClassifier(5, max_iter=3, solver="lbfgs").fit(X_IRIS, Y_IRIS)
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = MLPClassifier(5, batch_size=500)
        with pytest.warns(UserWarning, match="going to be clipped"):
            model.partial_fit(X_IRIS, Y_IRIS, classes=[0, 1, 2])


@pytest.mark.parametrize("model", [MLPClassifier, MLPRegressor])
def test_a_run_that_leaves_the_finite_numbers(model):
    X = X_IRIS * 1e200
    with pytest.raises(ValueError, match="Solver produced non-finite parameter weights"):
        model(solver="sgd", learning_rate_init=1e3, activation="identity").fit(X, Y_IRIS)


def test_the_best_weights_outlive_a_divergence():
    model = MLPRegressor(
        hidden_layer_sizes=20,
        activation="identity",
        solver="sgd",
        learning_rate_init=1.0,
        early_stopping=True,
        random_state=0,
    )
    with pytest.warns(ConvergenceWarning, match="diverged in iteration"):
        model.fit(X_IRIS, Y_IRIS)
    assert np.isnan(model.validation_scores_[-1])
    assert np.isfinite(model.predict(X_IRIS)).all()


def test_ctrl_c_keeps_what_was_learnt(monkeypatch):
    from tongtou.estimators import stochastic

    note = stochastic.Training._note

    def pressed(self, loss):
        note(self, loss)
        if self.model.n_iter_ == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(stochastic.Training, "_note", pressed)
    with pytest.warns(UserWarning, match="interrupted by user"):
        model = MLPClassifier(5).fit(X_IRIS, Y_IRIS)
    assert model.n_iter_ == 3
    assert model.predict(X_IRIS).shape == (150,)


def test_verbose(capsys):
    MLPClassifier(5, max_iter=2, verbose=True, early_stopping=True).fit(X_IRIS, Y_IRIS)
    assert capsys.readouterr().out.splitlines()[2].startswith("Iteration 2, loss = ")
    MLPClassifier(5, max_iter=2, verbose=1, solver="lbfgs").fit(X_IRIS, Y_IRIS)
    assert capsys.readouterr().out.startswith("Iteration 1, loss = ")


def test_kinds_of_y_may_not_change():
    model = MLPClassifier(5, max_iter=2, warm_start=True).fit(X_LABELS, Y_LABELS)
    with pytest.raises(ValueError, match="kind that training began with"):
        model.partial_fit(X_LABELS, Y_LABELS[:, 0])
    with pytest.raises(ValueError, match="the settings and the data now ask for"):
        model.set_params(hidden_layer_sizes=6).fit(X_LABELS, Y_LABELS)


def test_solvers_may_follow_each_other():
    model = MLPClassifier(5, solver="adam", max_iter=2, random_state=0).fit(X_IRIS, Y_IRIS)
    model.set_params(solver="lbfgs", hidden_layer_sizes=7).fit(X_IRIS, Y_IRIS)
    start = model.score(X_IRIS, Y_IRIS)
    model.set_params(solver="adam", warm_start=True, max_iter=30).fit(X_IRIS, Y_IRIS)
    assert model.score(X_IRIS, Y_IRIS) > start
    model.set_params(early_stopping=True).fit(X_IRIS, Y_IRIS)
    assert model.validation_scores_
    model.set_params(engine="reference", early_stopping=False).partial_fit(X_IRIS, Y_IRIS)
    assert model.best_loss_ == model.loss_


def test_a_missing_scikit_learn_is_one_clear_sentence(monkeypatch):
    for name in [one for one in sys.modules if one.startswith("tongtou.estimators")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(tt.MissingExtraError, match=r"pip install 'tongtou\[sklearn\]'"):
        importlib.import_module("tongtou.estimators")


@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.coo_array])
def test_sparse_labels_are_answered_by_sparse_labels(form):
    dense = MLPClassifier(8, max_iter=5, random_state=0).fit(X_LABELS, Y_LABELS)
    model = MLPClassifier(8, max_iter=5, random_state=0).fit(X_LABELS, form(Y_LABELS))
    assert apart(model, dense) == 0
    assert sparse.issparse(model.predict(X_LABELS))
    np.testing.assert_array_equal(model.predict(X_LABELS).toarray(), dense.predict(X_LABELS))
    step = MLPClassifier(8, random_state=0).partial_fit(
        X_LABELS, form(Y_LABELS), classes=range(Y_LABELS.shape[1])
    )
    assert sparse.issparse(step.predict(X_LABELS))


def test_held_out_examples_without_weight_have_no_score():
    weights = (np.arange(150) == 0).astype(float)
    with pytest.raises(ValueError, match="sample_weight is 0 for each of the examples that early"):
        MLPClassifier(early_stopping=True, random_state=0).fit(
            X_IRIS, Y_IRIS, sample_weight=weights
        )
