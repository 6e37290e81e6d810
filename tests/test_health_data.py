"""Findings in the data: leaked rows, near ones, contradictions, classes and columns."""

import numpy as np
import pytest
from scipy import sparse
from scipy.spatial.distance import cdist
from small_networks import SWITCHED

import tongtou as tt
from tongtou.explanation import health
from tongtou.explanation import thresholds as T
from tongtou.explanation.likenesses import chance_of, keys_of, neighbours_of


@pytest.fixture(scope="module")
def net():
    return tt.Network([784, 16, 10], **SWITCHED)


def joined(*parts):
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def pair(digits):
    return digits.X, digits.y


@pytest.mark.parametrize(
    ("n", "severity"), [(0, None), (1, "note"), (2, "warning"), (19, "warning"), (20, "severe")]
)
def test_rows_that_leaked(n, severity, net, mnist):
    train, test = mnist.train[:3000], mnist.test[: 2000 - n]
    parts = [pair(test), pair(mnist.train[100 : 100 + n])] if n else [pair(test)]
    found = health(net, train, test=joined(*parts)).finding("leakage")
    assert (found.severity if found else None) == severity
    if found:
        assert found.figures["where"] == "test"
        assert found.figures["rows"] == [(2000 - n + k, 100 + k) for k in range(n)]
        assert found.figures["n_same_answer"] == n
        assert found.edit is None


def test_held_out_rows_are_looked_at_too(net, mnist):
    found = health(net, mnist.train[:800], validation=mnist.train[700:900]).finding("leakage")
    assert (found.figures["where"], found.figures["n"]) == ("validation", 100)
    assert "held-out" in found.seen


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_every_near_duplicate_is_found(dtype, mnist):
    """Against all distances, one by one."""
    random = np.random.default_rng(0)
    train = mnist.train.X[:1500].astype(dtype) / dtype(1)
    train = train.astype(dtype)
    noise = random.integers(-9, 10, (60, 784)) * (train[:60] > 40)
    noisy = np.clip(train[:60] + noise * np.linspace(0.2, 3, 60)[:, None], 0, 255).astype(dtype)
    X = np.concatenate([mnist.test.X[:240].astype(dtype), noisy])
    near = neighbours_of(train, 0).near(X, set())
    wide = [one.astype(np.float64) for one in (X, train)]
    if dtype == np.uint8:
        wide = [one / 255 for one in wide]
    else:
        scale = wide[1].std(axis=0)
        wide = [one / np.where(scale > 0, scale, 1) for one in wide]
    apart = cdist(*wide)
    expected = {i: int(row.argmin()) for i, row in enumerate(apart) if row.min() < near.limit}
    assert 20 < len(expected) < 300
    assert {i: j for i, j, _ in near.pairs} == expected
    for i, j, distance in near.pairs:
        assert distance == pytest.approx(apart[i, j], rel=1e-4)
    assert near.usual == pytest.approx(np.median(apart.min(axis=1)), rel=1e-4)
    assert near.limit == pytest.approx(T.NEAR * near.usual)


@pytest.mark.parametrize(
    ("n", "severity"), [(1, None), (2, "note"), (7, "warning"), (45, "severe")]
)
def test_how_many_near_duplicates_matter(n, severity, net, mnist):
    nearly = mnist.train[:n].X.copy()
    nearly[:, 0] += 3  # one corner pixel, a little lighter
    test = joined(pair(mnist.test[: 300 - n]), (nearly, mnist.train[:n].y))
    found = health(net, mnist.train[:2000], test=test)
    one = found.finding("near_leakage")
    assert found.finding("leakage") is None
    assert (one.severity if one else None) == severity
    if one:
        assert [row[1] for row in one.figures["rows"]] == list(range(n))
        assert one.figures["rows"][0][2] == pytest.approx(3 / 255, rel=1e-5)


def test_equal_rows_of_a_coarse_table_are_no_leak():
    """Four yes-or-no columns have 16 rows in all: they must meet."""
    random = np.random.default_rng(1)
    X = random.integers(0, 2, (500, 4)).astype(np.float32)
    y = X[:, 0].astype(int)
    net = tt.Network([4, 6, 2], **SWITCHED)
    found = health(net, (X[:400], y[:400]), test=(X[400:], y[400:])).finding("leakage")
    assert found.severity == "note"
    assert found.figures["share"] == 1
    assert found.figures["expected_by_chance"] == pytest.approx(400 / 16, rel=0.1)
    assert chance_of(random.normal(size=(500, 4))) < T.BY_CHANCE


def test_rows_have_equal_keys_exactly_where_they_are_equal():
    dense = np.array([[0.0, 1, 0], [-0.0, 1, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    for X in (dense, sparse.csr_matrix(dense), sparse.csr_array(dense)):
        keys = keys_of(X)
        assert [keys[0] == one for one in keys] == [True, True, False, True]
    stored_zero = sparse.csr_matrix(dense)
    stored_zero.data[0] = 0
    assert keys_of(stored_zero)[0] != keys_of(stored_zero)[1]


def test_sparse_rows(mnist):
    X = sparse.csr_matrix(mnist.train.X[:400].astype(np.float32) / 255)
    y = mnist.train.y[:400]
    net = tt.Network([784, 16, 10], **SWITCHED)
    tt.fit(net, (X, y), optimizer=tt.Adam(0.01), epochs=3, validation=100)
    found = health(net, (X, y), test=(X[:30], y[:30]))
    assert found.finding("leakage").figures["n"] > 15
    assert found.train["n"] == 300


@pytest.mark.parametrize(("n", "severity"), [(0, None), (2, "note"), (9, "note"), (11, "warning")])
def test_contradictions(n, severity, net, mnist):
    X, y = pair(mnist.train[:1000])
    data = joined((X, y), (X[:n], (y[:n] + 1) % 10)) if n else (X, y)
    found = health(net, data).finding("contradictions")
    assert (found.severity if found else None) == severity


@pytest.mark.parametrize(("n", "is_found"), [(350, False), (330, True)])
def test_how_many_times_makes_an_imbalance(n, is_found):
    random = np.random.default_rng(2)
    y = np.repeat([0, 1], [1000, n])
    X = random.normal(size=(len(y), 3)) + y[:, None]
    for n_out, settings in ((2, SWITCHED), (1, {"output": "sigmoid", "loss": "sse"})):
        net = tt.Network([3, 4, n_out], **settings)
        found = health(net, (X, y)).finding("imbalance")
        assert (found is not None) == is_found
        if found:
            assert found.figures["counts"] == {"0": 1000, "1": n}


def test_an_imbalance_that_does_no_harm_is_a_note():
    random = np.random.default_rng(3)
    y = np.repeat([0, 1], [900, 100])
    X = random.normal(size=(1000, 3)) + 8 * y[:, None]
    net = tt.Network([3, 4, 2], **SWITCHED)
    tt.fit(net, (X, y), optimizer=tt.Adam(0.05), epochs=10)
    found = health(net, (X, y)).finding("imbalance")
    assert found.severity == "note"
    assert found.figures["recall_of_smallest"] > 0.95


def test_a_class_without_examples(net, mnist):
    digits = mnist.train[:1000]
    found = health(net, digits[digits.y != 5]).finding("missing_class")
    assert found.figures["classes"] == [5]
    assert health(net, digits).finding("missing_class") is None


@pytest.mark.parametrize(("size", "severity"), [(9.5, None), (11, "warning"), (110, "severe")])
def test_columns_out_of_scale(size, severity):
    random = np.random.default_rng(4)
    X = random.normal(size=(4000, 3)) * [1, size, 1]
    net = tt.Network([3, 4, 1], output="linear", loss="mse")
    found = health(net, (X, X[:, :1])).finding("input_scale")
    assert (found.severity if found else None) == severity
    if found:
        assert found.figures["column"] == 1
        assert found.figures["rms"] == pytest.approx(size, rel=0.1)
