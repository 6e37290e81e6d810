"""A Dataset of arrays that are no plain arrays: sparse matrices and memory maps."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from tongtou.datasets import Dataset
from tongtou.datasets.dataset import is_sparse
from tongtou.errors import DataError, ShapeError

DENSE = np.array([[0, 2, 0], [0, 0, 0], [1, 0, 3], [0, 4, 0]], np.float32)
Y = np.array([0, 1, 1, 0])


@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csr_array, sp.csc_matrix, sp.coo_array])
def test_sparse_matrices_stay_sparse(make: Any) -> None:
    data = Dataset(make(DENSE), Y, ("no", "yes"), (3, 1))
    assert data.X.format == "csr"
    assert (len(data), data.n_in, data.n_out) == (4, 3, 2)
    assert repr(data) == "Dataset(n=4, n_in=3, float32 sparse, classes=2, shape=(3, 1))"
    for rows in (slice(1, 3), np.array([3, 0]), Y == 0):
        part = data[rows]
        assert part.X.format == "csr"
        np.testing.assert_array_equal(part.X.toarray(), DENSE[rows])
        assert part.y.tolist() == Y[rows].tolist()
    with pytest.raises(TypeError, match=r"\[1:2\]"):
        data[1]


def test_sparse_matrices_are_checked() -> None:
    X = sp.csr_matrix(DENSE)
    with pytest.raises(ShapeError, match="4 rows but y has 3"):
        Dataset(X, Y[:3])
    with pytest.raises(DataError, match="no example"):
        Dataset(X[:0], Y[:0])
    with pytest.raises(ShapeError, match=r"shape \(2, 2\) does not make 3"):
        Dataset(X, Y, shape=(2, 2))
    with pytest.raises(ShapeError, match=r"y must be an array.*toarray"):
        Dataset(X, X)
    with pytest.raises(ShapeError, match=r"shape \(n, n_in\)"):
        Dataset(sp.coo_array(np.arange(3)), Y[:3])
    assert not any(map(is_sparse, (DENSE, [1], None, "csr")))


def test_the_fingerprint_of_a_sparse_matrix_is_that_of_its_entries() -> None:
    X = sp.csr_matrix(DENSE)
    same = sp.csr_matrix(DENSE)
    same.indices, same.indptr = same.indices.astype(np.int64), same.indptr.astype(np.int64)
    assert Dataset(same, Y).fingerprint == Dataset(X, Y).fingerprint
    shuffled = sp.csr_matrix(
        (np.array([2, 3, 1, 4], np.float32), [1, 2, 0, 1], [0, 1, 1, 3, 4]), (4, 3)
    )
    before = shuffled.indices.copy()
    assert Dataset(shuffled, Y).fingerprint == Dataset(X, Y).fingerprint
    np.testing.assert_array_equal(shuffled.indices, before)  # the user's matrix is as it was
    changed = X.copy()
    changed.data[0] = 5
    moved = X.copy()
    moved.indices[0] = 2
    wider = sp.csr_matrix((X.data, X.indices, X.indptr), (4, 4))
    later = sp.csr_matrix((X.data, X.indices, [0, 0, 1, 3, 4]), (4, 3))
    others = [Dataset(one, Y) for one in (changed, moved, wider, later, X.astype(np.float64))]
    others += [Dataset(X, 1 - Y), Dataset(DENSE, Y)]
    assert len({Dataset(X, Y).fingerprint, *(one.fingerprint for one in others)}) == 8


@pytest.mark.parametrize("rows", [1, 2, 3, 1000])
def test_the_fingerprint_does_not_depend_on_its_blocks(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = np.arange(700.0).reshape(100, 7), np.arange(100)
    digest = hashlib.blake2b(digest_size=16)  # as it is defined: in one piece
    for array in (X, y):
        digest.update(f"{array.dtype.str}{array.shape}".encode() + array.tobytes())
    monkeypatch.setattr("tongtou.datasets.dataset._BLOCK_BYTES", rows * X.itemsize * 7)
    assert Dataset(X, y).fingerprint == digest.hexdigest()
    assert Dataset(np.asfortranarray(X), y).fingerprint == digest.hexdigest()
    assert Dataset(np.repeat(X, 2, axis=0)[::2], y).fingerprint == digest.hexdigest()


def test_a_memory_map_stays_one(tmp_path: Path) -> None:
    np.arange(60, dtype=np.uint8).tofile(tmp_path / "x")
    X = np.memmap(tmp_path / "x", np.uint8, "r", shape=(10, 6))
    data = Dataset(X, np.arange(10), tuple(range(10)), (2, 3))
    part = data[2:5]
    assert data.X is X
    assert isinstance(part.X, np.memmap)
    assert np.shares_memory(part.X, X)
    np.testing.assert_array_equal(part.X, np.arange(12, 30).reshape(3, 6))
    assert data.fingerprint == Dataset(np.array(X), data.y).fingerprint


def test_a_map_larger_than_memory_is_not_read(tmp_path: Path) -> None:
    """64 GB of nothing in a sparse file, in a process that may take 1 GB besides."""
    path = tmp_path / "huge"
    path.touch()
    try:
        os.truncate(path, 64 << 30)
    except OSError:
        pytest.skip("this file system has no sparse files")
    program = """
import sys, time, numpy as np
from tongtou.datasets import Dataset
def anonymous_kb():
    lines = open("/proc/self/status").read().split("\\n")
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1])
n = 1 << 20
X = np.memmap(sys.argv[1], np.float32, "r", shape=(n, 1 << 14))
before, started = anonymous_kb(), time.perf_counter()
data = Dataset(X, np.zeros(n, np.int8), ("a",))
first = data[:8]
first.fingerprint
assert isinstance(first.X, np.memmap)
print(anonymous_kb() - before, time.perf_counter() - started)
"""
    run = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    kb, seconds = map(float, run.stdout.split())
    assert kb < 50_000
    assert seconds < 5


def test_lists_and_data_frames_become_arrays() -> None:
    from_lists = Dataset(DENSE.tolist(), Y.tolist(), ("a", "b"))
    assert from_lists.X.shape == (4, 3)
    assert from_lists[np.array([True, False, False, True])].y.tolist() == [0, 0]
    frame = pytest.importorskip("pandas").DataFrame(DENSE)
    np.testing.assert_array_equal(Dataset(frame, Y)[1:3].X, DENSE[1:3])
    with pytest.raises(ShapeError, match="X must be a table whose rows are all of one length"):
        Dataset([[1, 2], [3]], [0, 1])


def test_two_classes_of_one_name_are_refused() -> None:
    with pytest.raises(DataError, match="each class must have a name of its own"):
        Dataset(DENSE, Y, ("a", "a"))


def test_names_of_classes_may_come_as_numpy_gives_them() -> None:
    names, numbers = np.unique(["b", "a", "a", "b"], return_inverse=True)
    data = Dataset(DENSE, numbers, names, shape=[1, 3])
    assert (data.classes, data.shape) == (("a", "b"), (1, 3))
    assert type(data.classes[0]) is str
    assert Dataset(DENSE, Y, None).classes == ()
