"""Every optimiser with every rule of training: the kernel follows the reference, step by step."""

from dataclasses import replace

import numpy as np
import pytest
from small_networks import bits, network, pixels

from tongtou.augmentation import Augmentation
from tongtou.engines import Task
from tongtou.engines import engine as engine_of
from tongtou.optimizers import SGD, Adam, AdamW, GradientDescent, RMSprop
from tongtou.regularizers import Regularization
from tongtou.schedules import Cosine

# Epsilons are large enough for float32: where a gradient is nothing but rounding, an adaptive step
# of the usual epsilon would go to one side here and to the other there.
OPTIMIZERS = [
    pytest.param(optimizer, id=repr(optimizer))
    for optimizer in (
        GradientDescent(0.1),
        SGD(0.1),
        SGD(0.05, momentum=0.9),
        SGD(0.05, momentum=0.9, nesterov=True),
        SGD(0.05, momentum=0.9, velocity="step"),
        SGD(0.05, momentum=0.9, nesterov=True, velocity="step"),
        RMSprop(0.003, epsilon=1e-4),
        RMSprop(0.003, rho=0.9, epsilon=1e-7, epsilon_placement="inside"),
        RMSprop(0.003, epsilon=1e-4, momentum=0.7),
        RMSprop(0.003, epsilon=1e-7, momentum=0.7, epsilon_placement="inside"),
        Adam(0.005, epsilon=1e-4),
        Adam(0.005, epsilon=1e-5, epsilon_placement="uncorrected"),
        Adam(0.005, epsilon=1e-7, epsilon_placement="inside"),
        AdamW(0.005, epsilon=1e-4, weight_decay=2.0),
        AdamW(0.005, epsilon=1e-4, weight_decay=0.01, coupling="schedule"),
    )
]
RULES = [
    pytest.param({}, {}, id="plain"),
    pytest.param({"l1": 1e-2}, {}, id="l1"),
    pytest.param({"l2": 0.05}, {"measure_gradient": True}, id="l2, measured"),
    pytest.param({"l1": 1e-3, "l2": 0.5}, {"l2_over_batch": True, "weights": 1}, id="by weight"),
    pytest.param({"dropout": 0.4}, {}, id="dropout"),
    pytest.param({"dropout": "input too", "l2": 0.01}, {"weights": 1}, id="dropout of the input"),
    pytest.param({"input_noise": 0.3}, {"measure_gradient": True}, id="noise"),
    pytest.param({"label_smoothing": 0.2}, {}, id="smoothing"),
    pytest.param(
        {"l1": 1e-3, "l2": 0.1, "dropout": "input too", "input_noise": 0.1, "label_smoothing": 0.1},
        {"weights": 1, "measure_gradient": True},
        id="all",
    ),
]
# sizes, settings, form of the examples; widths beside the 16 lanes
CASES = {
    "packed": ([40, 17, 16, 5], {"activation": ["relu", "tanh"], "output": "softmax"}),
    "dense": ([9, 33, 4], {"activation": "sigmoid"}),
}
TOLERANCE = {"float32": 3e-5, "float64": 1e-11}
N, BATCH, SEED = 35, 8, 6  # four batches of 8 and one of 3


def case_of(form, dtype, optimizer, rule, settings, n=N, batch=BATCH, sizes=None):
    """A network, and what a session trains it on."""
    own_sizes, own = CASES[form]
    sizes = sizes or own_sizes
    if own.get("output") == "softmax":
        own = {**own, "loss": "cross_entropy"}
    net = network(sizes, seed=3, dtype=dtype, **own)
    rng = np.random.default_rng(8)
    numbers = rng.normal(size=(n, sizes[0])).astype(dtype)
    X = pixels(n, sizes[0]) if form == "packed" else numbers
    y = rng.integers(0, sizes[-1], n).astype(np.int32)
    rule, settings = dict(rule), dict(settings)
    if rule.get("dropout") == "input too":
        rule["dropout"] = (0.2, 0.5, 0.3)[: len(sizes) - 1]
    if settings.get("weights"):
        settings["weights"] = rng.integers(0, 5, n) / 2  # exact in float32
        settings["weights"][0] = 1.0
    task = Task(
        X,
        y,
        np.arange(n, dtype=np.uint32),
        n if isinstance(optimizer, GradientDescent) else batch,
        SEED,
        True,
        optimizer=optimizer,
        regularization=Regularization(**rule),
        **settings,
    )
    return net, task


def rates_of(task, n_steps, first_step=0):
    eta = task.optimizer.schedule.rates(first_step, n_steps, task.steps_per_epoch, n_steps)
    return task.optimizer.rates(first_step, eta)


def assert_engines_agree(net, task, tolerance, n_steps=12):
    """After each step; the tolerance is relative to the largest parameter of the layer."""
    other = net.copy()
    session = engine_of("native").prepare(net, task)
    oracle = engine_of("reference").prepare(other, task)
    rates = rates_of(task, n_steps)
    for step in range(n_steps):
        mine = session.advance(step, rates[step : step + 1], 1)
        theirs = oracle.advance(step, rates[step : step + 1], 1)
        assert (mine.n_done, mine.diverged) == (theirs.n_done, theirs.diverged) == (1, False)
        where = f"step {step + 1}"
        for name in ("losses", "penalties", "gradient_norms", "weight_sums"):
            np.testing.assert_allclose(
                getattr(mine, name),
                getattr(theirs, name),
                rtol=30 * tolerance,
                atol=tolerance,
                err_msg=f"{name}, {where}",
            )
        np.testing.assert_array_equal(mine.correct, theirs.correct, err_msg=where)
        for number, (one, two) in enumerate(zip(net.layers, other.layers, strict=True), start=1):
            for name in ("W", "b"):
                found, expected = getattr(one, name), getattr(two, name)
                np.testing.assert_allclose(
                    found,
                    expected,
                    rtol=0,
                    atol=tolerance * max(1, np.abs(expected).max()),
                    err_msg=f"{name} of layer {number}, {where}",
                )


# Beside the reference -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("form", CASES)
@pytest.mark.parametrize(("rule", "settings"), RULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_kernel_follows_the_reference(optimizer, rule, settings, form, dtype):
    net, task = case_of(form, dtype, optimizer, rule, settings)
    assert_engines_agree(net, task, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("form", CASES)
@pytest.mark.parametrize(
    "optimizer",
    [
        pytest.param(one, id=repr(one))
        for one in (
            SGD(0.1, clip_norm=0.05),
            SGD(0.1, clip_norm=0.02, clip_value=0.002, momentum=0.5),
            Adam(0.005, epsilon=1e-4, clip_value=0.01),
            AdamW(Cosine(0.01, warmup_epochs=1), epsilon=1e-4, clip_norm=0.1),
            RMSprop(0.003, epsilon=1e-4, clip_norm=1e9),
        )
    ],
)
def test_clipped_alike(optimizer, form, dtype):
    rule = {"l1": 1e-3, "l2": 0.1, "dropout": 0.2}
    net, task = case_of(form, dtype, optimizer, rule, {"weights": 1})
    assert_engines_agree(net, task, TOLERANCE[dtype])


@pytest.mark.parametrize("form", CASES)
@pytest.mark.parametrize("optimizer", [SGD(0.1), Adam(0.01, epsilon=1e-4)], ids=["sgd", "adam"])
def test_every_kernel_of_this_machine_follows(each_kernel, optimizer, form):
    rule = {"l1": 1e-3, "l2": 0.1, "dropout": "input too", "input_noise": 0.1}
    for dtype, tolerance in TOLERANCE.items():
        net, task = case_of(form, dtype, optimizer, rule, {"weights": 1})
        assert_engines_agree(net, task, tolerance)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("batch", "n"), [(1, N), (2, N), (34, N), (35, N), (130, 261)])
@pytest.mark.parametrize("form", CASES)
def test_batches_of_any_size(form, batch, n, dtype):
    """From 128 samples on the gradient is that of two halves; the last step here has but one."""
    rule = {"l2": 0.1, "dropout": "input too", "label_smoothing": 0.1}
    optimizer = Adam(0.005, epsilon=1e-4)
    net, task = case_of(form, dtype, optimizer, rule, {"l2_over_batch": True}, n=n, batch=batch)
    assert_engines_agree(net, task, TOLERANCE[dtype], n_steps=9)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("form", CASES)
def test_wide_layers(form, dtype):
    """Several panels of the matrix product, and a row of dropout words longer than a block."""
    sizes = {"packed": [400, 200, 150, 10], "dense": [70, 190, 12]}[form]
    rule = {"l1": 1e-4, "l2": 0.01, "dropout": "input too"}
    net, task = case_of(
        form, dtype, Adam(0.002, epsilon=1e-4), rule, {"weights": 1}, batch=20, sizes=sizes
    )
    assert_engines_agree(net, task, TOLERANCE[dtype], n_steps=5)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", [(8, 5), (4, 5, 2)], ids=["grey", "channels"])
def test_augmented_alike(shape, dtype):
    """A grey that falls on a half may be rounded up here and down there: 1/255 of one pixel."""
    net, task = case_of(
        "packed",
        dtype,
        SGD(0.05),
        {"dropout": 0.2},
        {
            "augmentation": Augmentation(shift=1.5, rotation=15, scale=0.2, shear=10),
            "input_shape": shape,
        },
    )
    assert_engines_agree(net, task, 1e-3)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_no_hidden_layer_and_one_output(dtype):
    net = network([12, 1], dtype=dtype, loss="binary_cross_entropy")
    y = np.arange(20, dtype=dtype)[:, None] % 2
    rule = Regularization(l1=1e-3, l2=0.1, dropout=(0.3,), label_smoothing=0.2)
    rows = np.arange(20, dtype=np.uint32)
    for optimizer in (SGD(0.1, momentum=0.5), Adam(0.01, epsilon=1e-4)):
        task = Task(
            pixels(20, 12), y, rows, 6, SEED, True, optimizer=optimizer, regularization=rule
        )
        assert_engines_agree(net, task, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_sparse_matrices_of_real_numbers(dtype):
    sparse = pytest.importorskip("scipy.sparse")
    rng = np.random.default_rng(4)
    X = (rng.normal(size=(30, 50)) * (rng.random((30, 50)) < 0.2)).astype(dtype)
    y = rng.integers(0, 4, 30).astype(np.int32)
    rows = np.arange(30, dtype=np.uint32)
    for optimizer, rule in (
        (SGD(0.1, momentum=0.5), Regularization(l1=1e-3, l2=0.1, dropout=0.3)),
        (AdamW(0.01, epsilon=1e-4), Regularization(label_smoothing=0.1)),
    ):
        net = network([50, 20, 4], dtype=dtype)
        task = Task(
            sparse.csr_matrix(X), y, rows, 7, SEED, True, optimizer=optimizer, regularization=rule
        )
        assert_engines_agree(net, task, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("form", CASES)
def test_counted_from_a_later_epoch_and_step(form, dtype):
    """As a window of streamed data is: the order, and what is drawn, are those of the run."""
    rule = {"dropout": "input too", "input_noise": 0.1}
    net, task = case_of(
        form, dtype, SGD(0.1), rule, {"first_epoch": 3, "first_step": 2**32 - 4, "weights": 1}
    )
    assert_engines_agree(net, task, TOLERANCE[dtype])
    early, task = case_of(form, dtype, SGD(0.1), rule, {"weights": 1})
    session = engine_of("native").prepare(early, task)
    session.advance(0, rates_of(task, 12), 1)
    assert bits(early) != bits(net)


@pytest.mark.parametrize("form", CASES)
def test_other_rows_may_follow(form):
    """In an order of the caller's own, from epoch to epoch."""
    net, task = case_of(form, "float64", Adam(0.01), {"dropout": 0.3}, {})
    other, task = net.copy(), replace(task, shuffle=False)
    sessions = [engine_of("native").prepare(net, task), engine_of("reference").prepare(other, task)]
    rates = rates_of(task, 15)
    for epoch in range(3):
        rows = np.random.default_rng(epoch).permutation(N).astype(np.uint32)
        for session in sessions:
            session.set_rows(rows)
            session.advance(5 * epoch, rates[5 * epoch : 5 * epoch + 5], 1)
    for one, two in zip(net.layers, other.layers, strict=True):
        np.testing.assert_allclose(one.W, two.W, atol=1e-11)
        np.testing.assert_allclose(one.b, two.b, atol=1e-11)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("optimizer", OPTIMIZERS[1:])  # not the one whose batch is everything
def test_a_batch_without_weight_changes_nothing(optimizer, dtype):
    """The second of five: neither parameters nor what the optimiser remembers."""
    net, task = case_of("dense", dtype, optimizer, {"l1": 0.01, "l2": 0.1}, {})
    weights = np.ones(N)
    weights[BATCH : 2 * BATCH] = 0
    session = engine_of("native").prepare(net, replace(task, weights=weights, shuffle=False))
    rates = rates_of(task, 5)
    session.advance(0, rates[:1], 2)
    before, slots = bits(net), [slot.copy() for slot in session.slots()]
    found = session.advance(1, rates[1:2], 2)
    assert (found.n_done, found.diverged) == (1, False)
    for told in (found.losses, found.weight_sums, found.gradient_norms):
        assert told.tolist() == [0]
    assert bits(net) == before
    np.testing.assert_array_equal(session.slots(), slots)
    session.advance(2, rates[2:3], 2)
    assert bits(net) != before


@pytest.mark.parametrize("form", CASES)
@pytest.mark.parametrize("optimizer", [SGD(0.1), Adam(0.01)], ids=["sgd", "adam"])
def test_what_a_diverged_step_summed_is_forgotten(optimizer, form):
    """In large batches the gradient is summed before the loss is looked at."""
    net, task = case_of(form, "float32", optimizer, {}, {}, n=300, batch=150)
    session, rates = engine_of("native").prepare(net, task), rates_of(task, 3)
    begin = session.snapshot()
    session.advance(0, rates, 1)
    end = bits(net)
    for threads in (1, 2):
        session.restore(begin)
        net.layers[-1].W[0, 0] = np.inf
        assert session.advance(0, rates, threads).diverged
        session.restore(begin)
        session.advance(0, rates, threads)
        assert bits(net) == end


# The same bits ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("form", CASES)
@pytest.mark.parametrize("case", ["narrow", "wide", "many samples"])
@pytest.mark.parametrize(("rule", "settings"), [RULES[0].values, RULES[3].values, RULES[-1].values])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_bits_do_not_depend_on_threads_or_slices(optimizer, rule, settings, case, form, dtype):
    """One, two or three threads, and steps made together, in parts or again from a snapshot."""
    wide = {"packed": [400, 70, 40, 10], "dense": [30, 90, 12]}[form]
    n, batch, sizes = {
        "narrow": (N, BATCH, None),
        "wide": (N, 20, wide),
        "many samples": (300, 140, None),
    }[case]

    def prepared():
        net, task = case_of(form, dtype, optimizer, rule, settings, n, batch, sizes)
        return net, engine_of("native").prepare(net, task), rates_of(task, 9)

    net, session, rates = prepared()
    whole = session.advance(0, rates, 1)
    end, slots = bits(net), [slot.copy() for slot in session.slots()]
    for threads in (2, 3):
        net, session, _ = prepared()
        found = session.advance(0, rates, threads)
        assert bits(net) == end
        np.testing.assert_array_equal(session.slots(), slots)
        for name in ("losses", "correct", "penalties", "gradient_norms", "weight_sums"):
            np.testing.assert_array_equal(getattr(found, name), getattr(whole, name), err_msg=name)
    net, session, _ = prepared()
    session.advance(0, rates[:4], 3)
    middle = session.snapshot()
    session.advance(4, rates[4:], 2)
    assert bits(net) == end
    net, session, _ = prepared()
    session.restore(middle)
    for step in range(4, 9):
        session.advance(step, rates[step : step + 1], 1 + step % 3)
    assert bits(net) == end
    np.testing.assert_array_equal(session.slots(), slots)
