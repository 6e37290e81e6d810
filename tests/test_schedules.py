"""Schedules: beside PyTorch's where there is one, by their formulas, and in parts."""

import json
import math
import re

import numpy as np
import pytest
import torch
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from tongtou.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    InverseScaling,
    OneCycle,
    ReduceOnPlateau,
    Schedule,
    Step,
)

EVERY = [
    pytest.param(schedule, id=repr(schedule))
    for schedule in (
        Constant(0.3),
        Step(0.3, every_epochs=2, factor=0.5),
        Exponential(0.3, decay_per_epoch=0.8),
        Cosine(0.3),
        Cosine(0.3, minimum=0.1, warmup_epochs=1.5, cycles=3),
        Cosine(0.3, warmup_epochs=1, cycles=2, growth=2),
        Cosine(0.3, first_cycle_epochs=2, growth=1.5),
        Cosine(0.3, warmup_epochs=100),
        InverseScaling(0.3),
        InverseScaling(0.3, power_t=1.0, examples_per_epoch=50),
        OneCycle(0.3),
        OneCycle(0.3, warmup_share=0.01, start_divisor=2, end_divisor=3),
        ReduceOnPlateau(0.3),
        ReduceOnPlateau(0.3, factor=0.1, patience=0, min_delta=0, minimum=0.01),
    )
]
every_schedule = pytest.mark.parametrize("schedule", EVERY)


def rates(schedule, n_epochs=12, per_epoch=5):
    return schedule.rates(0, n_epochs * per_epoch, per_epoch, n_epochs * per_epoch)


def rates_of_torch(make, rate, n_steps):
    """The rate before each of n_steps of PyTorch's schedule, stepped after each."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
    schedule, found = make(optimizer), []
    for _ in range(n_steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return np.array(found)


# What every schedule does -------------------------------------------------------------------------


def test_the_table_has_them_all():
    assert {type(one.values[0]) for one in EVERY} == set(SCHEDULES.values())
    assert all(kind.name == name for name, kind in SCHEDULES.items())


@every_schedule
def test_rates_are_a_function_of_the_step(schedule):
    """Any part of a run gets what the whole gets."""
    whole = rates(schedule)
    assert whole.shape == (60,)
    assert whole.dtype == np.float64
    for first, n in ((0, 1), (7, 11), (59, 1), (30, 0)):
        part = schedule.rates(first, n, 5, 60)
        # a power or cosine may differ in its last place with its place in the array
        np.testing.assert_allclose(part, whole[first : first + n], rtol=1e-15)


@every_schedule
def test_rates_stay_between_0_and_the_first(schedule):
    """Beyond the end of the run too, and for runs of a step or none."""
    assert schedule.initial == 0.3
    for found in (rates(schedule), schedule.rates(60, 20, 5, 60), rates(schedule, 1, 1)):
        assert (found >= 0).all()
        assert (found <= 0.3 * (1 + 1e-15)).all()
    assert schedule.rates(0, 0, 5, 0).shape == (0,)
    assert np.isfinite(schedule.rates(0, 3, 5, 0)).all()


@every_schedule
def test_it_can_be_described_and_shown(schedule):
    again = Schedule.from_description(json.loads(json.dumps(schedule.describe())))
    assert again == schedule
    assert hash(again) == hash(schedule)
    assert eval(repr(schedule)) == schedule


@every_schedule
def test_only_one_that_looks_has_a_state(schedule):
    assert json.loads(json.dumps(schedule.state())) == schedule.state()
    assert bool(schedule.state()) == isinstance(schedule, ReduceOnPlateau)
    before = rates(schedule.fresh())
    other = schedule.fresh()
    for _ in range(9):
        other.observe(1.0)
    assert bool((rates(other) != before).any()) == isinstance(schedule, ReduceOnPlateau)
    np.testing.assert_array_equal(rates(schedule), before)  # a fresh one is one of its own
    other.load_state(schedule.state())
    np.testing.assert_array_equal(rates(other), before)


# One by one ---------------------------------------------------------------------------------------


def test_constant():
    assert rates(Constant(0.3)).tolist() == [0.3] * 60


@pytest.mark.parametrize("every_epochs", [1, 2, 5])
def test_step_as_pytorch(every_epochs):
    expected = rates_of_torch(
        lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, every_epochs, gamma=0.5),
        0.3,
        12,
    )
    found = rates(Step(0.3, every_epochs, factor=0.5))
    np.testing.assert_allclose(found, np.repeat(expected, 5), rtol=1e-14)


def test_exponential_as_pytorch():
    """At the start of each epoch; and at every step, where PyTorch's is stepped with the root."""
    make = torch.optim.lr_scheduler.ExponentialLR
    found = rates(Exponential(0.3, decay_per_epoch=0.8))
    by_epoch = rates_of_torch(lambda optimizer: make(optimizer, 0.8), 0.3, 12)
    np.testing.assert_allclose(found[::5], by_epoch, rtol=1e-13)
    by_step = rates_of_torch(lambda optimizer: make(optimizer, 0.8**0.2), 0.3, 60)
    np.testing.assert_allclose(found, by_step, rtol=1e-13)


@pytest.mark.parametrize("minimum", [0.0, 0.05])
def test_cosine_as_pytorch(minimum):
    expected = rates_of_torch(
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(
            optimizer, 60, eta_min=minimum
        ),
        0.3,
        60,
    )
    np.testing.assert_allclose(rates(Cosine(0.3, minimum)), expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(("first", "growth"), [(2, 1), (1, 2), (3, 3), (1, 5)])
def test_cosine_with_restarts_as_pytorch(first, growth):
    """Cosines of first, first · growth, … epochs; the last is cut off by the end of the run."""
    expected = rates_of_torch(
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(
            optimizer, first * 5, T_mult=growth, eta_min=0.01
        ),
        0.3,
        60,
    )
    found = rates(Cosine(0.3, 0.01, first_cycle_epochs=first, growth=growth))
    np.testing.assert_allclose(found, expected, rtol=1e-11)


def test_cosines_share_the_run():
    """Cycles of one length, or each twice the one before, end where the run ends."""
    three = rates(Cosine(0.3, 0.1, cycles=3))
    np.testing.assert_allclose(three.reshape(3, 20), [three[:20]] * 3, rtol=1e-12)
    np.testing.assert_allclose(three[:20], Cosine(0.3, 0.1).rates(0, 20, 5, 20), rtol=1e-12)
    grown = rates(Cosine(0.3, cycles=2, growth=2))  # 20 and 40 steps
    expected = [Cosine(0.3).rates(0, n, 5, n) for n in (20, 40)]
    np.testing.assert_allclose(grown, np.concatenate(expected), rtol=1e-11, atol=1e-15)


def test_cosine_warms_up():
    """1/10, 2/10 … of the rate for two epochs; then what a run two epochs shorter does."""
    found = rates(Cosine(0.3, 0.1, warmup_epochs=2, cycles=2))
    np.testing.assert_allclose(found[:10], 0.3 * np.arange(1, 11) / 10, rtol=1e-14)
    rest = Cosine(0.3, 0.1, cycles=2).rates(0, 50, 5, 50)
    np.testing.assert_allclose(found[10:], rest, rtol=1e-12)
    assert (Cosine(0.3, 0.1).rates(60, 9, 5, 60) == 0.1).all()  # after the end
    # a warm-up longer than the run
    long = rates(Cosine(0.3, warmup_epochs=100))
    np.testing.assert_allclose(long, 0.3 * np.arange(1, 61) / 60, rtol=1e-14)


def test_inverse_scaling_as_scikit_learn():
    """`time_step` there is the number of examples seen when an epoch ends."""
    optimizer = SGDOptimizer([], 0.3, lr_schedule="invscaling", power_t=0.4)
    expected = []
    for epoch in range(12):
        if epoch:
            optimizer.iteration_ends(epoch * 23)
        expected.append(optimizer.learning_rate)
    found = rates(InverseScaling(0.3, power_t=0.4, examples_per_epoch=23))
    np.testing.assert_allclose(found, np.repeat(expected, 5), rtol=1e-14)


def test_inverse_scaling_by_step():
    assert InverseScaling(0.6, 1.0).rates(0, 4, 9, 9) == pytest.approx([0.6, 0.3, 0.2, 0.15])
    assert InverseScaling(0.6).rates(3, 1, 9, 9) == pytest.approx([0.3])


@pytest.mark.parametrize(
    ("share", "start", "end"), [(0.3, 25.0, 1e4), (0.5, 2.0, 10.0), (0.05, 3.0, 1.0)]
)
def test_one_cycle_as_pytorch(share, start, end):
    expected = rates_of_torch(
        lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            0.3,
            total_steps=61,  # PyTorch refuses to be stepped after its last step
            pct_start=share,
            div_factor=start,
            final_div_factor=end,
        ),
        0.3,
        60,
    )
    found = OneCycle(0.3, share, start, end).rates(0, 61, 5, 61)
    np.testing.assert_allclose(found[:60], expected, rtol=1e-11)
    assert found[60] == pytest.approx(0.3 / start / end)


@pytest.mark.parametrize(
    ("factor", "patience", "min_delta", "minimum"),
    [(0.5, 3, 1e-4, 0.0), (0.1, 0, 0.0, 1e-3), (0.7, 1, 0.05, 0.05), (0.5, 10, 0.0, 0.0)],
)
def test_plateau_as_pytorch(factor, patience, min_delta, minimum):
    rng = np.random.default_rng(5)
    losses = np.exp(-np.arange(60) / 10) + 0.1 * rng.random(60)
    losses[20], losses[33] = np.nan, np.inf
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer,
        factor=factor,
        patience=patience,
        threshold=min_delta,
        threshold_mode="abs",
        min_lr=minimum,
        eps=0,
    )
    mine = ReduceOnPlateau(0.3, factor, patience, min_delta, minimum)
    found, expected = [], []
    for epoch, loss in enumerate(losses.tolist()):
        found.append(float(mine.rates(epoch * 5, 5, 5, 300)[0]))
        expected.append(optimizer.param_groups[0]["lr"])
        mine.observe(loss)
        theirs.step(loss)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert (found[-1] < 0.3) == (patience < 10)


def test_plateau_by_hand():
    """Best 1.0; 0.95 is not 0.1 better, nor is 0.91: with patience 1 the second time reduces."""
    schedule = ReduceOnPlateau(0.8, factor=0.25, patience=1, min_delta=0.1)
    found = []
    for loss in (1.0, 0.95, 0.91, 0.85, 0.85, math.nan, 0.5):
        schedule.observe(loss)
        found.append(float(schedule.rates(0, 1, 1, 1)[0]))
    assert found == [0.8, 0.8, 0.2, 0.2, 0.2, 0.05, 0.05]
    assert schedule.state() == {"best": 0.5, "waited": 0, "reductions": 2}


def test_a_plateau_goes_on_from_its_state():
    losses = [1.0, 0.9, 0.95, 0.9, 0.8, 0.8, 0.8, 0.8, 0.7, 0.7]
    whole = ReduceOnPlateau(0.3, patience=1)
    for loss in losses[:5]:
        whole.observe(loss)
    resumed = whole.fresh()
    assert resumed.state() == {"best": None, "waited": 0, "reductions": 0}
    resumed.load_state(json.loads(json.dumps(whole.state())))
    for loss in losses[5:]:
        whole.observe(loss)
        resumed.observe(loss)
        assert whole.state() == resumed.state()
    np.testing.assert_array_equal(rates(whole), rates(resumed))


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Constant(0), "rate must be a finite number above 0; it is 0."),
        (lambda: Constant(math.nan), "rate must be a finite number above 0; it is nan."),
        (lambda: Step(1, 0), "every_epochs must be at least 1; it is 0."),
        (lambda: Step(1, 2.5), "every_epochs must be a whole number from 1 on; it is 2.5."),
        (lambda: Step(1, 2, 0), "factor must be a finite number above 0 … 1; it is 0."),
        (
            lambda: Exponential(1, 1.5),
            "decay_per_epoch must be a finite number above 0 … 1; it is 1.5.",
        ),
        (lambda: Cosine(1, 2), "minimum must be a finite number 0 … 1; it is 2."),
        (lambda: Cosine(1, cycles=0), "cycles must be at least 1; it is 0."),
        (lambda: Cosine(1, growth=0.5), "growth must be a finite number from 1 on; it is 0.5."),
        (
            lambda: Cosine(1, warmup_epochs=-1),
            "warmup_epochs must be a finite number from 0 on; it is -1.",
        ),
        (
            lambda: Cosine(1, first_cycle_epochs=0),
            "first_cycle_epochs must be a finite number above 0; it is 0.",
        ),
        (
            lambda: Cosine(1, cycles=3, first_cycle_epochs=2),
            "give either cycles, which share the run, or first_cycle_epochs, which repeat until it "
            "ends; got cycles=3 and first_cycle_epochs=2.",
        ),
        (
            lambda: InverseScaling(1, -1),
            "power_t must be a finite number from 0 on; it is -1.",
        ),
        (
            lambda: InverseScaling(1, examples_per_epoch=0),
            "examples_per_epoch must be at least 1; it is 0.",
        ),
        (
            lambda: OneCycle(1, warmup_share=1),
            "warmup_share must be a finite number above 0 … below 1; it is 1.",
        ),
        (
            lambda: OneCycle(1, end_divisor=0.5),
            "end_divisor must be a finite number from 1 on; it is 0.5.",
        ),
        (
            lambda: ReduceOnPlateau(1, factor=1),
            "factor must be a finite number above 0 … below 1; it is 1.",
        ),
        (lambda: ReduceOnPlateau(1, patience=-1), "patience must be at least 0; it is -1."),
        (
            lambda: ReduceOnPlateau(1, min_delta=-1),
            "min_delta must be a finite number from 0 on; it is -1.",
        ),
        (lambda: ReduceOnPlateau(1, minimum=2), "minimum must be a finite number 0 … 1; it is 2."),
        (
            lambda: ReduceOnPlateau(1).load_state({"best": 1.0}),
            "the state of reduce_on_plateau holds best, waited, reductions; got {'best': 1.0}.",
        ),
        (
            lambda: ReduceOnPlateau(1).load_state({"best": 1.0, "waited": -1, "reductions": 0}),
            "waited must be at least 0; it is -1.",
        ),
        (
            lambda: Schedule.from_description({"name": "cosin", "rate": 1}),
            f"unknown schedule 'cosin'; expected one of {', '.join(sorted(SCHEDULES))}. "
            "Did you mean 'cosine'?",
        ),
        (
            lambda: Schedule.from_description({"name": "constant", "rate": 1, "factor": 2}),
            "the schedule 'constant' has no setting 'factor'; it has rate.",
        ),
    ],
)
def test_a_bad_setting_is_refused(make, said):
    with pytest.raises(ValueError, match=f"^{re.escape(said)}$"):
        make()
