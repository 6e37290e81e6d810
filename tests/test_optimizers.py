"""Optimisers: one table of properties that every one has, and first steps worked by hand."""

import dataclasses
import json
import re

import numpy as np
import pytest

from tongtou.optimizers import (
    OPTIMIZERS,
    SGD,
    Adam,
    AdamW,
    GradientDescent,
    Optimizer,
    RMSprop,
    clip,
    norm_of,
    reference_step,
)
from tongtou.schedules import Constant, Cosine, ReduceOnPlateau, Step

# Every form of every optimiser; the rate is one with which it descends the quadratic below.
EVERY = [
    pytest.param(optimizer, id=repr(optimizer))
    for optimizer in (
        GradientDescent(0.3),
        SGD(0.3),
        SGD(0.1, momentum=0.8),
        SGD(0.1, momentum=0.8, nesterov=True),
        SGD(0.1, momentum=0.8, velocity="step"),
        SGD(0.1, momentum=0.8, nesterov=True, velocity="step"),
        RMSprop(0.02),
        RMSprop(0.02, rho=0.9, epsilon_placement="inside"),
        RMSprop(0.005, momentum=0.8),
        RMSprop(0.005, momentum=0.8, epsilon_placement="inside"),
        Adam(0.05),
        Adam(0.05, beta1=0.0),
        Adam(0.05, epsilon=1e-5, epsilon_placement="uncorrected"),
        Adam(0.05, epsilon_placement="inside"),
        AdamW(0.05, weight_decay=0.2),
        AdamW(0.05, weight_decay=0.01, coupling="schedule"),
        AdamW(0.05, epsilon_placement="uncorrected"),
        AdamW(0.05, epsilon_placement="inside"),
        SGD(Cosine(0.3, minimum=0.1), clip_norm=2.0, clip_value=1.0),
    )
]
every_optimizer = pytest.mark.parametrize("optimizer", EVERY)

CURVATURES = np.array([0.5, 1.0, 2.0, 3.0])
START = np.array([1.0, -2.0, 0.5, 3.0])


def empty_slots(optimizer, like):
    return [np.zeros_like(like) for _ in range(optimizer.n_slots)]


def eta_of(optimizer, n_steps):
    return optimizer.schedule.rates(0, n_steps, 10, n_steps)


def path(optimizer, w, gradient_of, n_steps, **penalties):
    """The parameters after every step, and the slots at the end."""
    slots, points = empty_slots(optimizer, w), []
    for row in optimizer.rates(0, eta_of(optimizer, n_steps)):
        w = reference_step(optimizer, w, gradient_of(w), slots, row, **penalties)
        points.append(w)
    return np.array(points), slots


# What every optimiser does -----------------------------------------------------------------------


def test_the_table_has_them_all():
    assert {type(one.values[0]) for one in EVERY} == set(OPTIMIZERS.values())
    assert all(kind.name == name for name, kind in OPTIMIZERS.items())


@every_optimizer
def test_it_descends_a_quadratic(optimizer):
    """f(w) = 1/2 sum k_i w_i^2, to less than a thousandth of its height."""
    points, _ = path(optimizer, START, lambda w: CURVATURES * w, 300)
    height = (CURVATURES * points**2).sum(axis=1) / 2
    assert height[-1] < 1e-3 * (CURVATURES * START**2).sum() / 2


@every_optimizer
def test_without_gradient_nothing_moves_but_what_decays(optimizer):
    """From a standing start; biases do not even decay."""
    (row,) = optimizer.rates(0, np.array([0.05]))
    for is_bias in (True, False):
        slots = empty_slots(optimizer, START)
        w = reference_step(optimizer, START, np.zeros(4), slots, row, is_bias=is_bias)
        keep = row[3] if isinstance(optimizer, AdamW) and not is_bias else 1.0
        np.testing.assert_array_equal(w, keep * START)
        assert not np.any(slots)
    assert (row[3] < 1) == isinstance(optimizer, AdamW)


@every_optimizer
def test_the_state_has_the_shape_of_the_parameters(optimizer):
    w, g = np.ones((3, 2)), np.full((3, 2), 0.5)
    (row,) = optimizer.rates(0, np.array([0.1]))
    slots = empty_slots(optimizer, w)
    kept = [id(slot) for slot in slots]
    after = reference_step(optimizer, w, g, slots, row, l1=0.1, l2=0.1)
    assert after.shape == w.shape
    assert after.dtype == np.float64
    np.testing.assert_array_equal(w, 1.0)  # left as it was
    np.testing.assert_array_equal(g, 0.5)
    assert [id(slot) for slot in slots] == kept  # altered in place …
    assert all(np.all(slot != 0) for slot in slots)  # … each of them


@every_optimizer
def test_it_is_deterministic_and_element_by_element(optimizer):
    def gradient_of(w):
        return np.resize(CURVATURES, w.shape) * w

    both, slots = path(optimizer, START, gradient_of, 20)
    again, slots_again = path(optimizer, START, gradient_of, 20)
    np.testing.assert_array_equal(both, again)
    np.testing.assert_array_equal(slots, slots_again)
    alone, _ = path(optimizer, START[:1], gradient_of, 20)
    np.testing.assert_array_equal(alone[:, 0], both[:, 0])
    mirrored, _ = path(optimizer, -START, gradient_of, 20)
    np.testing.assert_array_equal(mirrored, -both)


@every_optimizer
def test_it_goes_on_from_its_state(optimizer):
    """Ten steps and ten more are twenty: the rows of `rates` know the step."""
    eta = eta_of(optimizer, 20)
    whole = optimizer.rates(0, eta)
    assert whole.shape == (20, 4)
    assert whole.dtype == np.float64
    np.testing.assert_array_equal(whole[:, 0], eta)
    np.testing.assert_allclose(optimizer.rates(0, eta[:10]), whole[:10], rtol=1e-12)
    np.testing.assert_allclose(optimizer.rates(10, eta[10:]), whole[10:], rtol=1e-12)
    assert optimizer.rates(7, eta[:0]).shape == (0, 4)


@every_optimizer
def test_rates_correct_and_decay_only_where_used(optimizer):
    eta = np.array([0.2, 0.1, 0.1])
    rates = optimizer.rates(4, eta)
    expected = np.ones((3, 4))
    expected[:, 0] = eta
    if isinstance(optimizer, Adam):
        for row, t in zip(expected, (5, 6, 7), strict=True):
            row[1:3] = 1 - optimizer.beta1**t, 1 - optimizer.beta2**t
    if isinstance(optimizer, AdamW):
        share = 1 if optimizer.coupling == "learning_rate" else 1 / 0.05
        expected[:, 3] -= share * eta * optimizer.weight_decay
    np.testing.assert_allclose(rates, expected, rtol=1e-12)


@every_optimizer
def test_it_can_be_described_and_shown(optimizer):
    described = json.loads(json.dumps(optimizer.describe()))
    again = Optimizer.from_description(described)
    assert again == optimizer
    assert hash(again) == hash(optimizer)
    assert eval(repr(optimizer)) == optimizer
    assert described["name"] == optimizer.name


@every_optimizer
def test_the_kernel_is_told_plain_numbers(optimizer):
    assert optimizer.kind in range(5)
    assert all(type(number) is float for number in optimizer.constants)
    assert len(optimizer.constants) == 4
    assert optimizer.flags in (0, 1, 2, 4)
    assert optimizer.n_slots == {0: 0, 1: 1, 2: 1, 4: 2}.get(
        optimizer.kind, 1 + bool(optimizer.constants[3])
    )


@every_optimizer
def test_l2_is_part_of_the_gradient_of_weights(optimizer):
    """Of weights alone: biases are not penalised."""

    def gradient_of(w):
        return CURVATURES * w - 1

    found, _ = path(optimizer, START, gradient_of, 10, l2=0.3)
    expected, _ = path(optimizer, START, lambda w: gradient_of(w) + 0.3 * w, 10)
    np.testing.assert_array_equal(found, expected)
    spared, _ = path(optimizer, START, gradient_of, 10, l1=0.2, l2=0.3, is_bias=True)
    expected, _ = path(optimizer, START, gradient_of, 10, is_bias=True)
    np.testing.assert_array_equal(spared, expected)


@every_optimizer
def test_l1_minimises_a_step_and_its_penalty(optimizer):
    """w' = argmin_u (u - w)^2 / 2 + eta l1 |u|, w what the step would give without it."""
    w = np.linspace(-0.5, 0.5, 41)
    (row,) = optimizer.rates(3, np.array([0.05]))
    g = np.random.default_rng(1).normal(size=41)
    plain = reference_step(optimizer, w, g, empty_slots(optimizer, w), row)
    found = reference_step(optimizer, w, g, empty_slots(optimizer, w), row, l1=2.0)
    u = np.linspace(-1, 1, 20_001)
    best = u[np.argmin((u - plain[:, None]) ** 2 / 2 + 0.05 * 2.0 * np.abs(u), axis=1)]
    np.testing.assert_allclose(found, best, atol=6e-5)
    assert (found[np.abs(plain) <= 0.1] == 0).all()  # exactly
    assert (found[np.abs(plain) > 0.1001] != 0).all()


@pytest.mark.parametrize(
    "optimizer",
    [one for one in EVERY if isinstance(one.values[0], (RMSprop, Adam))],
)
def test_adaptive_steps_do_not_depend_on_the_size_of_gradients(optimizer):
    optimizer = dataclasses.replace(optimizer, epsilon=1e-30)

    def gradient_of(w):
        return CURVATURES * w + 1

    small, _ = path(optimizer, START, gradient_of, 15)
    large, _ = path(optimizer, START, lambda w: 1024 * gradient_of(w), 15)
    np.testing.assert_allclose(large, small, rtol=1e-12)


# First steps by hand ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("optimizer", "gradients", "etas", "expected"),
    [
        pytest.param(SGD(), [2, -1], [0.5, 0.5], [-1, -0.5], id="descent"),
        # v = 1, 1.5
        pytest.param(SGD(momentum=0.5), [1, 1], [0.1, 0.1], [-0.1, -0.25], id="momentum"),
        # g + v/2 = 1.5, 1.75
        pytest.param(
            SGD(momentum=0.5, nesterov=True), [1, 1], [0.1, 0.1], [-0.15, -0.325], id="nesterov"
        ),
        # the rate is halved: v = 1.5 counts half …
        pytest.param(
            SGD(momentum=0.5), [1, 1], [0.1, 0.05], [-0.1, -0.175], id="a rate for all gradients"
        ),
        # … or v = -0.1, then -0.05 - 0.05: the step before keeps its own rate
        pytest.param(
            SGD(momentum=0.5, velocity="step"),
            [1, 1],
            [0.1, 0.05],
            [-0.1, -0.2],
            id="each step its own rate",
        ),
        # v = -0.1, step v/2 - 0.1; v = -0.1, step -0.05 - 0.05
        pytest.param(
            SGD(momentum=0.5, velocity="step", nesterov=True),
            [1, 1],
            [0.1, 0.05],
            [-0.15, -0.25],
            id="nesterov by steps",
        ),
        # s = 16/4, d = 4 / (2 + 1)
        pytest.param(RMSprop(rho=0.75, epsilon=1), [4], [0.3], [-0.4], id="rmsprop"),
        # d = 4 / sqrt(4 + 5)
        pytest.param(
            RMSprop(rho=0.75, epsilon=5, epsilon_placement="inside"),
            [4],
            [0.3],
            [-0.4],
            id="rmsprop, epsilon inside",
        ),
        # d = 4/3, 0; v = 4/3, 2/3
        pytest.param(
            RMSprop(rho=0.75, epsilon=1, momentum=0.5),
            [4, 0],
            [0.3, 0.3],
            [-0.4, -0.6],
            id="rmsprop with momentum",
        ),
        # m^ = 4, v^ = 16 whatever the betas: 4 / (4 + 1)
        pytest.param(Adam(epsilon=1), [4], [0.5], [-0.4], id="adam"),
        # 4 / sqrt(16 + 9)
        pytest.param(
            Adam(epsilon=9, epsilon_placement="inside"), [4], [0.5], [-0.4], id="adam, inside"
        ),
        # m = 2, v = 4, eta_t = sqrt(1/4) / (1/2) eta = eta: 2 / (2 + 3)
        pytest.param(
            Adam(beta1=0.5, beta2=0.75, epsilon=3, epsilon_placement="uncorrected"),
            [4],
            [1.0],
            [-0.4],
            id="adam, uncorrected",
        ),
        # m = 2, 1 of 1/2, 3/4: m^ = 4, 4/3; v = 4, 3 of 1/4, 7/16: v^ = 16, 48/7
        pytest.param(
            Adam(beta1=0.5, beta2=0.75, epsilon=1e-300),
            [4, 0],
            [0.3, 0.3],
            [-0.3, -0.3 - 0.4 / np.sqrt(48 / 7)],
            id="adam, two steps",
        ),
    ],
)
def test_the_first_steps_from_0(optimizer, gradients, etas, expected):
    w, slots, found = np.zeros(1), empty_slots(optimizer, np.zeros(1)), []
    for g, row in zip(gradients, optimizer.rates(0, np.array(etas)), strict=True):
        w = reference_step(optimizer, w, np.array([float(g)]), slots, row)
        found.append(float(w[0]))
    assert found == pytest.approx(expected, rel=1e-14)


def test_decay_is_beside_the_step():
    """Weights 2: 2 (1 - 0.5 · 0.2) - 0.5 · 4/(4 + 1); a bias only takes the step."""
    optimizer = AdamW(0.5, weight_decay=0.2, epsilon=1)
    (row,) = optimizer.rates(0, np.array([0.5]))
    w, g = np.array([2.0]), np.array([4.0])
    assert reference_step(optimizer, w, g, [np.zeros(1), np.zeros(1)], row) == 2 * 0.9 - 0.4
    found = reference_step(optimizer, w, g, [np.zeros(1), np.zeros(1)], row, is_bias=True)
    assert found == 1.6


def test_decay_by_the_schedule_alone():
    """After a stair the rate is a tenth, and so is the decay, whatever eta_0."""
    for rate in (0.5, 0.001):
        schedule = Step(rate, every_epochs=1, factor=0.1)
        optimizer = AdamW(schedule, weight_decay=0.2, coupling="schedule")
        rates = optimizer.rates(0, schedule.rates(0, 4, 2, 4))
        np.testing.assert_allclose(rates[:, 3], [0.8, 0.8, 0.98, 0.98], rtol=1e-14)


# Clipping -----------------------------------------------------------------------------------------


def test_clipping_by_hand():
    gradients = [np.array([[3.0, 0.0]]), np.array([-4.0])]
    assert norm_of(gradients) == 5
    half = clip(gradients, clip_norm=2.5)
    assert [g.tolist() for g in half] == [[[1.5, 0.0]], [-2.0]]
    # first by value, (2, 0, -2), then by the norm of that
    both = clip(gradients, clip_value=2, clip_norm=np.sqrt(2))
    np.testing.assert_allclose(np.concatenate([g.ravel() for g in both]), [1, 0, -1], rtol=1e-15)
    for settings in ({}, {"clip_norm": 5.0}, {"clip_value": 4.0}):
        same = clip(gradients, **settings)
        assert [g.tolist() for g in same] == [g.tolist() for g in gradients]
    assert clip([np.zeros(2)], clip_norm=1.0)[0].tolist() == [0, 0]
    assert gradients[0].tolist() == [[3, 0]]  # left as it was


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: SGD(0), "learning_rate must be a finite number above 0; it is 0."),
        (lambda: Adam("fast"), "learning_rate must be a finite number above 0; it is 'fast'."),
        (lambda: RMSprop(True), "learning_rate must be a finite number above 0; it is True."),
        (
            lambda: GradientDescent(np.inf),
            "learning_rate must be a finite number above 0; it is inf.",
        ),
        (
            lambda: SGD(momentum=1),
            "momentum must be a finite number 0 … below 1; it is 1.",
        ),
        (
            lambda: SGD(nesterov=True),
            "nesterov=True needs a momentum above 0, along which to look ahead; momentum is 0. "
            "Use momentum=0.9, or nesterov=False.",
        ),
        (
            lambda: SGD(velocity="steps"),
            "unknown velocity 'steps'; expected one of gradient, step. Did you mean 'step'?",
        ),
        (lambda: SGD(clip_norm=0), "clip_norm must be a finite number above 0; it is 0."),
        (lambda: Adam(clip_value=-1), "clip_value must be a finite number above 0; it is -1."),
        (lambda: RMSprop(rho=1.0), "rho must be a finite number 0 … below 1; it is 1.0."),
        (
            lambda: RMSprop(momentum=-0.1),
            "momentum must be a finite number 0 … below 1; it is -0.1.",
        ),
        (lambda: RMSprop(epsilon=0), "epsilon must be a finite number above 0; it is 0."),
        (
            lambda: RMSprop(epsilon_placement="uncorrected"),
            "unknown epsilon_placement 'uncorrected'; expected one of inside, outside.",
        ),
        (lambda: Adam(beta1=1.5), "beta1 must be a finite number 0 … below 1; it is 1.5."),
        (lambda: Adam(beta2=None), "beta2 must be a finite number 0 … below 1; it is None."),
        (lambda: Adam(epsilon=np.nan), "epsilon must be a finite number above 0; it is nan."),
        (
            lambda: Adam(epsilon_placement="under"),
            "unknown epsilon_placement 'under'; expected one of inside, outside, uncorrected. "
            "Did you mean 'inside'?",
        ),
        (
            lambda: AdamW(weight_decay=-1),
            "weight_decay must be a finite number from 0 on; it is -1.",
        ),
        (
            lambda: AdamW(coupling="rate"),
            "unknown coupling 'rate'; expected one of learning_rate, schedule.",
        ),
        (
            lambda: AdamW(0.1, weight_decay=20),
            "weight_decay=20 would take away 2 of a weight in one step, but it must be less than "
            "all of it; use a smaller weight_decay or learning_rate.",
        ),
        (
            lambda: AdamW(0.1, weight_decay=1, coupling="schedule"),
            "weight_decay=1 would take away 1 of a weight in one step, but it must be less than "
            "all of it; use a smaller weight_decay.",
        ),
        (
            lambda: Optimizer.from_description({"name": "adamm"}),
            "unknown optimizer 'adamm'; expected one of adam, adamw, gradient_descent, rmsprop, "
            "sgd. Did you mean 'adam'?",
        ),
        (
            lambda: Optimizer.from_description({"name": "gradient_descent", "momentum": 0.9}),
            "the optimizer 'gradient_descent' has no setting 'momentum'; it has clip_norm, "
            "clip_value, learning_rate.",
        ),
        (
            lambda: Optimizer.from_description("adam"),
            "the optimizer must be described by its name and its settings; this is 'adam'.",
        ),
    ],
)
def test_a_bad_setting_is_refused(make, said):
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        make()


# Schedules within ---------------------------------------------------------------------------------


def test_a_number_is_a_constant_schedule():
    assert SGD(0.5).schedule == Constant(0.5)
    assert SGD(0.5).learning_rate == 0.5
    schedule = ReduceOnPlateau(0.5)
    assert SGD(schedule).schedule is schedule


def test_settings_that_are_given_as_integers_become_floats():
    assert SGD(1, clip_norm=2).describe() == {"name": "sgd", "learning_rate": 1.0, "clip_norm": 2.0}
    assert SGD(np.float32(0.5)).describe() == {"name": "sgd", "learning_rate": 0.5}


def test_an_optimizer_cannot_be_altered():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SGD().learning_rate = 3.0
