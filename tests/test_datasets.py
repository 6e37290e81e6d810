"""The embedded digits, IDX files good and bad, and what a Dataset promises."""

from __future__ import annotations

import gzip
import hashlib
import importlib
import struct
import time
import tracemalloc
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tongtou import datasets
from tongtou.datasets import Dataset
from tongtou.datasets.idx import read_array
from tongtou.errors import DataError, ShapeError

MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
TYPES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}


def idx_bytes(array: np.ndarray, dtype: str = "u1") -> bytes:
    """`array` as an IDX file, written here from the format's description."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, TYPES[dtype], array.ndim, *array.shape)
    return header + array.astype(dtype).tobytes()


def write(folder: Path, images: bytes, labels: bytes) -> tuple[Path, Path]:
    (folder / "images").write_bytes(images)
    (folder / "labels").write_bytes(labels)
    return folder / "images", folder / "labels"


IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
LABELS = np.array([1, 0], np.uint8)


# The embedded digits


@pytest.fixture(scope="module")
def mnist() -> datasets.Mnist:
    return datasets.mnist()


@pytest.mark.parametrize("name", MD5)
def test_raw_files_are_the_published_ones(name: str) -> None:
    folder = Path(datasets.__file__).parent / "mnist_data"
    raw = gzip.decompress((folder / f"{name}.gz").read_bytes())
    assert hashlib.md5(raw).hexdigest() == MD5[name]
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert MD5[name] in readme
    assert "CC BY-SA 3.0" in readme


def test_mnist_is_whole_and_keeps_its_types(mnist: datasets.Mnist) -> None:
    for half, n in ((mnist.train, 60_000), (mnist.test, 10_000)):
        assert half.X.shape == (n, 784)
        assert half.X.dtype == np.uint8
        assert half.y.shape == (n,)
        assert half.y.dtype == np.int64
        assert half.classes == tuple(range(10))
        assert half.shape == (28, 28)
        assert half.X.flags.c_contiguous
        assert half.X.flags.writeable
    assert mnist.train.y[:5].tolist() == [5, 0, 4, 1, 9]
    assert np.bincount(mnist.test.y).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip


def test_mnist_reads_fast_and_without_a_second_copy() -> None:
    durations = []
    for _ in range(2):
        start = time.perf_counter()
        datasets.mnist()
        durations.append(time.perf_counter() - start)
    assert min(durations) < 1.5  # a fifth of a second is usual; the machine may be busy

    tracemalloc.start()
    try:
        datasets.mnist()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 75e6  # 55 MB stay


def test_functions_are_not_hidden_by_the_modules_of_the_same_name() -> None:
    importlib.import_module("tongtou.datasets.idx")
    importlib.import_module("tongtou.datasets.mnist")
    assert callable(datasets.idx)
    assert callable(datasets.mnist)


# IDX files as they should be


@pytest.mark.parametrize("packed", [False, True])
def test_idx_reads_plain_and_gzipped_by_content(tmp_path: Path, packed: bool) -> None:
    pack = gzip.compress if packed else bytes
    paths = write(tmp_path, pack(idx_bytes(IMAGES)), pack(idx_bytes(LABELS)))
    dataset = datasets.idx(str(paths[0]), paths[1], name="mine")
    np.testing.assert_array_equal(dataset.X, IMAGES.reshape(2, 12))
    assert dataset.X.dtype == np.uint8
    assert dataset.y.tolist() == [1, 0]
    assert dataset.y.dtype == np.int64
    assert dataset.classes == (0, 1)
    assert dataset.shape == (3, 4)
    assert dataset.name == "mine"


@pytest.mark.parametrize("dtype", TYPES)
def test_idx_reads_every_element_type(tmp_path: Path, dtype: str) -> None:
    values = np.array([[[0, 1], [2, 100]], [[3, 4], [5, 127]]])
    if dtype not in ("u1",):
        values = -values
    if dtype in (">f4", ">f8"):
        values = values / 8
    dataset = datasets.idx(*write(tmp_path, idx_bytes(values, dtype), idx_bytes(LABELS)))
    np.testing.assert_array_equal(dataset.X, values.reshape(2, 4))
    assert dataset.X.dtype == np.dtype(dtype).newbyteorder("=")
    assert dataset.X.dtype.isnative
    assert dataset.X.flags.writeable


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 1), (2, 3, 4, 5), (2, *[1] * 30, 3)])
def test_idx_reads_every_rank(tmp_path: Path, shape: tuple[int, ...]) -> None:
    images = np.arange(np.prod(shape)).reshape(shape) % 256
    dataset = datasets.idx(*write(tmp_path, idx_bytes(images), idx_bytes(LABELS)))
    assert dataset.shape == shape[1:]
    np.testing.assert_array_equal(dataset.X, images.reshape(2, -1))


def test_gzip_may_come_in_several_members(tmp_path: Path) -> None:
    raw = idx_bytes(IMAGES)
    packed = b"".join(gzip.compress(raw[i : i + 5]) for i in range(0, len(raw), 5))
    dataset = datasets.idx(*write(tmp_path, packed + gzip.compress(b""), idx_bytes(LABELS)))
    np.testing.assert_array_equal(dataset.X, IMAGES.reshape(2, 12))


def test_labels_keep_their_numbers_or_take_those_of_the_classes(tmp_path: Path) -> None:
    images, labels = write(tmp_path, idx_bytes(IMAGES), idx_bytes(np.array([26, 3])))
    counted = datasets.idx(images, labels)
    assert counted.y.tolist() == [26, 3]
    assert counted.classes == tuple(range(27))
    named = datasets.idx(images, labels, classes=range(1, 27))
    assert named.y.tolist() == [25, 2]
    assert named.y.dtype == np.int64
    assert named.classes == tuple(range(1, 27))
    with pytest.raises(DataError, match=r"labels: holds the label 26, .* not among the 2 classes"):
        datasets.idx(images, labels, classes=(3, 4))
    with pytest.raises(DataError, match="label twice"):
        datasets.idx(images, labels, classes=(3, 26, 3))


def test_real_labels_are_targets(tmp_path: Path) -> None:
    labels = idx_bytes(np.array([0.5, -2]), ">f4")
    dataset = datasets.idx(*write(tmp_path, idx_bytes(IMAGES), labels))
    assert dataset.y.tolist() == [0.5, -2.0]
    assert dataset.y.dtype == np.float32
    assert dataset.classes == ()


@pytest.mark.parametrize(("low", "high"), [(-1, 3), (0, 2**31 - 1)])
def test_labels_nobody_can_count_up_to(tmp_path: Path, low: int, high: int) -> None:
    labels = idx_bytes(np.array([low, high]), ">i4")
    images, labels = write(tmp_path, idx_bytes(IMAGES), labels)
    with pytest.raises(DataError, match=rf"labels run from {low} to {high}.*classes="):
        datasets.idx(images, labels)
    assert datasets.idx(images, labels, classes=(low, high)).y.tolist() == [0, 1]


# IDX files as they should not be

GOOD = idx_bytes(IMAGES)
HUGE = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1)
BROKEN = {
    "empty": (b"", "it is empty"),
    "two bytes": (b"\0\0", "no IDX file.*begins with 00 00"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "no IDX file.*begins with 89 50 4e 47"),
    "unknown element type": (b"\0\0\x0a" + GOOD[3:], "no IDX file.*element type"),
    "rank 0": (b"\0\0\x08\0\x05", "no IDX file.*rank from 1"),
    "rank 255": (b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"\5", "rank from 1 to 32"),
    "half a header": (GOOD[:14], "truncated in its header: expected 3 sizes.*2 bytes too early"),
    "no example": (struct.pack(">BBBB3I", 0, 0, 8, 3, 0, 28, 28), "announces 0 × 28 × 28 values"),
    "no pixel": (struct.pack(">BBBB3I", 0, 0, 8, 3, 2, 0, 28), "announces 2 × 0 × 28 values"),
    "one byte short": (GOOD[:-1], "truncated.*2 × 3 × 4 values.*24 bytes in all,.* but 23 came"),
    "header only": (GOOD[:16], "truncated.*but 0 came"),
    "huge claim": (HUGE + b"some", "truncated.*4294967295 × 4294967295.*but 4 came"),
    "one byte more": (GOOD + b"\0", "expected the file to end after 2 × 3 × 4.*more bytes follow"),
    "another file behind": (GOOD + GOOD, "more bytes follow"),
}
PACKED = gzip.compress(GOOD)
BROKEN_GZIP = {
    "gzip cut off": (PACKED[:-12], "damaged: the gzip stream is truncated"),
    "gzip without its sum": (PACKED[:-8], "damaged: the gzip stream is truncated"),
    "gzip cut in its sum": (PACKED[:-1], "damaged: the gzip stream is truncated"),
    "gzip magic only": (PACKED[:2], "damaged: the gzip stream is truncated"),
    "gzip with a wrong sum": (PACKED[:-8] + b"\0\0\0\0" + PACKED[-4:], "damaged:.*data check"),
    "gzip with a wrong length": (PACKED[:-4] + b"\0\0\0\1", "damaged:.*length check"),
    "gzip with damaged insides": (PACKED[:10] + b"\xff" * 20 + PACKED[30:], "damaged:"),
    "garbage behind gzip": (PACKED + b"x", "damaged: more bytes follow the end of the gzip"),
    "zeros behind gzip": (PACKED + bytes(512), "damaged: more bytes follow the end of the gzip"),
    "half a member behind gzip": (PACKED + b"\x1f\x8b", "damaged: the gzip stream is truncated"),
    "gzip inside gzip": (gzip.compress(PACKED), "no IDX file.*begins with 1f 8b"),
}
CASES = (
    BROKEN
    | {f"{name}, gzipped": (gzip.compress(raw), match) for name, (raw, match) in BROKEN.items()}
    | BROKEN_GZIP
)


@pytest.mark.parametrize("case", CASES)
def test_bad_images_file_is_named_and_explained(tmp_path: Path, case: str) -> None:
    raw, match = CASES[case]
    images, labels = write(tmp_path, raw, idx_bytes(LABELS))
    with pytest.raises(DataError, match=match) as caught:
        datasets.idx(images, labels)
    assert str(images) in str(caught.value)
    assert "Give" in str(caught.value) or "Fetch" in str(caught.value)


def test_bad_labels_file_is_named(tmp_path: Path) -> None:
    images, labels = write(tmp_path, GOOD, idx_bytes(LABELS)[:-1])
    with pytest.raises(DataError, match=rf"^{labels}: truncated"):
        datasets.idx(images, labels)


def test_ranks_and_counts_must_fit(tmp_path: Path) -> None:
    images, labels = write(tmp_path, GOOD, idx_bytes(np.zeros(3)))
    with pytest.raises(DataError, match=rf"{images} holds 2 images but {labels} holds 3 labels"):
        datasets.idx(images, labels)
    with pytest.raises(DataError, match=r"labels must have rank 1.*\(2, 3, 4\).*swapped"):
        datasets.idx(labels, images)
    with pytest.raises(DataError, match=r"images must have rank 2 or more.*\(3,\).*swapped"):
        datasets.idx(labels, labels)


def test_path_without_a_file(tmp_path: Path) -> None:
    labels = tmp_path / "labels"
    labels.write_bytes(idx_bytes(LABELS))
    with pytest.raises(DataError, match=r"nowhere: .*No such file.*Check the path"):
        datasets.idx(tmp_path / "nowhere", labels)
    with pytest.raises(DataError, match="Is a directory"):
        datasets.idx(tmp_path, labels)
    with pytest.raises(DataError, match="null"):
        datasets.idx("nul\0l", labels)


def peak_of_reading(path: Path, match: str) -> int:
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=match):
            read_array(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_follows_the_bytes_and_not_the_claim(tmp_path: Path) -> None:
    claim = struct.pack(">BBBB3I", 0, 0, 8, 3, 60_000, 1 << 14, 1 << 14)  # 16 TB
    path = tmp_path / "claim"
    for raw in (claim + bytes(1000), gzip.compress(claim + bytes(1000))):
        path.write_bytes(raw)
        assert peak_of_reading(path, "truncated.*1000 came") < 3e6


def test_gzip_bomb_is_read_to_one_byte_past_the_claim(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(GOOD)
    for _ in range(200):
        bomb += packer.compress(bytes(1 << 20))
    path = tmp_path / "bomb"
    path.write_bytes(bomb + packer.flush())  # 200 kB that inflate to 200 MB
    assert peak_of_reading(path, "more bytes follow") < 3e6


def read_or_data_error(path: Path, labels: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            dataset = datasets.idx(path, labels)
        except DataError:
            return
    assert len(dataset.X) == len(dataset.y) > 0
    assert dataset.X.dtype.isnative
    assert len(dataset.fingerprint) == 32


FUZZ = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FUZZ
@given(raw=st.binary(max_size=200), head=st.sampled_from([b"", GOOD[:4], GOOD[:16], PACKED[:12]]))
@example(raw=b"\0\0\0\2" + b"\xff" * 4, head=b"\0\0\x0e\2")
def test_random_bytes_never_raise_anything_else(tmp_path: Path, raw: bytes, head: bytes) -> None:
    images, labels = write(tmp_path, head + raw, idx_bytes(LABELS))
    read_or_data_error(images, labels)
    read_or_data_error(labels, images)


@FUZZ
@given(data=st.data(), packed=st.booleans(), dtype=st.sampled_from(sorted(TYPES)))
def test_mutated_files_never_raise_anything_else(
    tmp_path: Path, data: st.DataObject, packed: bool, dtype: str
) -> None:
    files = []
    for array in (IMAGES, LABELS):
        raw = bytearray(idx_bytes(array, dtype))
        if packed:
            raw = bytearray(gzip.compress(raw))
        for _ in range(data.draw(st.integers(0, 3))):
            where = data.draw(st.integers(0, len(raw) - 1))
            raw[where : where + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
            raw = raw or bytearray(1)
        files.append(bytes(raw))
    read_or_data_error(*write(tmp_path, *files))


# Dataset


def test_dataset_takes_rows_without_copying_slices() -> None:
    whole = Dataset(np.arange(12.0).reshape(4, 3), np.array([0, 1, 2, 0]), ("a", "b", "c"), (3,))
    part = whole[1:3]
    assert part.X.base is whole.X.base
    assert part.y.tolist() == [1, 2]
    assert (part.classes, part.shape) == (whole.classes, whole.shape)
    assert whole[whole.y == 0].X.tolist() == [[0, 1, 2], [9, 10, 11]]
    assert whole[np.array([3, 0])].y.tolist() == [0, 0]
    with pytest.raises(TypeError, match=r"one row \[2:3\]"):
        whole[2]
    with pytest.raises(DataError, match="no example"):
        whole[4:]


def test_dataset_fingerprint_tells_data_apart() -> None:
    X, y = np.arange(6, dtype=np.uint8).reshape(2, 3), np.array([0, 1])
    same = Dataset(X.copy(), y.copy(), name="elsewhere")
    assert Dataset(X, y).fingerprint == same.fingerprint
    others = [Dataset(X + 1, y), Dataset(X, y[::-1]), Dataset(X.astype(np.int8), y)]
    assert len({Dataset(X, y).fingerprint, *(other.fingerprint for other in others)}) == 4
    # A column order in memory is not other data.
    assert Dataset(np.asfortranarray(X), y).fingerprint == same.fingerprint


def test_dataset_repr_is_one_line() -> None:
    X = np.zeros((2, 4), np.float32)
    assert repr(Dataset(X, np.zeros((2, 3)))) == "Dataset(n=2, n_in=4, float32, y(3,))"
    labelled = Dataset(X, np.zeros(2, int), ("no", "yes"), (2, 2))
    assert repr(labelled) == "Dataset(n=2, n_in=4, float32, classes=2, shape=(2, 2))"


@pytest.mark.parametrize(
    ("X", "y", "options", "error", "match"),
    [
        (np.zeros(3), np.zeros(3), {}, ShapeError, r"shape \(n, n_in\).*\(3,\)"),
        (np.zeros((2, 2, 2)), np.zeros(2), {}, ShapeError, "reshape"),
        (np.zeros((3, 2)), np.zeros(2), {}, ShapeError, "3 rows but y has 2"),
        (np.zeros((3, 2)), np.array(1), {}, ShapeError, "single number"),
        (np.zeros((0, 2)), np.zeros(0), {}, DataError, "no example"),
        (np.zeros((1, 6)), np.zeros(1), {"shape": (2, 2)}, ShapeError, "does not make 6"),
        (np.zeros((1, 1)), np.array([2]), {"classes": "ab"}, DataError, r"0 … 1; y holds 2 … 2"),
        (np.zeros((1, 1)), np.array([-1]), {"classes": "ab"}, DataError, "y holds -1"),
        (np.zeros((1, 1)), np.array([np.nan]), {"classes": "ab"}, DataError, "must be integers"),
    ],
)
def test_dataset_refuses_what_does_not_fit(
    X: np.ndarray, y: np.ndarray, options: dict, error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        Dataset(X, y, **options)
