"""scikit-learn's checks of any estimator, and the company estimators keep."""

import math
import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra tongtou[sklearn] is not installed")

import joblib
import pandas as pd
from sklearn import neural_network as peers
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingRegressor, StackingClassifier
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from tongtou.augmentation import Augmentation
from tongtou.estimators import MLPClassifier, MLPRegressor
from tongtou.optimizers import AdamW
from tongtou.schedules import Cosine

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, Y = load_iris(return_X_y=True)

# max_iter as scikit-learn gives its own perceptrons for these checks
CHECKED = [
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
]
SETTINGS_OF_A_CHECK = {
    # more weight on an example must equal more copies of it: for that scikit-learn, too, takes
    # solvers whose path does not depend on the order and the number of the examples
    ("MLPClassifier", "check_sample_weight_equivalence_on_dense_data"): {"solver": "lbfgs"},
    ("MLPRegressor", "check_sample_weight_equivalence_on_dense_data"): {
        "solver": "sgd",
        "tol": 1e-2,
        "random_state": 42,
    },
}


def name_of(check):
    return getattr(check, "func", check).__name__


@parametrize_with_checks(CHECKED)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learn_checks(estimator, check):
    settings = SETTINGS_OF_A_CHECK.get((type(estimator).__name__, name_of(check)), {})
    check(clone(estimator).set_params(**settings))


# ---------------------------------------------------------------- company

OURS_AND_THEIRS = [MLPClassifier, peers.MLPClassifier]
QUICK = {"hidden_layer_sizes": 6, "random_state": 0, "max_iter": 15, "learning_rate_init": 0.02}


def test_every_setting_of_scikit_learn_is_taken_with_its_default():
    for mine, theirs in ((MLPClassifier, peers.MLPClassifier), (MLPRegressor, peers.MLPRegressor)):
        settings = theirs().get_params()
        assert settings.items() <= mine().get_params().items()
    assert MLPClassifier((3,), "tanh").get_params()["activation"] == "tanh"
    assert MLPRegressor("poisson", (3,), "tanh").get_params()["hidden_layer_sizes"] == (3,)


def test_settings_of_our_own_survive_clone_and_pickle():
    model = MLPClassifier(
        solver=AdamW(0.01),
        schedule=Cosine(0.01),
        augmentation=Augmentation(shift=1),
        dropout=(0.1, 0.2),
    )
    for twin in (clone(model), pickle.loads(pickle.dumps(model))):
        assert twin.get_params() == model.get_params()


def test_a_pipeline_in_a_grid_search_finds_what_scikit_learn_finds():
    found = []
    for model in OURS_AND_THEIRS:
        pipeline = make_pipeline(StandardScaler(), model(**QUICK))
        grid = {"mlpclassifier__alpha": [1e-4, 10.0], "mlpclassifier__solver": ["adam", "sgd"]}
        found.append(GridSearchCV(pipeline, grid, cv=2).fit(X, Y))
    assert found[0].best_params_ == found[1].best_params_
    np.testing.assert_allclose(
        found[0].cv_results_["mean_test_score"], found[1].cv_results_["mean_test_score"]
    )


def test_cross_validation():
    scores, theirs = (cross_val_score(model(**QUICK), X, Y, cv=3) for model in OURS_AND_THEIRS)
    np.testing.assert_allclose(scores, theirs)
    p = cross_val_predict(MLPClassifier(**QUICK), X, Y, cv=3, method="predict_proba")
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_calibration():
    ours, theirs = (
        CalibratedClassifierCV(model(**QUICK), cv=2).fit(X, Y).predict_proba(X)
        for model in OURS_AND_THEIRS
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_ensembles_and_wrappers():
    stack = StackingClassifier([("mlp", MLPClassifier(**QUICK))], LogisticRegression(), cv=2)
    assert stack.fit(X, Y).score(X, Y) > 0.8
    bag = BaggingRegressor(MLPRegressor(**QUICK), n_estimators=2, random_state=0).fit(X, Y)
    assert bag.predict(X).shape == (150,)
    both = MultiOutputRegressor(MLPRegressor(**QUICK)).fit(X[:, :2], X[:, 2:])
    assert both.predict(X[:, :2]).shape == (150, 2)
    shares = permutation_importance(bag, X, Y, n_repeats=1, random_state=0)
    assert shares.importances_mean.shape == (4,)


def test_two_processes(tmp_path):
    model = MLPClassifier(**QUICK)
    one = cross_val_score(model, X, Y, cv=2)
    two = cross_val_score(model, X, Y, cv=2, n_jobs=2)
    np.testing.assert_array_equal(one, two)
    joblib.dump(model.fit(X, Y), tmp_path / "model.joblib")
    kept = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    np.testing.assert_array_equal(kept.predict_proba(X), model.predict_proba(X))


def test_names_of_columns():
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = MLPClassifier(**QUICK, early_stopping=True).fit(frame, pd.Series(Y).astype("category"))
    assert model.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert model.n_features_in_ == 4
    model.predict(frame)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[["b", "a", "c", "d"]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)


def test_what_a_pipeline_gives_may_be_a_frame():
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**QUICK)).set_output(
        transform="pandas"
    )
    pipeline.fit(pd.DataFrame(X, columns=["a", "b", "c", "d"]), Y)
    assert pipeline[-1].feature_names_in_.tolist() == ["a", "b", "c", "d"]


def test_the_page_of_a_notebook_shows_the_model():
    assert "MLPClassifier" in MLPClassifier(dropout=0.5)._repr_html_()
    assert repr(MLPClassifier(dropout=0.5)) == "MLPClassifier(dropout=0.5)"


@pytest.mark.parametrize("patience", [math.inf, 3])
def test_patience_may_be_infinite(patience):
    model = MLPClassifier(**{**QUICK, "max_iter": 60, "tol": 10.0}, n_iter_no_change=patience)
    assert (model.fit(X, Y).n_iter_ == 60) == (patience == math.inf)
