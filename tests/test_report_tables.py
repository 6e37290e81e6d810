"""Importance, dependence and residuals against scikit-learn, exact values, and their intervals."""

import json

import numpy as np
import pytest
from sklearn import inspection
from sklearn.datasets import load_diabetes, load_iris
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

import tongtou as tt
from tongtou.errors import DataError
from tongtou.estimators import MLPClassifier, MLPRegressor
from tongtou.explanation import partial_dependence, permutation_importance, worst_residuals
from tongtou.explanation.columns import feature_named, features_of


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(
        hidden_layer_sizes=(8,), solver="lbfgs", random_state=0, max_iter=200
    ).fit(X, y)
    return model, X, y


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True)
    X = X / X.std(axis=0)
    y = (y - y.mean()) / y.std()
    model = MLPRegressor(
        hidden_layer_sizes=(6,), solver="lbfgs", random_state=0, max_iter=2000
    ).fit(X, y)
    return model, X, y


def mixed(n=400, seed=0, target="price"):
    """A table with every kind of column, whose answer hangs on size and town alone."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(20, 200, n)
    town = rng.choice(["Ulm", "Bonn", "Köln"], n)
    start = np.datetime64("2020-01-01")
    price = 3 * size + 100 * (town == "Köln") + rng.normal(0, 5, n)
    rows = {
        "size": [None if k % 17 == 0 else float(v) for k, v in enumerate(size)],
        "town": town.tolist(),
        "garden": rng.random(n) < 0.5,
        "sold": (start + rng.integers(0, 900, n).astype("timedelta64[D]")).astype(object).tolist(),
        target: price.tolist(),
    }
    return tt.datasets.table(rows, target=target)


@pytest.fixture(scope="module")
def houses():
    train, test = mixed().split(0.3)
    net = tt.Network([train.n_in, 16, 1], activation="relu", output="linear", loss="mse")
    tt.fit(net, train, optimizer=tt.Adam(learning_rate=0.01), epochs=60, seed=0)
    return net, test


# ---------------------------------------------------------------- importance


@pytest.mark.parametrize("which", ["iris", "diabetes"])
def test_importance_is_that_of_scikit_learn(which, request):
    """The same quantity from other shuffles: they agree to a few times their own spread."""
    model, X, y = request.getfixturevalue(which)
    scoring = "accuracy" if which == "iris" else "neg_root_mean_squared_error"
    theirs = inspection.permutation_importance(
        model, X, y, scoring=scoring, n_repeats=40, random_state=0
    )
    ours = permutation_importance(model, (X, y), n_repeats=40, seed=1)
    assert ours.measure == ("error rate" if which == "iris" else "rmse")
    for one in ours.features:
        place = int(one.name[1:])
        spread = theirs.importances_std[place] / np.sqrt(40)
        # what one shuffle of all differs by from the mean of roots: below a thousandth
        assert abs(one.value - theirs.importances_mean[place]) < 5 * np.sqrt(2) * spread + 2e-3
        assert one.low <= one.value <= one.high
    assert ours.features[0].value == max(one.value for one in ours.features)


def test_importance_of_a_line_is_what_the_equation_says():
    """f = 3 x0: a shuffled x0 is off by 3 (x0' - x0), whose mean square is 18 var(x0)."""
    net = tt.Network([2, 1], output="linear", loss="mse", dtype="float64")
    net.layers[0].W = [[3.0, 0.0]]
    X = np.random.default_rng(1).normal(size=(2000, 2))
    found = permutation_importance(net, (X, 3 * X[:, 0]), n_repeats=30)
    first, second = found.features
    expected = np.sqrt(18 * X[:, 0].var())
    assert first.name == "x0"
    assert first.value == pytest.approx(expected, rel=0.02)
    assert first.low < expected < first.high
    assert first.matters
    assert (second.value, second.low, second.high) == (0, 0, 0)
    assert not second.matters


def test_the_interval_holds_the_truth_as_often_as_it_says():
    """Of 60 samples of 100 rows at least 53 intervals of 95 % hold the value of the population."""
    net = tt.Network([1, 1], output="linear", loss="mse", dtype="float64")
    net.layers[0].W = [[1.0]]
    rng = np.random.default_rng(5)
    truth = np.sqrt(1 + 2) - 1  # y = x + noise, both of variance 1: x' - x has 2, the noise 1
    held = 0
    for seed in range(60):
        x = rng.normal(size=(100, 1))
        one = permutation_importance(
            net, (x, x[:, 0] + rng.normal(size=100)), n_resamples=200, seed=seed
        ).features[0]
        held += one.low <= truth <= one.high
    assert held >= 53


def test_columns_of_a_table_are_shuffled_whole(houses):
    net, test = houses
    found = permutation_importance(net, test)
    assert {one.name for one in found.features} == {"size", "town", "garden", "sold"}
    assert [one.name for one in found.features[:2]] == ["size", "town"]
    assert all(one.matters for one in found.features[:2])
    assert found.error == pytest.approx(worst_residuals(net, test).targets[0].rmse.value)
    assert found.features[0].value > 50  # in the units of the price: 3 times the sizes' spread
    json.dumps(found.to_dict(), allow_nan=False)


def test_levels_of_a_category_move_together():
    """A row has one level, so the sum of the levels is 1 in every row that could be."""
    table = mixed(60)
    train = table.prepared()
    net = tt.Network([train.n_in, 1], output="linear", loss="mse")
    weights = np.zeros((1, train.n_in))
    weights[0, list(inputs_of(train, "town"))] = 1.0
    net.layers[0].W = weights
    net.preprocessing = train.preprocessing
    found = {one.name: one for one in permutation_importance(net, train).features}
    for one in (found["town"].value, found["town"].low, found["town"].high):
        assert one == pytest.approx(0, abs=1e-9)


def inputs_of(data, name):
    """The inputs that are made of a column."""
    net = tt.Network([data.n_in, 1])
    net.preprocessing = data.preprocessing
    return feature_named(net, name).inputs


def test_the_same_seed_gives_the_same_numbers(houses):
    net, test = houses
    one, two, other = (permutation_importance(net, test, seed=seed) for seed in (3, 3, 4))
    assert one == two
    assert one != other


def test_of_many_rows_some_are_taken():
    net = tt.Network([1, 1], output="linear", loss="mse")
    X = np.zeros((50, 1))
    assert permutation_importance(net, (X, X[:, 0]), most_rows=20).n == 20


@pytest.mark.parametrize("wrong", [{"n_repeats": 0}, {"confidence": 1.0}, {"n_resamples": 0}])
def test_wrong_settings_are_refused(wrong):
    net = tt.Network([1, 1], output="linear", loss="mse")
    with pytest.raises(ValueError, match=next(iter(wrong))):
        permutation_importance(net, (np.zeros((3, 1)), np.zeros(3)), **wrong)


def test_one_row_cannot_be_shuffled():
    net = tt.Network([1, 1], output="linear", loss="mse")
    with pytest.raises(DataError, match="two rows"):
        permutation_importance(net, (np.zeros((1, 1)), np.zeros(1)))


# ---------------------------------------------------------------- dependence


@pytest.mark.parametrize("which", ["iris", "diabetes"])
def test_dependence_is_that_of_scikit_learn(which, request):
    model, X, y = request.getfixturevalue(which)
    theirs = inspection.partial_dependence(model, X, [2], kind="average", method="brute")
    grid = theirs["grid_values"][0]
    ours = partial_dependence(model, (X, y), "x2", values=grid.tolist())
    assert np.allclose(ours.mean, theirs["average"], atol=1e-6)
    assert len(ours.outputs) == (3 if which == "iris" else 1)


def test_dependence_of_the_columns_of_a_table(houses):
    net, test = houses
    size = partial_dependence(net, test, "size")
    there = [(v, m) for v, m in zip(size.values, size.mean[0], strict=True) if v is not None]
    slope = np.polyfit(*zip(*there, strict=True), 1)[0]
    assert slope == pytest.approx(3, rel=0.15)  # as the prices were made
    assert 20 < there[0][0] < there[-1][0] < 200
    assert size.outputs == ["price"]
    town = partial_dependence(net, test, "town")
    assert town.values == ["Bonn", "Köln", "Ulm"]
    assert town.mean[0][1] - town.mean[0][0] == pytest.approx(100, rel=0.25)
    assert partial_dependence(net, test, "garden").values == [False, True]
    sold = partial_dependence(net, test, "sold").values
    assert sold == sorted(sold)
    assert sold[0].startswith("2020")
    json.dumps(size.to_dict(), allow_nan=False)


def test_missing_is_a_value_of_its_own(houses):
    net, test = houses
    gone = partial_dependence(net, test, "size", values=[None]).mean[0][0]
    column = feature_named(net, "size").inputs
    X = test.X.copy()
    X[:, list(column)] = [0.0, 1.0]
    assert gone == pytest.approx(net.predict(X).mean(), rel=1e-5)


def test_the_interval_of_a_mean_narrows_with_its_root(diabetes):
    model, X, y = diabetes
    few = partial_dependence(model, (X[:100], y[:100]), 0, values=[0.0])
    out = model.predict(np.column_stack([np.zeros(100), X[:100, 1:]]))
    assert few.high[0][0] - few.low[0][0] == pytest.approx(
        2 * 1.959964 * out.std(ddof=1) / 10, rel=1e-4
    )
    assert few.tenth[0][0] == pytest.approx(np.quantile(out, 0.1))


def test_unknown_columns_and_levels_are_refused(houses):
    net, test = houses
    with pytest.raises(ValueError, match="size"):
        partial_dependence(net, test, "siez")
    with pytest.raises(ValueError, match="0 … 3"):
        partial_dependence(net, test, 4)
    with pytest.raises(DataError, match="Ulmm"):
        partial_dependence(net, test, "town", values=["Ulmm"])


# ---------------------------------------------------------------- columns and residuals


def test_values_are_read_back_and_encoded_again(houses):
    net, test = houses
    for feature in features_of(net):
        read = feature.values(test.X)
        again = feature.encoded(read)
        assert np.allclose(again, test.X[:, list(feature.inputs)], atol=2e-3), feature.name
    assert {one.kind for one in features_of(net)} == {"number", "category", "boolean", "date"}


def test_residuals_are_those_of_scikit_learn(diabetes):
    model, X, y = diabetes
    found = worst_residuals(model, (X, y), n=3).targets[0]
    said = model.predict(X)
    assert found.rmse.value == pytest.approx(root_mean_squared_error(y, said))
    assert found.mae.value == pytest.approx(mean_absolute_error(y, said))
    assert found.r_squared.value == pytest.approx(r2_score(y, said))
    for one in (found.rmse, found.mae, found.r_squared):
        assert one.low < one.value < one.high
    order = np.argsort(-np.abs(said - y))[:3]
    assert [one.row for one in found.worst] == order.tolist()
    assert found.worst[0].off == pytest.approx((said - y)[order[0]])


def test_worst_rows_are_told_by_the_rows_of_the_table(houses):
    net, test = houses
    table = mixed()
    for one in worst_residuals(net, test).targets[0].worst:
        assert one.right == pytest.approx(float(table.y[one.row, 0]))
        size = table.columns["size"].values[one.row]
        assert one.values["size"] == (None if np.isnan(size) else pytest.approx(size, rel=1e-4))


def test_residuals_are_of_numbers(iris):
    model, X, y = iris
    with pytest.raises(DataError, match="classes"):
        worst_residuals(model, (X, y))


def test_answers_all_alike_have_no_r_squared():
    net = tt.Network([1, 1], output="linear", loss="mse")
    found = worst_residuals(net, (np.ones((4, 1)), np.zeros(4))).targets[0]
    assert found.r_squared.value is None
    assert found.rmse.value is not None
