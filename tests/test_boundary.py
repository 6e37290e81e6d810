"""What comes in: sparse matrices, memory maps, targets of each loss, weights of examples."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

import tongtou as tt
from tongtou import boundary
from tongtou.boundary import (
    all_finite,
    as_array,
    checked_answers,
    checked_class_weight,
    checked_examples,
    checked_inputs,
    checked_sample_weight,
)
from tongtou.datasets.dataset import is_sparse
from tongtou.errors import DataError, ShapeError


def blueprint(n_in: int = 4, n_out: int = 3, dtype: str = "float32", **settings: object):
    return tt.Network([n_in, n_out], dtype=dtype, **settings).blueprint


TABLE = np.array([[0.0, 1.5, 0, -2], [0, 0, 0, 0], [3, 0, 0, 0.25]])

# Sparse -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "kind",
    [
        sparse.csr_matrix,
        sparse.csr_array,
        sparse.csc_matrix,
        sparse.coo_array,
        sparse.lil_matrix,
        sparse.dok_array,
    ],
)
def test_a_sparse_matrix_comes_back_as_csr_of_the_network_s_dtype(kind: type, dtype: str) -> None:
    X = checked_inputs(kind(TABLE), blueprint(dtype=dtype))
    assert is_sparse(X)
    assert X.format == "csr"
    assert X.dtype == X.data.dtype == dtype
    assert X.indices.dtype in (np.int32, np.int64)
    assert X.nnz == 4
    np.testing.assert_array_equal(X.toarray(), TABLE.astype(dtype))


def test_a_sparse_matrix_in_order_is_not_copied() -> None:
    given = sparse.csr_array(TABLE.astype(np.float32))
    assert checked_inputs(given, blueprint()).data is given.data
    assert checked_inputs(given.astype(np.float64), blueprint()).indices.dtype == np.int32


def test_disorder_and_repetitions_are_put_right_in_a_copy() -> None:
    parts = (np.array([1.0, 2.0, 4.0, 8.0]), np.array([3, 0, 3, 1]), np.array([0, 3, 4]))
    given = sparse.csr_matrix(parts, shape=(2, 4))
    X = checked_inputs(given, blueprint(dtype="float64"))
    assert X.has_canonical_format
    np.testing.assert_array_equal(X.indices, [0, 3, 1])
    np.testing.assert_array_equal(X.data, [2.0, 5.0, 8.0])
    np.testing.assert_array_equal(given.indices, [3, 0, 3, 1])  # the user's stays as it is


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_])
def test_sparse_pixels_count_as_dense_ones_do(dtype: type) -> None:
    """A byte is u / 255 and a truth value 0 or 1, in whatever form it comes."""
    pixels = np.array([[0, 255, 0, 51], [1, 0, 0, 0]]).astype(dtype)
    X = checked_inputs(sparse.csr_array(pixels), blueprint())
    expected = pixels / 255 if dtype == np.uint8 else pixels
    np.testing.assert_allclose(X.toarray(), expected, rtol=1e-7)
    dense = checked_inputs(pixels, blueprint())
    np.testing.assert_allclose(X.toarray(), dense / 255, rtol=1e-7)


def test_counts_are_used_as_they_are() -> None:
    X = checked_inputs(sparse.csr_matrix(np.array([[0, 7, 0, 300]])), blueprint())
    np.testing.assert_array_equal(X.toarray(), [[0, 7, 0, 300]])


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])
def test_a_wrong_number_in_a_sparse_matrix_is_named(value: float) -> None:
    X = sparse.lil_matrix((500, 4))
    X[0, 1], X[400, 2], X[401, 0] = 1.0, value, 2.0
    message = rf"finite in float32; row 400, column 2 is {value}"
    with pytest.raises(DataError, match=message.replace("+", r"\+")):
        checked_inputs(X, blueprint())


def test_a_sparse_matrix_of_another_width_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"shape \(n, 4\).*shape \(2, 5\)"):
        checked_inputs(sparse.csr_matrix((2, 5)), blueprint())
    with pytest.raises(ShapeError, match=r"shape \(n, 4\).*\(4,\)"):
        checked_inputs(sparse.coo_array(np.array([1.0, 0, 0, 2])), blueprint())
    with pytest.raises(DataError, match="must hold numbers; it holds complex128"):
        checked_inputs(sparse.csr_matrix((2, 4), dtype=complex), blueprint())


def test_nothing_is_made_dense() -> None:
    """A million rows of 20,000 columns: 160 GB if it were."""
    rows, columns = np.arange(1000) * 1000, np.arange(1000) * 20
    X = sparse.csr_array((np.ones(1000), (rows, columns)), shape=(1_000_000, 20_000))
    inputs, answers = checked_examples(X, np.zeros(1_000_000, int), blueprint(20_000, 2))
    assert inputs.nnz == 1000
    assert answers.shape == (1_000_000,)


def test_no_example_is_refused() -> None:
    with pytest.raises(DataError, match="no example"):
        checked_examples(sparse.csr_array((0, 4)), [], blueprint())


def test_scipy_is_not_imported_to_tell() -> None:
    code = (
        "import sys, numpy as np, tongtou as tt;"
        "tt.Network([2, 1]).predict_proba(np.ones((3, 2)));"
        "sys.exit('scipy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Memory maps --------------------------------------------------------------------------------------


def memmap(folder: Path, values: np.ndarray) -> np.memmap:
    file = np.memmap(folder / "x.bin", values.dtype, "w+", shape=values.shape)
    file[...] = values
    file.flush()
    return np.memmap(folder / "x.bin", values.dtype, "r", shape=values.shape)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_memory_map_stays_one(tmp_path: Path, dtype: type) -> None:
    given = memmap(tmp_path, np.arange(40).reshape(10, 4).astype(dtype))
    X = checked_inputs(given, blueprint())
    assert isinstance(X, np.memmap)
    assert np.shares_memory(X, given)
    pictures = checked_inputs(given.reshape(10, 2, 2), blueprint())
    assert isinstance(pictures, np.memmap)
    assert pictures.shape == (10, 4)
    assert as_array(given) is given


def test_a_memory_map_of_another_type_is_converted(tmp_path: Path) -> None:
    given = memmap(tmp_path, np.arange(40.0).reshape(10, 4))
    for one in (given, given[::2], given[:, ::-1]):
        X = checked_inputs(one, blueprint())
        assert not isinstance(X, np.memmap)
        assert X.dtype == np.float32
        np.testing.assert_array_equal(X, one)
    strided = checked_inputs(given[::2], blueprint(dtype="float64"))
    assert strided.flags.c_contiguous


def test_a_wrong_number_in_a_memory_map_is_found_in_its_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.ones((1000, 4), np.float32)
    values[777, 2] = np.nan
    given = memmap(tmp_path, values)
    seen: list[int] = []
    monkeypatch.setattr(boundary, "BLOCK_BYTES", 16 * 100)  # 100 rows
    monkeypatch.setattr(
        boundary, "all_finite", lambda block: seen.append(len(block)) or all_finite(block)
    )
    with pytest.raises(DataError, match="row 777, column 2 is nan"):
        checked_inputs(given, blueprint())
    assert seen == [100] * 8  # the eighth holds it


# Targets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float64])
def test_several_labels_an_example(dtype: type) -> None:
    y = np.array([[1, 0, 1], [0, 0, 0]], dtype)
    labels = blueprint(loss="binary_cross_entropy")
    found = checked_answers(y, 2, labels)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, y)
    in_csr = checked_answers(sparse.csr_matrix(y), 2, labels)
    np.testing.assert_array_equal(in_csr, found)
    with pytest.raises(DataError, match="row 1, column 2 is 3"):
        checked_answers(np.array([[0, 1, 0], [0, 0, 3]]), 2, labels)
    with pytest.raises(ShapeError, match=r"\(n, 3\)"):
        checked_answers(y[:, :2], 2, labels)


def test_one_class_each_will_do_for_binary_cross_entropy() -> None:
    labels = blueprint(loss="binary_cross_entropy")
    np.testing.assert_array_equal(checked_answers([2, 0], 2, labels), [2, 0])


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_counts(dtype: type) -> None:
    counts = blueprint(n_out=1, output="exp", loss="poisson")
    np.testing.assert_array_equal(checked_answers(np.array([0, 3], dtype), 2, counts), [[0], [3]])
    with pytest.raises(DataError, match="needs counts, 0 or more; row 1, column 0 of y is -3"):
        checked_answers(np.array([0, -3], dtype), 2, counts)


# Weights ------------------------------------------------------------------------------------------


def test_sample_weights() -> None:
    found = checked_sample_weight([1, 0, 2.5], 3)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, [1, 0, 2.5])
    np.testing.assert_array_equal(checked_sample_weight(np.array([True, False]), 2), [1, 0])


@pytest.mark.parametrize(
    ("weights", "error", "message"),
    [
        ([1, 2], ShapeError, r"shape \(3,\).*\(2,\)"),
        (1.0, ShapeError, r"shape \(3,\).*\(\)"),
        ([[1, 1, 1]], ShapeError, r"\(1, 3\)"),
        ([1, -1, 1], DataError, "not negative; number 1 is -1"),
        ([1, 1, np.nan], DataError, "number 2 is nan"),
        ([np.inf, 1, 1], DataError, "number 0 is inf"),
        ([0, 0, 0], DataError, "0 for every example"),
        (["a", "b", "c"], DataError, "must hold numbers"),
    ],
)
def test_wrong_sample_weights_are_refused(
    weights: object, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        checked_sample_weight(weights, 3)


@pytest.mark.parametrize("n_out", [2, 4, 6])
def test_balanced_against_scikit_learn(n_out: int) -> None:
    y = np.random.default_rng(0).choice(
        n_out, 200, p=np.arange(1, n_out + 1) / sum(range(n_out + 1))
    )
    per_class = compute_class_weight("balanced", classes=np.unique(y), y=y)
    found = checked_class_weight("balanced", y.astype(np.int32), n_out)
    np.testing.assert_allclose(found, per_class[np.searchsorted(np.unique(y), y)], rtol=1e-14)
    np.testing.assert_allclose(found, compute_sample_weight("balanced", y), rtol=1e-14)
    assert found.mean() == pytest.approx(1)


def test_balanced_counts_the_classes_that_occur_in_the_rows_learnt_from() -> None:
    y = np.array([0, 0, 0, 2, 2, 2, 2, 2])
    np.testing.assert_allclose(
        checked_class_weight("balanced", y, 4), [8 / 6] * 3 + [8 / 10] * 5, rtol=1e-15
    )
    counted = checked_class_weight("balanced", y, 4, rows=np.array([0, 1, 2, 3]))
    np.testing.assert_allclose(counted, [4 / 6] * 3 + [2.0] * 5, rtol=1e-15)


def test_balanced_for_a_single_output() -> None:
    y = np.array([[0.0], [0.0], [0.0], [1.0]], np.float32)
    np.testing.assert_allclose(checked_class_weight("balanced", y, 1), [4 / 6] * 3 + [2.0])
    np.testing.assert_array_equal(checked_class_weight({1: 5}, y, 1), [1, 1, 1, 5])


def test_class_weights_by_name_and_by_number() -> None:
    y = np.array([0, 1, 2, 1])
    assert checked_class_weight(None, y, 3) is None
    by_number = checked_class_weight({0: 2, 2: 0.5}, y, 3)
    np.testing.assert_array_equal(by_number, [2, 1, 0.5, 1])
    by_name = checked_class_weight({"a": 2, "c": 0.5}, y, 3, classes=("a", "b", "c"))
    np.testing.assert_array_equal(by_name, by_number)
    # Names are meant where a name is among the keys: class 1 is the one called 3 here.
    named = checked_class_weight({3: 7.0}, np.array([0, 1, 1]), 2, classes=(1, 3))
    np.testing.assert_array_equal(named, [1, 7, 7])
    np.testing.assert_array_equal(
        checked_class_weight({0: 4.0}, np.array([0, 1]), 2, classes=(1, 3)), [4, 1]
    )


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ("even", '"balanced" or a mapping'),
        ([1, 2, 3], '"balanced" or a mapping'),
        ({"d": 1}, "class 'd'; the classes are 'a', 'b', 'c'"),
        ({"a": 1, 1: 2}, "class 1; the classes are 'a'"),
        ({3: 1}, "class 3"),
        ({"a": -1}, r"class_weight\['a'\] must be a finite number from 0 on; it is -1"),
        ({"a": 0, "b": 0, "c": 0}, "0 for every example"),
    ],
)
def test_wrong_class_weights_are_refused(class_weight: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked_class_weight(class_weight, np.array([0, 1, 2]), 3, classes=("a", "b", "c"))


def test_class_weights_need_classes() -> None:
    with pytest.raises(
        DataError, match=r"one class number for each.*shape \(2, 3\).*sample_weight"
    ):
        checked_class_weight("balanced", np.ones((2, 3), np.float32), 3)
    with pytest.raises(DataError, match="one class number"):
        checked_class_weight("balanced", np.array([[0.5], [2.5]], np.float32), 1)
    with pytest.raises(ValueError, match=r"the classes are 0 … 2"):
        checked_class_weight({7: 1.0}, np.array([0, 1, 2]), 3)


def test_what_lies_under_a_mask_is_not_taken_for_good() -> None:
    masked = np.ma.masked_greater(TABLE, 2)
    with pytest.raises(DataError, match=r"X is an array with masked values.*X\.filled"):
        checked_inputs(masked, blueprint())
    with pytest.raises(DataError, match="y is an array with masked values"):
        checked_answers(np.ma.masked_equal([0, 1, 2], 1), 3, blueprint())
    np.testing.assert_array_equal(checked_inputs(np.ma.masked_array(TABLE), blueprint()), TABLE)


# What numbers mean --------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("b", "a"), ("b", "c"), ("a", "c"), ("a", "b", "c")], ids=str)
def test_other_classes_are_refused(names: tuple[str, ...]) -> None:
    X, y = np.eye(4), np.array([0, 1, 0, 1])
    net = tt.Network([4, 2], output="softmax", loss="cross_entropy")
    tt.fit(net, tt.Dataset(X, y, ("a", "b")), epochs=1)
    other = tt.Dataset(X, y, names)
    for use in (net.loss, net.accuracy, net.gradients):
        with pytest.raises(DataError, match="expected the classes that were learnt, 'a', 'b'; the"):
            use(other)
    fresh = tt.Network([4, 2], output="softmax", loss="cross_entropy")
    with pytest.raises(DataError, match="expected the classes that were learnt, 'a', 'b'; these"):
        tt.fit(fresh, tt.Dataset(X, y, ("a", "b")), validation=other)


def test_classes_that_mean_the_same_are_taken() -> None:
    X, y = np.eye(4), np.array([0, 1, 0, 1])
    net = tt.Network([4, 3], output="softmax", loss="cross_entropy")
    tt.fit(net, tt.Dataset(X, y, (0, 1, 2)), epochs=1)
    for names in ((0, 1, 2), ("0", "1", "2"), ("0", "1"), ()):
        assert 0 <= net.accuracy(tt.Dataset(X, y, names)) <= 1
