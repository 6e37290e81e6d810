"""The reference engine: its whole step, against central differences and closed forms."""

import dataclasses
import math

import numpy as np
import pytest
from small_networks import network, pixels

from tongtou import randomness
from tongtou.augmentation import Augmentation, augmented
from tongtou.engines import Task, disturbance
from tongtou.engines import engine as engine_of
from tongtou.optimizers import SGD, Adam, AdamW, GradientDescent, RMSprop
from tongtou.reference import numeric_gradient
from tongtou.regularizers import Regularization

SOFTMAX = {"activation": "tanh", "output": "softmax", "loss": "cross_entropy"}
SEED = 9


def task_of(X, y, *, batch_size=None, shuffle=False, rows=None, **settings):
    rows = np.arange(X.shape[0]) if rows is None else rows
    return Task(X, y, rows.astype(np.uint32), batch_size or len(rows), SEED, shuffle, **settings)


def run(net, task, n_steps=1, first_step=0, session=None):
    """Make steps at the optimiser's own rate; the slice."""
    session = session or engine_of("reference").prepare(net, task)
    eta = task.optimizer.schedule.rates(first_step, n_steps, task.steps_per_epoch, n_steps)
    return session.advance(first_step, task.optimizer.rates(first_step, eta), 1)


def parameters(net):
    return np.concatenate([a.ravel() for layer in net.layers for a in (layer.W, layer.b)])


def data(n=12, n_in=6, n_out=3, seed=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n_in)), rng.integers(0, n_out, n).astype(np.int32)


# The whole loss -----------------------------------------------------------------------------------


def factor_by_hand(step, layer, place, neuron, width, rate):
    """Dropout of one neuron, from one word: written out as the kernel's header has it."""
    words_each = 8 * math.ceil(width / 16)
    word = randomness.words(
        SEED, randomness.DROPOUT, (place + 1) * words_each, epoch=layer, step=step
    )[place * words_each + neuron // 2]
    half = int(word) >> 16 if neuron % 2 else int(word) & 0xFFFF
    q = round(rate * 65536)
    return 65536 / (65536 - q) if half >= q else 0.0


def noise_by_hand(step, number):
    """Noise of one input, from its two words."""
    pair = randomness.words(SEED, 6, 2 * number + 2, step=step)[2 * number :]
    halves = [h for word in pair.tolist() for h in (word & 0xFFFF, word >> 16)]
    return (sum((h + 0.5) / 65536 for h in halves) - 2) * math.sqrt(3)


def penalised_loss(net, X, y, step, rule, weights, l2_over_batch, activation):
    """C + l2/2 sum W^2 of one batch, example by example, with what is drawn for this step."""
    n, n_in = X.shape
    drop = rule.rates(len(net.layers))
    total = 0.0
    for s in range(n):
        a = [X[s, i] + rule.input_noise * noise_by_hand(step, s * n_in + i) for i in range(n_in)]
        for number, layer in enumerate(net.layers):
            a = [
                a_j * factor_by_hand(step, number, s, j, len(a), drop[number])
                for j, a_j in enumerate(a)
            ]
            z = layer.W @ np.array(a) + layer.b
            a = activation(z) if number < len(net.layers) - 1 else z
        target = np.full(len(z), rule.label_smoothing / len(z))
        target[y[s]] += 1 - rule.label_smoothing
        if net.loss_function.name == "cross_entropy":
            loss = -(target * (z - z.max() - np.log(np.exp(z - z.max()).sum()))).sum()
        else:
            loss = ((1 / (1 + np.exp(-z)) - target) ** 2).sum()
        total += weights[s] * loss
    l2 = rule.l2 / weights.sum() if l2_over_batch else rule.l2
    squares = sum((layer.W**2).sum() for layer in net.layers)
    return total / weights.sum() + l2 / 2 * squares


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(Regularization(), id="plain"),
        pytest.param(Regularization(l2=0.3), id="l2"),
        pytest.param(Regularization(dropout=0.4), id="dropout"),
        pytest.param(Regularization(dropout=(0.3, 0.2, 0.5)), id="dropout of the input too"),
        pytest.param(Regularization(input_noise=0.5), id="noise"),
        pytest.param(Regularization(label_smoothing=0.2), id="smoothing"),
        pytest.param(
            Regularization(l2=0.1, dropout=(0.1, 0.5, 0.2), input_noise=0.2, label_smoothing=0.1),
            id="all",
        ),
    ],
)
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("over_batch", [False, True], ids=["", "over the batch"])
@pytest.mark.parametrize("settings", [SOFTMAX, {"activation": "tanh"}], ids=["softmax", "lesson"])
def test_a_step_is_against_the_gradient_of_the_whole_loss(settings, over_batch, weighted, rule):
    """One step of rate 1 is the gradient; numerically it is that of the loss written out above."""
    net = network([5, 4, 3, 3], seed=3, dtype="float64", **settings)
    X, y = data(4, 5)
    weights = np.array([2.0, 0.0, 0.5, 3.0]) if weighted else None
    step = 7
    task = task_of(
        X,
        y,
        optimizer=SGD(1.0),
        regularization=rule,
        weights=weights,
        l2_over_batch=over_batch,
        measure_gradient=True,
    )
    before = net.copy()
    found = run(net, task, first_step=step)
    share = np.ones(4) if weights is None else weights

    def loss(theta):
        return penalised_loss(before, X, y, step, rule, share, over_batch, np.tanh)

    assert found.losses[0] / share.sum() + found.penalties[0] == pytest.approx(
        loss(None), rel=1e-12
    )
    assert found.weight_sums[0] == share.sum()
    loss_part = []
    for after, layer in zip(net.layers, before.layers, strict=True):
        for name in ("W", "b"):
            theta = getattr(layer, name)
            moved = theta - getattr(after, name)
            np.testing.assert_allclose(moved, numeric_gradient(loss, theta), atol=3e-9)
            l2 = (rule.l2 / share.sum() if over_batch else rule.l2) if name == "W" else 0.0
            loss_part.append((moved - l2 * theta).ravel())
    assert found.gradient_norms[0] == pytest.approx(
        np.linalg.norm(np.concatenate(loss_part)), rel=1e-9
    )


# What is drawn ------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 2, 15, 16, 17, 33])
def test_dropout_draws_what_the_kernel_draws(width):
    found = disturbance.kept(SEED, 5, 2, 4, width, 0.3)
    expected = [
        [factor_by_hand(5, 2, place, j, width, 0.3) for j in range(width)] for place in range(4)
    ]
    np.testing.assert_array_equal(found, expected)


def test_dropout_at_the_very_threshold():
    """A number equal to it is kept: with a threshold of 1 of 65536 only zeros are dropped."""
    n, width = 1000, 640
    word = randomness.words(SEED, randomness.DROPOUT, n * width // 2, epoch=1)
    halves = np.stack([word & np.uint32(0xFFFF), word >> np.uint32(16)], axis=1).reshape(n, width)
    assert (halves == 0).any()
    assert (halves == 1).any()
    found = disturbance.kept(SEED, 0, 1, n, width, 1 / 65536)
    np.testing.assert_array_equal(found == 0, halves == 0)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(rate):
    """The share dropped is the rate, and what is kept makes up for it, within 5 sigma."""
    n, width = 400, 100
    found = disturbance.kept(SEED, 0, 1, n, width, rate)
    sigma = math.sqrt(rate * (1 - rate) / found.size)
    assert (found == 0).mean() == pytest.approx(rate, abs=5 * sigma)
    assert found.mean() == pytest.approx(1, abs=5 * sigma / (1 - rate))
    assert set(np.unique(found)) == {0.0, 65536 / (65536 - round(65536 * rate))}
    # neighbours know nothing of each other
    for a, b in ((found[:, 1:], found[:, :-1]), (found[1:], found[:-1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / math.sqrt(a.size)


def test_every_draw_is_another():
    """Of another seed, step or layer; and the same when asked again, alone or among more."""
    first = disturbance.kept(1, 2, 3, 8, 40, 0.5)
    np.testing.assert_array_equal(disturbance.kept(1, 2, 3, 5, 40, 0.5), first[:5])
    for other in ((2, 2, 3), (1, 3, 3), (1, 2, 4)):
        assert 0.3 < (disturbance.kept(*other, 8, 40, 0.5) != first).mean() < 0.7
    some = disturbance.noise(1, 2, 8, 40)
    np.testing.assert_array_equal(disturbance.noise(1, 2, 5, 40), some[:5])
    for other in ((2, 2), (1, 3)):
        assert abs(np.corrcoef(disturbance.noise(*other, 8, 40).ravel(), some.ravel())[0, 1]) < 0.3


def test_a_step_beyond_the_counter_wraps():
    np.testing.assert_array_equal(
        disturbance.kept(1, 2**32 + 2, 1, 2, 9, 0.5), disturbance.kept(1, 2, 1, 2, 9, 0.5)
    )
    np.testing.assert_array_equal(
        disturbance.noise(1, 2**32 + 2, 2, 9), disturbance.noise(1, 2, 2, 9)
    )


def test_noise_is_nearly_standard_normal():
    """Mean 0, variance 1, kurtosis 3 - 1.2/4: a sum of four uniform numbers."""
    g = disturbance.noise(SEED, 3, 500, 200).ravel()
    assert g.mean() == pytest.approx(0, abs=5 / math.sqrt(g.size))
    assert g.var() == pytest.approx(1, abs=5 * math.sqrt(2 / g.size))
    assert (g**4).mean() == pytest.approx(2.7, abs=0.1)
    assert np.abs(g).max() < 2 * math.sqrt(3)


# Each rule by itself ------------------------------------------------------------------------------


def trained(X, y, n_steps=6, seed=4, **settings):
    """The parameters after a few steps of Adam on batches of 5, and the session."""
    net = network([X.shape[1], 5, 3], seed=seed, dtype="float64", **SOFTMAX)
    settings = {"optimizer": Adam(0.02), "batch_size": 5} | settings
    task = task_of(X, y, **settings)
    session = engine_of("reference").prepare(net, task)
    run(net, task, n_steps, session=session)
    return parameters(net), session


def test_a_weight_of_2_is_an_example_twice():
    X, y = data(10)
    weights = np.ones(10)
    weights[[1, 8]] = 2
    rows = np.array([0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9])
    twice, _ = trained(X[rows], y[rows], batch_size=6)  # batches of the same examples
    found, _ = trained(X, y, weights=weights)
    np.testing.assert_allclose(found, twice, rtol=1e-12)
    # only their ratios count, but in the sums that are told
    found, _ = trained(X, y, weights=7 * weights)
    np.testing.assert_allclose(found, twice, rtol=1e-12)


def test_a_weight_of_0_is_no_example():
    X, y = data(10)
    weights = np.ones(10)
    weights[[0, 7]] = 0
    found, _ = trained(X, y, weights=weights)
    without, _ = trained(np.delete(X, [0, 7], 0), np.delete(y, [0, 7]), batch_size=4)
    np.testing.assert_allclose(found, without, rtol=1e-12)


@pytest.mark.parametrize(
    "optimizer", [SGD(0.1, momentum=0.9), RMSprop(0.01), AdamW(0.1, weight_decay=0.5)]
)
def test_a_batch_without_weight_changes_nothing(optimizer):
    """Nor is it counted: the middle batch of three. Momentum does not carry on either."""
    X, y = data(15)
    weights = np.ones(15)
    weights[5:10] = 0
    net = network([6, 5, 3], seed=4, dtype="float64", **SOFTMAX)
    rule = Regularization(l1=0.01, l2=0.1)
    task = task_of(X, y, batch_size=5, optimizer=optimizer, regularization=rule, weights=weights)
    session = engine_of("reference").prepare(net, task)
    run(net, task, session=session)
    before, slots = parameters(net), [slot.copy() for slot in session.slots()]
    found = run(net, task, first_step=1, session=session)
    assert (found.n_done, found.diverged) == (1, False)
    for told in (found.losses, found.correct, found.weight_sums, found.gradient_norms):
        assert told.tolist() == [0]
    np.testing.assert_array_equal(parameters(net), before)
    np.testing.assert_array_equal(session.slots(), slots)
    run(net, task, first_step=2, session=session)
    assert (parameters(net) != before).all()


def test_smoothing_noise_and_augmentation_are_training_on_altered_examples():
    X, y = data(5)
    targets = 0.7 * np.eye(3)[y] + 0.1
    smooth, _ = trained(X, y, 1, regularization=Regularization(label_smoothing=0.3))
    np.testing.assert_allclose(smooth, trained(X, targets, 1)[0], rtol=1e-12)
    noisy, _ = trained(X, y, 1, regularization=Regularization(input_noise=0.3))
    altered = X + 0.3 * disturbance.noise(SEED, 0, 5, 6)
    np.testing.assert_allclose(noisy, trained(altered, y, 1)[0], rtol=1e-12)


def test_augmentation_knows_the_epoch_and_the_row():
    rows = np.array([3, 0, 8, 5])
    X, y = pixels(10, 12, seed=3), np.arange(10, dtype=np.int32) % 3
    rule = Augmentation(shift=1, rotation=20, scale=0.2, shear=10)
    settings = {"rows": rows, "batch_size": 4, "optimizer": SGD(0.3)}
    found, _ = trained(X, y, 2, augmentation=rule, input_shape=(4, 3), **settings)
    net = network([12, 5, 3], seed=4, dtype="float64", **SOFTMAX)
    for epoch in range(2):
        seen = X.copy()
        seen[rows] = augmented(X[rows], rows, epoch, SEED, rule, (4, 3))
        assert (seen[rows] != X[rows]).any()
        run(net, task_of(seen, y, **settings))
    np.testing.assert_allclose(parameters(net), found, rtol=1e-12)
    # an epoch that is told to come later is that epoch
    later, _ = trained(X, y, 1, augmentation=rule, input_shape=(4, 3), first_epoch=1, **settings)
    expected, _ = trained(seen, y, 1, **settings)
    np.testing.assert_allclose(later, expected, rtol=1e-12)


def test_the_first_epoch_counts_for_the_order():
    X, y = data(20)
    early, _ = trained(X, y, 4, shuffle=True)
    orders = [randomness.order(SEED, epoch, 20) for epoch in range(3)]
    by_hand, _ = trained(X[orders[0]], y[orders[0]], 4)
    np.testing.assert_allclose(early, by_hand, rtol=1e-12)
    late, _ = trained(X, y, 4, shuffle=True, first_epoch=2)
    by_hand, _ = trained(X[orders[2]], y[orders[2]], 4)
    np.testing.assert_allclose(late, by_hand, rtol=1e-12)


def test_l1_leaves_exact_zeros_and_spares_biases():
    """Inputs that say nothing lose their weights; with enough l1 all weights are gone."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 6))
    y = (X[:, 0] > 0).astype(np.int32)
    net = network([6, 3], seed=1, dtype="float64", **SOFTMAX | {"activation": []})
    task = task_of(X, y, optimizer=GradientDescent(0.5), regularization=Regularization(l1=0.05))
    run(net, task, 300)
    W = net.layers[0].W
    assert (W[:, 1:] == 0).all()
    assert (W[:2, 0] != 0).all()
    size = np.abs(W).sum()
    assert run(net, task).penalties[0] == pytest.approx(0.05 * size, rel=1e-12)
    rule = Regularization(l1=10.0)
    run(net, dataclasses.replace(task, regularization=rule), 5)
    assert not net.layers[0].W.any()
    assert (net.layers[0].b != 0).all()


def test_l2_shrinks_weights_in_proportion():
    """Where examples say nothing (X = 0) W is multiplied by 1 - eta l2 in each step."""
    net = network([6, 3], seed=1, dtype="float64", **SOFTMAX | {"activation": []})
    before = net.layers[0].W.copy()
    X, y = np.zeros((8, 6)), np.arange(8, dtype=np.int32) % 3
    task = task_of(X, y, optimizer=SGD(0.5), regularization=Regularization(l2=0.1))
    found = run(net, task, 10)
    np.testing.assert_allclose(net.layers[0].W, before * 0.95**10, rtol=1e-13)
    expected = 0.05 * (before**2).sum() * 0.95 ** (2 * np.arange(10))
    np.testing.assert_allclose(found.penalties, expected, rtol=1e-12)
    # over the batch: the same as an eighth of it
    again = network([6, 3], seed=1, dtype="float64", **SOFTMAX | {"activation": []})
    run(again, dataclasses.replace(task, l2_over_batch=True), 10)
    np.testing.assert_allclose(again.layers[0].W, before * (1 - 0.05 / 8) ** 10, rtol=1e-13)


def test_clipping_is_of_the_loss_alone():
    """The step of the loss's gradient has the length allowed; l2 comes on top."""
    X, y = data(8)
    net = network([6, 5, 3], seed=4, dtype="float64", **SOFTMAX)
    before = parameters(net)
    free = [g.ravel() for layer in net.gradients(X, y) for g in layer]
    norm = np.linalg.norm(np.concatenate(free))
    task = task_of(X, y, optimizer=SGD(1.0, clip_norm=norm / 4))
    found = run(net, task)
    assert found.gradient_norms[0] == pytest.approx(norm, rel=1e-12)
    np.testing.assert_allclose(before - parameters(net), np.concatenate(free) / 4, rtol=1e-10)
    limit = float(np.median(np.abs(np.concatenate(free))))
    net = network([6, 5, 3], seed=4, dtype="float64", **SOFTMAX)
    rule = Regularization(l2=0.5)
    task = task_of(X, y, optimizer=SGD(1.0, clip_value=limit), regularization=rule)
    found = run(net, task)
    assert found.gradient_norms[0] == 0  # nobody asked
    weights = np.concatenate(
        [np.r_[np.ones(layer.W.size), np.zeros(layer.b.size)] for layer in net.layers]
    )
    expected = np.clip(np.concatenate(free), -limit, limit) + 0.5 * weights * before
    np.testing.assert_allclose(before - parameters(net), expected, rtol=1e-10, atol=1e-14)


# The session --------------------------------------------------------------------------------------


OPTIMIZERS = [
    SGD(0.1),
    SGD(0.1, momentum=0.9),
    SGD(0.1, momentum=0.9, velocity="step", nesterov=True),
    RMSprop(0.01),
    RMSprop(0.01, momentum=0.5),
    Adam(0.01),
    AdamW(0.01),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_a_snapshot_holds_the_whole_state(optimizer, dtype):
    """Back from it, or in a session of its own, a run goes on with the same bits."""
    X, y = data(17)
    rule = Regularization(l1=1e-3, l2=0.01, dropout=0.3, input_noise=0.1, label_smoothing=0.1)
    task = task_of(
        X.astype(dtype), y, batch_size=5, shuffle=True, optimizer=optimizer, regularization=rule
    )
    net = network([6, 5, 3], seed=4, dtype=dtype, **SOFTMAX)
    session = engine_of("reference").prepare(net, task)
    assert len(session.slots()) == optimizer.n_slots
    assert all(slot.shape == net._parameters.shape for slot in session.slots())
    run(net, task, 6, session=session)
    middle = session.snapshot()
    last = run(net, task, 7, first_step=6, session=session)
    end = parameters(net), [slot.copy() for slot in session.slots()]
    session.restore(middle)
    again = run(net, task, 7, first_step=6, session=session)
    np.testing.assert_array_equal(parameters(net), end[0])
    np.testing.assert_array_equal(session.slots(), end[1])
    for field in dataclasses.fields(last):
        np.testing.assert_array_equal(getattr(again, field.name), getattr(last, field.name))
    other = network([6, 5, 3], seed=40, dtype=dtype, **SOFTMAX)
    session = engine_of("reference").prepare(other, task)
    session.restore(middle)
    for step in range(6, 13):  # one by one
        run(other, task, first_step=step, session=session)
    np.testing.assert_array_equal(parameters(other), end[0])


def test_slots_are_live():
    """What is written into them is what the optimiser goes on from."""
    X, y = data(5)
    net = network([6, 5, 3], seed=4, dtype="float64", **SOFTMAX)
    task = task_of(X, y, optimizer=SGD(0.1, momentum=0.5))
    session = engine_of("reference").prepare(net, task)
    (slot,) = session.slots()
    W, b = net.blueprint.views(slot)[0]
    W[...], b[...] = 100.0, -100.0
    before = net.layers[0].W.copy(), net.layers[0].b.copy()
    run(net, task, session=session)
    np.testing.assert_allclose(net.layers[0].W - before[0], -5.0, atol=0.5)
    np.testing.assert_allclose(net.layers[0].b - before[1], 5.0, atol=0.5)
    run(net, task, first_step=1, session=session)
    np.testing.assert_allclose(session.slots()[0].max(), 25.0, atol=1)


def test_a_diverging_step_is_not_made():
    X, y = data(5)
    net = network([6, 3], seed=4, dtype="float64", output="linear", loss="mse")
    task = task_of(X, np.eye(3)[y], optimizer=SGD(1e200, momentum=0.5))
    session = engine_of("reference").prepare(net, task)
    found = run(net, task, 5, session=session)
    assert found.diverged
    assert found.n_done == 1
    assert np.isfinite(found.losses[0])
    assert not np.isfinite(found.losses[1])
    assert np.isfinite(parameters(net)).all()


def test_a_sparse_matrix_is_its_dense_form():
    sparse = pytest.importorskip("scipy.sparse")
    X, y = pixels(11, 8), np.arange(11, dtype=np.int32) % 3
    for dense in (X, X / 255):
        found, session = trained(sparse.csr_matrix(dense), y)
        expected, other = trained(dense, y)
        np.testing.assert_array_equal(found, expected)
        rows = np.arange(4, dtype=np.uint32)
        np.testing.assert_array_equal(session.weighted_sums(rows), other.weighted_sums(rows))


def test_other_examples_may_follow():
    """In an order of the caller's own, epoch by epoch."""
    X, y = data(10)
    orders = [np.random.default_rng(k).permutation(10) for k in range(2)]
    net = network([6, 5, 3], seed=4, dtype="float64", **SOFTMAX)
    task = task_of(X, y, rows=orders[0], batch_size=4, optimizer=Adam(0.02))
    session = engine_of("reference").prepare(net, task)
    run(net, task, 3, session=session)
    session.set_rows(orders[1].astype(np.uint32))
    run(net, task, 3, first_step=3, session=session)
    both = np.concatenate([np.r_[X[order], np.zeros((2, 6))] for order in orders])
    labels = np.concatenate([np.r_[y[order], [0, 0]] for order in orders])
    weights = np.r_[np.ones(10), 0, 0, np.ones(10), 0, 0]  # fills up the last batch
    expected, _ = trained(both, labels.astype(np.int32), 6, batch_size=4, weights=weights)
    np.testing.assert_allclose(parameters(net), expected, rtol=1e-12)


def test_the_first_step_counts_for_what_is_drawn():
    """And for nothing else: Adam counts from the step it is told."""
    X, y = data(5)
    rule = Regularization(dropout=0.5, input_noise=0.3)
    late, _ = trained(X, y, 1, regularization=rule, first_step=6)
    net = network([6, 5, 3], seed=4, dtype="float64", **SOFTMAX)
    task = task_of(X, y, batch_size=5, optimizer=Adam(0.02), regularization=rule)
    session = engine_of("reference").prepare(net, task)
    session.advance(6, task.optimizer.rates(0, np.array([0.02])), 1)
    np.testing.assert_array_equal(parameters(net), late)
