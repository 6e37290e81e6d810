"""What ends a run before its epochs are over, and which parameters are left then."""

import math

import numpy as np
import pytest
from small_networks import SWITCHED, bits, pixels, set_pace

import tongtou as tt
from tongtou.history import EpochRecord
from tongtou.optimizers import SGD, Adam, GradientDescent
from tongtou.stopping import (
    EarlyStopping,
    GradientSmall,
    LossFlat,
    StepLimit,
    Stopping,
    TargetAccuracy,
    TimeBudget,
    conditions,
)

X, Y = pixels(90, 12), np.arange(90) % 3
ALL = [
    GradientSmall(0.5),
    LossFlat(0.1, 3),
    StepLimit(7),
    EarlyStopping(4, 0.01, "val_accuracy", False),
    TimeBudget(2.5),
    TargetAccuracy(0.9),
]


def train(stop, data=(X, Y), **settings):
    net = tt.Network([12, 9, 3], seed=2, **SWITCHED)
    plain = {"optimizer": Adam(0.02), "batch_size": 16, "epochs": 60, "validation": 30}
    return net, tt.fit(net, data, stop=stop, **{**plain, **settings})


def record(epoch=1, **values):
    plain = {"loss": 1.0, "accuracy": None, "val_loss": None, "val_accuracy": None}
    return EpochRecord(epoch=epoch, seconds=0.0, learning_rate=0.1, **{**plain, **values})


def fired(condition, records):
    """After which of the records it fires, from 1 on; None if it never does."""
    memory = {}
    for k, one in enumerate(records, start=1):
        if condition.after_epoch(one, memory):
            return k
    return None


# Each condition against a course worked by hand ---------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "losses", "at"),
    [
        # lowest so far 1.0, 0.5, then 0.45 and 0.44 gain less than 0.1
        (LossFlat(0.1, 2), [1.0, 0.5, 0.45, 0.44, 0.3], 4),
        # 0.41 and 0.39: together they gain 0.1, so the count begins again
        (LossFlat(0.1, 2), [1.0, 0.5, 0.41, 0.39, 0.38, 0.37], 6),
        (LossFlat(0.1, 1), [1.0, 0.95], 2),
        (LossFlat(0.0, 2), [1.0, 1.0, 0.99, 1.0, 1.0], 5),
        (LossFlat(0.0, 3), [1.0, 2.0, 3.0, 4.0], 4),
        (LossFlat(0.1, 2), [math.inf, math.inf, math.inf], 2),
        (LossFlat(0.1, 2), [math.inf, 5.0, 4.0, 3.0], None),
        (LossFlat(0.1, 2), [1.0, math.nan, math.nan], 3),
    ],
)
def test_a_flat_loss(condition, losses, at):
    assert fired(condition, [record(loss=loss) for loss in losses]) == at


def test_a_flat_loss_counts_the_penalty():
    falling = [record(loss=1 - k / 10, penalty=k / 10) for k in range(4)]
    assert fired(LossFlat(0.01, 2), falling) == 3


@pytest.mark.parametrize(
    ("condition", "column", "values", "at", "best"),
    [
        (EarlyStopping(2), "val_loss", [3, 2, 2.5, 2.1, 1], 4, 2),
        (EarlyStopping(2), "val_loss", [3, 2, 2.5, 1.9, 2, 2], 6, 4),
        (EarlyStopping(2, min_delta=0.5), "val_loss", [3, 2, 1.8, 1.7, 0], 4, 4),
        (EarlyStopping(2, min_delta=0.5), "val_loss", [3, 2, 1.8, 1.4, 1.4], None, 4),
        (EarlyStopping(1), "val_loss", [1, 1], 2, 1),
        (EarlyStopping(3), "val_loss", [1, math.nan, math.inf, 2], 4, 1),
        (EarlyStopping(2, monitor="val_accuracy"), "val_accuracy", [0.5, 0.9, 0.9, 0.8], 4, 2),
    ],
)
def test_early_stopping(condition, column, values, at, best):
    memory, found = {}, None
    for k, value in enumerate(values, start=1):
        if condition.after_epoch(record(k, **{column: value}), memory):
            found = k
            break
    assert (found, memory["best_epoch"]) == (at, best)


def test_a_small_gradient():
    course = [record(gradient_norm=norm) for norm in (3.0, 0.2, 0.1)]
    assert fired(GradientSmall(0.1), course) == 3
    assert fired(GradientSmall(0.01), course) is None
    assert fired(GradientSmall(1), [record()]) is None


def test_a_target_is_that_of_the_held_out_examples_if_there_are_any():
    assert fired(TargetAccuracy(0.9), [record(accuracy=0.95, val_accuracy=0.8)]) is None
    assert fired(TargetAccuracy(0.9), [record(accuracy=0.5, val_accuracy=0.9)]) == 1
    assert fired(TargetAccuracy(0.9), [record(accuracy=0.9)]) == 1


# In a run -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (StepLimit(13), "step limit"),
        (LossFlat(10, 2), "loss flat"),
        (GradientSmall(1e6), "gradient small"),
        (EarlyStopping(1, min_delta=1e6), "early stopping"),
        (TargetAccuracy(0.01), "target accuracy"),
        (TimeBudget(1e-9), "time budget"),
        (None, "epochs"),
        ([], "epochs"),
        ([LossFlat(10, 5), StepLimit(9), TimeBudget(1e9)], "step limit"),
    ],
)
def test_the_history_says_which_one_fired(stop, reason):
    net, history = train(stop, epochs=6)
    assert history.stopped_by == reason
    said = [] if stop is None else [stop] if isinstance(stop, Stopping) else stop
    assert net.recipe.get("stopping", []) == [one.describe() for one in said]


def test_the_first_of_the_list_is_named():
    both = [TargetAccuracy(0.01), StepLimit(4)]
    assert train(both)[1].stopped_by == "target accuracy"
    assert train(both[::-1])[1].stopped_by == "step limit"


def test_the_callback_sees_the_epoch_that_fires_a_condition():
    seen = []

    def callback(one):
        seen.append(one.epoch)
        return one.epoch == 2

    _, history = train(LossFlat(1e9, 1), callback=callback)
    assert (seen, history.stopped_by) == ([1, 2], "loss flat")
    assert train(None, callback=callback)[1].stopped_by == "callback"


@pytest.mark.parametrize("slice_length", [1, 5, 1000])
def test_a_step_limit_is_kept_to_the_step(monkeypatch, slice_length):
    """In the middle of an epoch, which is then not recorded."""
    set_pace(monkeypatch, slice_length)
    net, history = train(StepLimit(10))
    assert (history.n_steps, len(history.epochs)) == (10, 2)
    exact, _ = train(StepLimit(8), epochs=2)
    assert bits(exact) == bits(train(None, epochs=2)[0])
    assert bits(net) != bits(exact)


def test_the_lessons_neuron_stops_where_the_ground_is_level():
    """S(w) = (w - 3)^2 by gradient descent: dS/dw = 2 (w - 3), so the gradient shrinks by 1/2."""
    net = tt.Network([1, 1], output="linear", loss="mse", initializer="zeros", dtype="float64")
    net.layers[0].b = [3.0]  # x = 0: the weight rests, the bias is what is learnt
    data = [[0.0]], [0.0]
    stop = GradientSmall(0.01)
    history = tt.fit(net, data, optimizer=GradientDescent(0.25), epochs=100, stop=stop)
    # 2·3 / 2^k <= 0.01 first for k = 10, the gradient before the 11th step
    assert history.stopped_by == "gradient small"
    assert history.n_steps == 11
    assert history.column("gradient_norm") == pytest.approx([6 / 2**k for k in range(11)])
    assert net.layers[0].b[0] == pytest.approx(3 / 2**11)


def test_a_time_budget_is_kept():
    _, history = train(TimeBudget(0.2), epochs=10**9)
    assert history.stopped_by == "time budget"
    assert 0.1 < history.epochs[-1].time_s < 0.5
    times = history.column("time_s")
    assert times == sorted(times)
    assert times[-1] >= history.train_s


# The best epoch comes back ------------------------------------------------------------------------


@pytest.mark.parametrize("monitor", ["val_loss", "val_accuracy"])
@pytest.mark.parametrize("end", ["early stopping", "epochs", "callback", "interrupted"])
def test_the_best_parameters_come_back_bit_for_bit(monitor, end):
    seen = {}

    def callback(one):
        seen[one.epoch] = bits(net)
        if end == "interrupted" and one.epoch == 9:
            raise KeyboardInterrupt
        return end == "callback" and one.epoch == 9

    net = tt.Network([12, 9, 3], seed=2, **SWITCHED)
    history = tt.fit(
        net,
        (X, Y),
        optimizer=SGD(1.0),
        batch_size=8,
        epochs=60 if end == "early stopping" else 9,
        validation=40,
        stop=EarlyStopping(7 if end == "early stopping" else 50, monitor=monitor),
        callback=callback,
    )
    column = history.column(monitor)
    best = 1 + (np.argmin(column) if monitor == "val_loss" else np.argmax(column))
    assert history.stopped_by == end
    assert history.best_epoch == best
    assert bits(net) == seen[best]
    assert best < len(history.epochs)
    if end == "early stopping":
        assert len(history.epochs) >= best + 7


def test_the_last_parameters_stay_if_told_so():
    net, history = train(EarlyStopping(2, restore_best=False))
    assert history.best_epoch < len(history.epochs)
    other, _ = train(None, epochs=len(history.epochs))
    assert bits(net) == bits(other)


def test_the_best_epoch_goes_through_json():
    _, history = train(EarlyStopping(2))
    assert tt.History.from_dict(history.to_dict()) == history
    assert train(None, epochs=1)[1].best_epoch is None


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_a_description_comes_back(one):
    assert Stopping.from_description(one.describe()) == one
    assert one.reason.replace(" ", "_") == one.name


@pytest.mark.parametrize(
    ("kind", "settings", "said"),
    [
        (GradientSmall, {"norm": 0}, "norm must be a finite number above 0; it is 0"),
        (GradientSmall, {"norm": math.nan}, "norm must be"),
        (LossFlat, {"tolerance": -1}, "tolerance must be"),
        (LossFlat, {"patience": 0}, "patience must be at least 1; it is 0"),
        (LossFlat, {"patience": 1.5}, "patience must be"),
        (LossFlat, {"patience": True}, "patience must be"),
        (StepLimit, {"n": 0}, "n must be at least 1"),
        (StepLimit, {"n": "9"}, "n must be a whole number"),
        (EarlyStopping, {"min_delta": -1}, "min_delta must be"),
        (EarlyStopping, {"monitor": "loss"}, "monitor must be one of val_loss, val_accuracy"),
        (EarlyStopping, {"restore_best": 1}, "restore_best must be True or False"),
        (TimeBudget, {"seconds": 0}, "seconds must be"),
        (TimeBudget, {"seconds": "3"}, "seconds must be"),
        (TargetAccuracy, {"accuracy": 1.5}, "above 0 … 1; it is 1.5"),
        (TargetAccuracy, {"accuracy": 0}, "above 0 … 1"),
    ],
)
def test_settings_that_are_refused(kind, settings, said):
    with pytest.raises(ValueError, match=said):
        kind(**settings)


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        ("early", "stop must be a condition"),
        ([3], "stop must be a condition"),
        (Stopping(), "stop must be a condition"),
        ([StepLimit(3), StepLimit(4)], "each kind of condition once"),
    ],
)
def test_what_is_no_condition(stop, said):
    with pytest.raises(ValueError, match=said):
        conditions(stop)


def test_what_a_run_cannot_serve_is_refused_before_it():
    targets = X, np.eye(3)[Y]
    with pytest.raises(ValueError, match="EarlyStopping watches held-out examples"):
        train(EarlyStopping(), validation=None)
    with pytest.raises(ValueError, match="training keeps no accuracy here"):
        train(EarlyStopping(monitor="val_accuracy"), data=targets)
    with pytest.raises(ValueError, match="no accuracy here, which TargetAccuracy needs"):
        train(TargetAccuracy(0.5), data=targets)
    assert train(EarlyStopping(), data=targets, epochs=1)[1].best_epoch == 1
