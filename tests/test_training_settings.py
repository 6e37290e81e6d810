"""What `fit` can be told beside the data: optimisers, schedules, weights, penalties, batches."""

import json
import math

import numpy as np
import pytest
from small_networks import ENGINES, SWITCHED, bits, finite, pixels, set_pace, steep

import tongtou as tt
from tongtou import randomness
from tongtou.augmentation import Augmentation
from tongtou.optimizers import SGD, Adam, AdamW, GradientDescent, RMSprop
from tongtou.regularizers import Regularization
from tongtou.schedules import Cosine, Exponential, OneCycle, ReduceOnPlateau
from tongtou.stopping import EarlyStopping, StepLimit, TimeBudget
from tongtou.training import trail

OPTIMIZERS = [
    pytest.param(SGD(0.3), id="sgd"),
    pytest.param(SGD(0.1, momentum=0.9), id="momentum"),
    pytest.param(SGD(0.1, momentum=0.9, nesterov=True, velocity="step"), id="nesterov"),
    pytest.param(RMSprop(0.01, momentum=0.5), id="rmsprop"),
    pytest.param(Adam(0.01, clip_norm=0.1), id="adam"),
    pytest.param(AdamW(Cosine(0.01, warmup_epochs=1), weight_decay=0.1), id="adamw"),
    pytest.param(Adam(OneCycle(0.02)), id="one cycle"),
    pytest.param(SGD(ReduceOnPlateau(0.5, patience=0)), id="plateau"),
]
X, Y = pixels(90, 12), np.arange(90) % 3


def trained(engine="native", data=None, **settings):
    net = tt.Network([12, 9, 3], seed=2, **SWITCHED)
    history = tt.fit(net, data or (X, Y), engine=engine, **{"batch_size": 16, **settings})
    return net, history


# The same bits, however the steps are cut ---------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_length_of_slices_changes_no_bit(monkeypatch, optimizer, engine):
    settings = {
        "optimizer": optimizer,
        "epochs": 4,
        "validation": 0.2,
        "regularization": Regularization(l1=1e-4, l2=1e-3, dropout=0.2, input_noise=0.1),
        "sample_weight": 1 + np.arange(90) % 4,
    }
    found = set()
    for n_steps in (1, 3, 10_000):
        set_pace(monkeypatch, n_steps, *((2, 1) if engine == "native" else (1,)))
        net, history = trained(engine, **settings)
        columns = ("loss", "penalty", "val_loss", "accuracy", "learning_rate")
        found.add((bits(net), *(tuple(history.column(name)) for name in columns)))
    assert len(found) == 1


@pytest.mark.parametrize("schedule", [Cosine(0.3, warmup_epochs=1), Exponential(0.3, 0.5)])
def test_the_rates_are_those_of_the_schedule(schedule):
    _, history = trained(optimizer=SGD(schedule), epochs=5)
    expected = [schedule.rates(6 * e + 5, 1, 6, 30)[0] for e in range(5)]
    assert history.column("learning_rate") == pytest.approx(expected, rel=1e-12)


def test_a_schedule_ends_where_a_step_limit_ends_the_run():
    _, history = trained(optimizer=SGD(Cosine(0.3)), epochs=100, stop=StepLimit(12))
    assert history.column("learning_rate")[-1] == pytest.approx(
        Cosine(0.3).rates(11, 1, 6, 12)[0], rel=1e-12
    )


def test_a_plateau_lowers_the_rate_and_leaves_the_schedule_as_it_was():
    schedule = ReduceOnPlateau(0.5, factor=0.1, patience=0, min_delta=1e9)
    _, history = trained(optimizer=SGD(schedule), epochs=4)
    assert history.column("learning_rate") == pytest.approx([0.5, 0.5, 0.05, 0.005])
    assert schedule.state() == ReduceOnPlateau(0.5).state()


# Batches ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [{"batch_size": None}, {"batch_size": 500}, {"optimizer": GradientDescent(0.1)}],
    ids=["None", "more than all", "gradient descent"],
)
def test_all_examples_may_be_one_batch(settings):
    net, history = trained(**{"optimizer": SGD(0.1), "epochs": 3, **settings})
    assert history.n_steps == 3
    assert net.recipe["batch_size"] == 90
    assert bits(net) == bits(trained(optimizer=SGD(0.1), epochs=3, batch_size=90)[0])


# Weights ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_whole_weights_count_like_repeated_examples(engine):
    times = 1 + np.arange(90) % 3
    repeated = np.repeat(X, times, axis=0), np.repeat(Y, times)
    settings = {"batch_size": None, "epochs": 4, "optimizer": SGD(0.2)}
    net, history = trained(engine, sample_weight=times, **settings)
    other, expected = trained(engine, data=repeated, **settings)
    np.testing.assert_allclose(net.layers[0].W, other.layers[0].W, atol=1e-6)
    assert history.column("loss") == pytest.approx(expected.column("loss"), rel=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_examples_without_weight_are_not_learnt_from(engine):
    weight = np.ones(90)
    weight[60:] = 0
    net, _ = trained(engine, sample_weight=weight, batch_size=30, epochs=3, shuffle=False)
    other, _ = trained(engine, data=(X[:60], Y[:60]), batch_size=30, epochs=3, shuffle=False)
    assert bits(net) == bits(other)


def test_batches_without_weight_are_not_counted():
    weight = np.ones(90)
    weight[60:] = 0
    settings = {"batch_size": 20, "shuffle": False, "epochs": 1}
    _, history = trained(sample_weight=weight, **settings)  # the last batch has ten examples
    _, expected = trained(data=(X[:60], Y[:60]), **settings)
    assert history.epochs[0].accuracy == expected.epochs[0].accuracy
    assert history.epochs[0].loss == pytest.approx(expected.epochs[0].loss, rel=1e-6)


def test_held_out_examples_count_by_their_sample_weight():
    weight = np.random.default_rng(0).random(90)
    held = randomness.order(0, 0, 90, randomness.SPLIT)[:30]
    net, history = trained(sample_weight=weight, class_weight={0: 5}, validation=30, epochs=2)
    each = [net.loss(X[i : i + 1], Y[i : i + 1]) for i in held]
    right = net.predict(X[held]) == Y[held]
    last = history.epochs[-1]
    assert last.val_loss == pytest.approx(np.average(each, weights=weight[held]), rel=1e-6)
    assert last.val_accuracy == pytest.approx(np.average(right, weights=weight[held]), rel=1e-12)


def test_class_weights_multiply_sample_weights():
    weight = 1 + np.arange(90) % 4
    classes = np.array([2.0, 1.0, 0.5])
    one, _ = trained(sample_weight=weight, class_weight={0: 2, 2: 0.5}, epochs=3)
    other, _ = trained(sample_weight=weight * classes[Y], epochs=3)
    assert bits(one) == bits(other)


def test_class_weights_by_name():
    data = tt.Dataset(X, Y, classes=("cat", "dog", "hen"))
    one, _ = trained(data=data, class_weight={"hen": 3}, epochs=2)
    other, _ = trained(class_weight={2: 3.0}, epochs=2)
    assert bits(one) == bits(other)
    assert one.recipe["class_weight"] == {"hen": 3.0}


def test_balanced_classes_count_alike():
    """Nine of ten are of one class, which then weighs as much as the other."""
    y = (np.arange(90) % 10 == 0).astype(int)
    data = X, y
    one, _ = trained(data=data, class_weight="balanced", epochs=2)
    other, _ = trained(data=data, class_weight={0: 90 / (2 * 81), 1: 90 / (2 * 9)}, epochs=2)
    assert bits(one) == bits(other)


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        pytest.param({"sample_weight": [1.0]}, tt.ShapeError, r"shape \(90,\)", id="short"),
        pytest.param({"sample_weight": -np.ones(90)}, tt.DataError, "not negative", id="negative"),
        pytest.param({"sample_weight": np.zeros(90)}, tt.DataError, "nothing to learn", id="zero"),
        pytest.param(
            {"class_weight": {0: 0, 1: 0}, "data": (X, Y % 2)}, tt.DataError, "0", id="none left"
        ),
        pytest.param({"class_weight": {9: 1}}, ValueError, "9", id="unknown class"),
        pytest.param({"class_weight": "even"}, ValueError, "balanced", id="word"),
        pytest.param({"optimizer": "adam"}, ValueError, "got 'adam'", id="optimizer"),
        pytest.param({"regularization": 0.1}, ValueError, r"tt\.Regularization", id="l2"),
        pytest.param(
            {"regularization": Regularization(dropout=(0.1,))}, ValueError, "2 of them", id="rates"
        ),
        pytest.param({"augmentation": Augmentation(shift=1)}, tt.ShapeError, "shape", id="shape"),
        pytest.param({"stop": "early"}, ValueError, "stop must be a condition", id="stop"),
        pytest.param({"checkpoint": "here"}, ValueError, r"tt\.Checkpoints", id="checkpoint"),
        pytest.param({"resume": True}, ValueError, "needs checkpoint", id="resume alone"),
        pytest.param({"resume": 1}, ValueError, "True or False", id="resume 1"),
    ],
)
def test_a_refusal_changes_nothing(settings, kind, said):
    net = tt.Network([12, 9, 3], seed=2, **SWITCHED)
    before = bits(net)
    with pytest.raises(kind, match=said):
        tt.fit(net, settings.pop("data", (X, Y)), **settings)
    assert bits(net) == before
    assert (net.history, net.recipe) == (None, {})


# Penalties, gradients, the recipe -----------------------------------------------------------------


def test_the_penalty_of_an_epoch_is_recorded_beside_its_loss():
    rule = Regularization(l1=0.01, l2=0.1)
    net = tt.Network([12, 9, 3], seed=2, **SWITCHED)
    expected = rule.penalty(layer.W for layer in net.layers)
    loss = net.loss(X, Y)
    history = tt.fit(net, (X, Y), batch_size=None, epochs=1, regularization=rule)
    assert history.epochs[0].penalty == pytest.approx(expected, rel=1e-5)
    assert history.epochs[0].loss == pytest.approx(loss, rel=1e-6)


def test_the_gradient_is_recorded_where_it_is_measured():
    net = tt.Network([12, 9, 3], seed=2, **SWITCHED)
    gradient = net.gradients(X, Y)
    expected = math.sqrt(sum((g.W**2).sum() + (g.b**2).sum() for g in gradient))
    settings = {"batch_size": None, "epochs": 1}
    history = tt.fit(net, (X, Y), optimizer=SGD(0.1, clip_norm=1e-3), **settings)
    assert history.epochs[0].gradient_norm == pytest.approx(expected, rel=1e-5)
    assert tt.fit(net, (X, Y), **settings).epochs[0].gradient_norm is None


def test_the_recipe_says_how_a_network_was_trained(tmp_path):
    data = tt.Dataset(X, Y, classes=("a", "b", "c"), shape=(3, 4), name="toy")
    settings = {
        "optimizer": AdamW(Cosine(0.01, minimum=1e-4), weight_decay=0.2, clip_value=3.0),
        "regularization": Regularization(l2=1e-4, dropout=(0.1, 0.2), label_smoothing=0.1),
        "augmentation": Augmentation(shift=1, rotation=5),
        "stop": [EarlyStopping(3), TimeBudget(60)],
    }
    net, _ = trained(
        data=data, epochs=2, validation=9, sample_weight=np.ones(90), class_weight="balanced",
        seed=4, **settings,
    )  # fmt: skip
    assert net.recipe == {
        "optimizer": settings["optimizer"].describe(),
        "batch_size": 16,
        "epochs": 2,
        "seed": 4,
        "shuffle": True,
        "n_train": 81,
        "n_validation": 9,
        "regularization": settings["regularization"].describe(),
        "augmentation": settings["augmentation"].describe(),
        "stopping": [one.describe() for one in settings["stop"]],
        "sample_weight": True,
        "class_weight": "balanced",
        "data": "toy",
    }
    assert json.loads(json.dumps(net.recipe)) == net.recipe
    net.save(tmp_path / "net.safetensors")
    assert tt.load(tmp_path / "net.safetensors").recipe == net.recipe


# Divergence with a memory -------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("slice_length", [1, 2, 3, 10_000])
@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(1.5, momentum=0.9),
        SGD(Exponential(1.5, 0.9), momentum=0.5, nesterov=True),
        SGD(1.5, momentum=0.9, velocity="step", clip_value=1e200),
        SGD(ReduceOnPlateau(20, patience=0, factor=0.9, min_delta=1e30)),
    ],
    ids=["momentum", "decaying", "velocity", "plateau"],
)
def test_after_a_divergence_the_network_is_that_of_a_clean_run(
    monkeypatch, optimizer, slice_length, engine
):
    """The slice is made again from its start, with the optimiser's memory and its rates.

    Also where copying the state takes so long that it is not done for every slice.
    """
    if slice_length == 2:
        monkeypatch.setattr(trail, "_MOST_SHARE", 1e-4)
    set_pace(monkeypatch, slice_length)
    data = steep(64)

    def fit(limit=None):
        linear = {"activation": "linear", "output": "linear", "loss": "mse"}
        net = tt.Network([6, 4, 2], dtype="float64", **linear)
        stop = StepLimit(limit) if limit else None
        try:
            settings = {"optimizer": optimizer, "batch_size": 16, "engine": engine, "stop": stop}
            tt.fit(net, data, epochs=100, **settings)
        except tt.DivergedError as error:
            return net, error
        return net, None

    net, error = fit()
    assert error is not None
    assert finite(net)
    assert error.history.n_steps >= 1
    clean, nothing = fit(error.history.n_steps)
    assert nothing is None
    assert bits(clean) == bits(net)
    assert clean.history.column("loss") == net.history.column("loss")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"shuffle": "no"}, "shuffle must be True or False; it is 'no'"),
        ({"progress": "x"}, "progress must be True, False or None; it is 'x'"),
        ({"callback": 3}, "callback must be a function that takes the EpochRecord"),
        ({"validation": [X, Y]}, r"a tuple \(X, y\); it is a list of 2\."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_of_another_kind_is_refused_before_anything_begins(settings, said):
    net = tt.Network([12, 3])
    before = bits(net)
    with pytest.raises(ValueError, match=said):
        tt.fit(net, (X, Y), epochs=1, **settings)
    assert bits(net) == before


def test_network_and_examples_in_their_places():
    with pytest.raises(ValueError, match=r"net must be a tt\.Network.*tt\.fit\(net, data\)"):
        tt.fit((X, Y), tt.Network([12, 3]))
    with pytest.raises(ValueError, match=r"or a tuple \(X, y\) .* they are a list of 2\."):
        tt.fit(tt.Network([12, 3]), [X, Y])


@pytest.mark.parametrize(("loss", "output"), [("mse", "linear"), ("poisson", "exp")])
def test_numbers_to_predict_are_not_smoothed(loss, output):
    smooth = Regularization(label_smoothing=0.1)
    net = tt.Network([12, 1], loss=loss, output=output)
    before = bits(net)
    for y in (np.arange(90.0), np.linspace(0, 1, 90)):
        with pytest.raises(tt.DataError, match="label_smoothing is for classes"):
            tt.fit(net, (X, y), epochs=1, regularization=smooth)
    assert bits(net) == before
    classes = tt.Network([12, 3])
    one_hot = np.eye(3)[Y]
    assert tt.fit(classes, (X, one_hot), epochs=1, regularization=smooth).epochs


@pytest.mark.parametrize("stop", [tt.TargetAccuracy(0.9), EarlyStopping(2, monitor="val_accuracy")])
def test_where_no_accuracy_is_kept_the_message_says_what_to_do(stop):
    net = tt.Network([12, 1], loss="binary_cross_entropy")
    with pytest.raises(ValueError, match=r"training keeps no accuracy here.*two outputs"):
        tt.fit(net, (X, Y % 2), validation=0.2, stop=stop)
