"""Examples on disk: windows of rows, the same steps as by hand, and memory that stays bounded."""

import itertools
import os
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from small_networks import ENGINES, SWITCHED, bits, pixels, set_pace

import tongtou as tt
from tongtou import checkpoints, randomness
from tongtou.checkpoints import Checkpoints
from tongtou.optimizers import SGD, Adam
from tongtou.regularizers import Regularization
from tongtou.stopping import EarlyStopping
from tongtou.training import windows

N, N_IN, BATCH = 100, 12, 8
X, Y = pixels(N, N_IN), np.arange(N) % 3


@pytest.fixture
def small_windows(monkeypatch):
    """Windows of 24 rows of uint8: three batches; the last one has four rows."""
    monkeypatch.setattr(windows, "WINDOW_BYTES", 24 * N_IN + 5)
    monkeypatch.setattr("tongtou.training.courses.WINDOW_BYTES", 24 * N_IN + 5)


def on_disk(tmp_path, array, name="X"):
    file = np.memmap(tmp_path / name, array.dtype, "w+", shape=array.shape)
    file[...] = array
    file.flush()
    return np.memmap(tmp_path / name, array.dtype, "r", shape=array.shape)


def train(data, dtype="float32", **settings):
    net = tt.Network([N_IN, 9, 3], seed=2, dtype=dtype, **SWITCHED)
    plain = {"batch_size": BATCH, "epochs": 3, "optimizer": Adam(0.01)}
    return net, tt.fit(net, data, **{**plain, **settings})


def test_which_data_is_streamed(tmp_path, monkeypatch):
    file = on_disk(tmp_path, X)
    assert not windows.is_streamed(file)  # small enough to shuffle in full
    monkeypatch.setattr(windows, "WINDOW_BYTES", X.nbytes // 2)
    assert windows.is_streamed(file)
    assert windows.is_streamed(file[10:])
    assert windows.is_streamed(np.asarray(file))  # whatever view of the map it is
    assert windows.is_streamed(file.reshape(N, 3, 4))
    assert not windows.is_streamed(X)
    assert not windows.is_streamed(X.tolist())
    monkeypatch.setattr(windows, "_memory_bytes", lambda: X.nbytes)
    assert windows.is_streamed(X)  # half of the memory is too much


# The steps ----------------------------------------------------------------------------------------


def rows_in_order(epochs, n=N, size=24, seed=0):
    """The windows of an epoch and the rows of a window in the orders that are documented."""
    n_windows = -(-n // size)
    for epoch in range(epochs):
        for place, k in enumerate(randomness.order(seed, epoch, n_windows, randomness.WINDOWS)):
            rows = np.arange(n)[k * size : (k + 1) * size]
            visit = epoch * n_windows + place
            yield rows[randomness.order(seed, visit, len(rows))]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("slice_length", [1, 2, 1000])
def test_steps_are_those_of_the_rows_in_that_order(
    tmp_path, small_windows, monkeypatch, engine, slice_length
):
    set_pace(monkeypatch, slice_length)
    settings = {"engine": engine, "optimizer": SGD(0.3), "epochs": 2}
    net, history = train((on_disk(tmp_path, X), Y), **settings)
    order = np.concatenate(list(rows_in_order(2)))
    # a batch never goes over the end of a window, nor does it here: both have 24 = 3 · 8 rows
    last = N % 24
    assert last < BATCH
    expected = tt.Network([N_IN, 9, 3], seed=2, **SWITCHED)
    at = 0
    for part in rows_in_order(2):
        rows = order[at : at + len(part)]
        at += len(part)
        tt.fit(
            expected, (X[rows], Y[rows]), shuffle=False, epochs=1, batch_size=BATCH,
            optimizer=SGD(0.3), engine=engine,
        )  # fmt: skip
    if engine == "native":
        assert bits(net) == bits(expected)
    else:  # which rounds into float32 at the end of each of these fits
        np.testing.assert_allclose(net.layers[0].W, expected.layers[0].W, atol=1e-6)
    assert history.n_steps == 2 * 13
    assert net.recipe["window_rows"] == 24


def test_every_example_is_seen_once_an_epoch():
    seen = [np.sort(np.concatenate(list(rows_in_order(e + 1))[5 * e :])) for e in range(4)]
    for one in seen:
        np.testing.assert_array_equal(one, np.arange(N))
    orders = [tuple(map(tuple, list(rows_in_order(e + 1))[5 * e :])) for e in range(4)]
    assert all(a != b for a, b in itertools.combinations(orders, 2))


@pytest.mark.parametrize("form", [np.uint8, np.bool_, np.float32, np.float64, np.int16])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_kind_of_number_is_streamed(tmp_path, monkeypatch, form, dtype):
    """In their order, with one window or many, as they are without a file."""
    data = (X > 0) if form is np.bool_ else (X // 64).astype(form) if form == np.int16 else X
    data = data.astype(form)
    settings = {"shuffle": False, "dtype": dtype, "validation": (data[:20], Y[:20])}
    monkeypatch.setattr(windows, "WINDOW_BYTES", 100)
    net, streamed = train((on_disk(tmp_path, data), Y), **settings, batch_size=1, epochs=1)
    expected, history = train((data, Y), **settings, batch_size=1, epochs=1)
    assert bits(net) == bits(expected)
    assert streamed.column("val_loss") == pytest.approx(history.column("val_loss"), rel=1e-6)


def test_pictures_of_more_dimensions(tmp_path, small_windows):
    flat, _ = train((on_disk(tmp_path, X), Y))
    net, _ = train((on_disk(tmp_path, X.reshape(N, 3, 4), "pictures"), Y))
    assert bits(net) == bits(flat)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("slice_length", [1, 2, 1000])
def test_slices_and_threads_change_no_bit(
    tmp_path, small_windows, monkeypatch, slice_length, threads
):
    file = on_disk(tmp_path, X)
    settings = {
        "regularization": Regularization(dropout=0.2, input_noise=0.1),
        "sample_weight": np.arange(N) % 3,
        "validation": 0.2,
    }
    set_pace(monkeypatch, slice_length, threads)
    net, history = train((file, Y), **settings)
    set_pace(monkeypatch, 3, 1)
    other, expected = train((file, Y), **settings)
    assert bits(net) == bits(other)
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        assert history.column(name) == expected.column(name)


# Validation ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("validation", [0.3, 7])
def test_validation_streams_too(tmp_path, small_windows, validation, weighted):
    weight = 1 + np.arange(N) % 5 if weighted else None
    settings = {"validation": validation, "sample_weight": weight, "seed": 3}
    net, history = train((on_disk(tmp_path, X), Y), **settings)
    n_held = history.n_validation
    assert n_held == (30 if validation == 0.3 else 7)
    held = randomness.order(3, 0, N, randomness.SPLIT)[:n_held]
    w = np.ones(n_held) if weight is None else weight[held]
    each = [net.loss(X[i : i + 1], Y[i : i + 1]) for i in held]
    assert history.epochs[-1].val_loss == pytest.approx(np.average(each, weights=w), rel=1e-6)
    right = net.predict(X[held]) == Y[held]
    assert history.epochs[-1].val_accuracy == pytest.approx(np.average(right, weights=w))


def test_validation_may_be_the_file_and_the_rest_not(tmp_path, small_windows):
    few, own = (X[:20], Y[:20]), (on_disk(tmp_path, X), Y)
    net, history = train(few, validation=own)
    assert history.n_validation == N
    assert history.epochs[-1].val_loss == pytest.approx(net.loss(X, Y), rel=1e-6)
    assert bits(net) == bits(train((on_disk(tmp_path, X[:20], "few"), Y[:20]))[0])


# Nothing lost -------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("n_checkpoints", [1, 3, 14, 20])
def test_a_stream_is_resumed_in_any_window(
    tmp_path, small_windows, monkeypatch, n_checkpoints, engine
):
    file, path = on_disk(tmp_path, X), tmp_path / "run"
    settings = {
        "validation": 0.1,
        "stop": EarlyStopping(9),
        "engine": engine,
        "regularization": Regularization(dropout=0.3),
    }
    there = Checkpoints(path, every_s=None, every_steps=1)
    net, history = train((file, Y), **settings)
    written, real = [], checkpoints.write

    def write(*told):
        if len(written) == n_checkpoints:
            raise ZeroDivisionError
        real(*told)
        written.append(told)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write", write)
        with pytest.raises(ZeroDivisionError):
            train((file, Y), checkpoint=there, **settings)
    other, resumed = train((file, Y), checkpoint=there, resume=True, **settings)
    assert bits(other) == bits(net)
    for name in ("loss", "val_loss", "accuracy"):
        assert resumed.column(name) == history.column(name)


def test_a_file_that_changed_is_refused(tmp_path, small_windows):
    there = Checkpoints(tmp_path / "run")
    train((on_disk(tmp_path, X), Y), checkpoint=there)
    changed = X.copy()
    changed[50] = 255 - changed[50]
    with pytest.raises(checkpoints.CheckpointError, match="the data is another"):
        train((on_disk(tmp_path, changed), Y), checkpoint=there, resume=True)


@pytest.mark.parametrize("at_call", [1, 2, 3, 9])
def test_ctrl_c_while_a_window_is_prepared(tmp_path, small_windows, monkeypatch, at_call):
    kind = tt.engines.native.NativeEngine
    calls, prepare = [], kind.prepare

    def interrupted(self, net, task):
        calls.append(task)
        if len(calls) == at_call + 1:
            raise KeyboardInterrupt
        return prepare(self, net, task)

    file, there = on_disk(tmp_path, X), Checkpoints(tmp_path / "run")
    monkeypatch.setattr(kind, "prepare", interrupted)
    net, history = train((file, Y), checkpoint=there)
    assert history.stopped_by == "interrupted"
    assert 0 < history.n_steps < 39
    assert len({len(task.X) for task in calls} - {24, 4}) == 0
    net, history = train((file, Y), checkpoint=there, resume=True)
    assert bits(net) == bits(train((file, Y))[0])


@pytest.mark.parametrize("slice_length", [1, 1000])
def test_divergence_at_the_seam_of_windows(tmp_path, small_windows, monkeypatch, slice_length):
    set_pace(monkeypatch, slice_length)
    rng = np.random.default_rng(0)
    data = rng.normal(size=(N, N_IN)).astype(np.float32)
    targets = data[:, :2] * 3 + 1
    monkeypatch.setattr(windows, "WINDOW_BYTES", 24 * 4 * N_IN)

    def fit(n_steps=None):
        net = tt.Network([N_IN, 2], output="linear", loss="mse")
        stop = tt.stopping.StepLimit(n_steps) if n_steps else None
        told = {"optimizer": SGD(2.0, momentum=0.5), "batch_size": BATCH, "stop": stop}
        try:
            tt.fit(net, (on_disk(tmp_path, data), targets), epochs=50, **told)
        except tt.DivergedError as error:
            return net, error
        return net, None

    net, error = fit()
    good = error.history.n_steps
    assert good > 3
    clean, nothing = fit(good)
    assert nothing is None
    assert bits(clean) == bits(net)


# Refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 25, 50])
def test_a_batch_must_fit_into_a_window(tmp_path, small_windows, batch_size):
    with pytest.raises(ValueError, match=r"batch_size must be at most 24 here.*it is (100|25|50)"):
        train((on_disk(tmp_path, X), Y), batch_size=batch_size)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_what_is_not_finite_is_refused_before_training(tmp_path, monkeypatch, value):
    monkeypatch.setattr(windows, "WINDOW_BYTES", 1000)
    data = X.astype(np.float64)
    data[77, 3] = value
    net = tt.Network([N_IN, 3])
    before = bits(net)
    with pytest.raises(tt.DataError, match="row 77, column 3"):
        tt.fit(net, (on_disk(tmp_path, data), Y), batch_size=4)
    assert (bits(net), net.history) == (before, None)


def test_a_file_of_another_shape_is_refused(tmp_path, small_windows):
    with pytest.raises(tt.ShapeError, match=r"\(n, 11\)"):
        tt.fit(tt.Network([11, 3]), (on_disk(tmp_path, X), Y))
    with pytest.raises(tt.ShapeError, match="100 rows"):
        train((on_disk(tmp_path, X), Y[:-1]))


# Memory -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "most"),
    [
        # 2 GB of pixels, nearly all of them black; of them a window of 64 MB is packed
        pytest.param("uint8", 300, id="uint8"),
        # 2 GB of real numbers of the network's own kind: they are read where they lie
        pytest.param("float32", 100, id="float32"),
    ],
)
def test_two_gigabytes_take_little_memory_of_their_own(mnist, tmp_path, form, most):
    """RssAnon is what the process has taken for itself; pages of the file are not in it."""
    n_in = 65536 if form == "uint8" else 16384
    n = 2**31 // (n_in * np.dtype(form).itemsize)
    path = tmp_path / "sparse"
    with open(path, "wb") as file:
        file.truncate(2**31)
    data = np.memmap(path, form, "r+", shape=(n, n_in))
    for k in range(200):  # some digits here and there
        data[k * (n // 200), :784] = mnist.train.X[k]
    data.flush()
    del data
    script = f"""
        import threading, time
        import numpy as np
        import tongtou as tt

        def anonymous():
            with open("/proc/self/status") as status:
                return int(next(l for l in status if l.startswith("RssAnon")).split()[1]) / 1024

        n, n_in = {n}, {n_in}
        X = np.memmap({str(path)!r}, {form!r}, "r", shape=(n, n_in))
        y = np.arange(n) % 10
        net = tt.Network([n_in, 4, 10])
        net.loss(X[:10], y[:10])
        before, most, over = anonymous(), [0], threading.Event()

        def watch():
            while not over.wait(0.01):
                most[0] = max(most[0], anonymous())

        thread = threading.Thread(target=watch)
        thread.start()
        history = tt.fit(net, (X, y), batch_size=512, epochs=1, validation=0.05, threads=1)
        over.set()
        thread.join()
        print(most[0] - before, history.n_steps, history.n_train, history.epochs[0].val_loss)
    """
    began = time.perf_counter()
    out = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert float(out[0]) < most  # megabytes
    n_held = round(0.05 * n)
    assert [int(one) for one in out[1:3]] == [-(-(n - n_held) // 512), n - n_held]
    assert 0 < float(out[3]) < 10
    assert time.perf_counter() - began < 60
    path.unlink()
