"""What options make of a recipe, and which of them are refused where they can do nothing."""

from __future__ import annotations

import inspect
import json
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from command_line import Files, Run

import tongtou as tt
from tongtou.augmentation import Augmentation
from tongtou.datasets import Dataset
from tongtou.losses import Huber
from tongtou.optimizers import SGD, Adam, AdamW, GradientDescent, RMSprop
from tongtou.recipes import FOR_NUMBERS, FOR_TABLES, RECIPES, Recipe
from tongtou.regularizers import Regularization
from tongtou.schedules import Constant, Cosine, Step
from tongtou.stopping import EarlyStopping, GradientSmall, LossFlat, StepLimit, TargetAccuracy
from tongtou.terminal import options, plan
from tongtou.terminal.console import UserError
from tongtou.terminal.material import Material
from tongtou.terminal.order import TrainingOrder
from tongtou.terminal.values import Named

LESSON = RECIPES["lesson"]
PIXELS = np.zeros((4, 4), np.uint8)
PICTURES = Dataset(PIXELS, np.array([0, 1, 2, 0]), ("cat", "dog", 7), (2, 2))
ROWS = Dataset(PIXELS.astype(np.float32), np.array([0, 1, 2, 0]), ("cat", "dog", 7))
NUMBERS = Dataset(PIXELS.astype(np.float32), np.zeros((4, 1)))


def material(data: Dataset = PICTURES, recipe: Recipe = LESSON) -> Material:
    return Material(data, None, recipe, "model.safetensors")


def planned(data: Dataset = PICTURES, usual: Recipe = LESSON, /, **given: Any) -> Recipe:
    return plan.planned(TrainingOrder(**given), material(data, usual))


def test_every_option_is_a_field_of_the_order() -> None:
    names = [one.name for one in options.for_train()]
    assert names == [one.name for one in fields(TrainingOrder)]
    defaults = {one.name: one.default for one in fields(TrainingOrder)}
    assert {one.name: one.default for one in options.for_train()} == defaults


@pytest.mark.parametrize("make", [options.for_evaluate, options.for_predict, options.for_info])
def test_every_option_is_known_to_its_command(make: Any) -> None:
    from tongtou.terminal import evaluate, info, predict

    commands: dict[str, Any] = {"evaluate": evaluate, "predict": predict, "info": info}
    known = inspect.signature(commands[make.__name__.removeprefix("for_")].run).parameters
    assert {one.name for one in make()} - {"lang"} == set(known) - {"_"}


def test_without_options_the_recipe_stays_as_it_is() -> None:
    for recipe in RECIPES.values():
        if not recipe.beside:  # those are for pictures of the size of digits alone
            assert planned(PICTURES, recipe) == recipe
    assert planned(ROWS, FOR_TABLES) == FOR_TABLES
    assert planned(NUMBERS, FOR_NUMBERS) == FOR_NUMBERS


def test_a_named_recipe_takes_the_place_of_the_usual_one() -> None:
    assert planned(recipe="best") == RECIPES["best"]


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({"hidden": (5,)}, {"hidden": (5,)}),
        ({"hidden": ()}, {"hidden": ()}),
        ({"epochs": 0}, {"epochs": 0}),
        ({"batch_size": 7}, {"batch_size": 7}),
        ({"initializer": "he"}, {"initializer": "he"}),
        ({"patience": 3}, {"patience": 3}),
        ({"learning_rate": 0.5}, {"optimizer": SGD(0.5)}),
        ({"momentum": 0.9}, {"optimizer": SGD(1.5 * (1 - 0.9), momentum=0.9)}),
        (
            {"momentum": 0.9, "nesterov": True, "learning_rate": 0.1},
            {"optimizer": SGD(0.1, momentum=0.9, nesterov=True)},
        ),
        ({"optimizer": Named("adam", {})}, {"optimizer": Adam(0.001)}),
        (
            {"optimizer": Named("adam", {"beta2": 0.9, "learning_rate": 0.1})},
            {"optimizer": Adam(0.1, beta2=0.9)},
        ),
        (
            {"optimizer": Named("adamw", {}), "weight_decay": 0.1},
            {"optimizer": AdamW(0.001, weight_decay=0.1)},
        ),
        (
            {"optimizer": Named("rmsprop", {}), "momentum": 0.5},
            {"optimizer": RMSprop(0.001, momentum=0.5)},
        ),
        ({"optimizer": Named("gradient_descent", {})}, {"optimizer": GradientDescent(1.5)}),
        (
            {"clip_norm": 1.0, "clip_value": 0.5},
            {"optimizer": SGD(1.5, clip_norm=1.0, clip_value=0.5)},
        ),
        ({"schedule": Named("cosine", {})}, {"optimizer": SGD(Cosine(1.5))}),
        (
            {"schedule": Named("step", {"every_epochs": 2, "factor": 0.5}), "learning_rate": 1.0},
            {"optimizer": SGD(Step(1.0, every_epochs=2, factor=0.5))},
        ),
        (
            {"loss": Named("cross_entropy", {}), "activation": ("relu",)},
            {
                "loss": "cross_entropy",
                "output": "softmax",
                "activation": "relu",
                "optimizer": SGD(0.1),
            },
        ),
        (
            {"loss": Named("huber", {"delta": 2})},
            {"loss": Huber(2.0), "output": "sigmoid", "optimizer": SGD(1.5)},
        ),
        ({"activation": ("relu", "tanh")}, {"activation": ("relu", "tanh"), "optimizer": SGD(0.5)}),
        ({"output": "linear"}, {"output": "linear", "optimizer": SGD(0.02)}),
        (
            {"l1": 1e-5, "l2": 1e-4, "input_noise": 0.1, "label_smoothing": 0.1},
            {"regularization": Regularization(1e-5, 1e-4, 0.0, 0.1, 0.1)},
        ),
        ({"dropout": (0.5,)}, {"regularization": Regularization(dropout=0.5)}),
        ({"dropout": (0.1, 0.5, 0)}, {"regularization": Regularization(dropout=(0.1, 0.5, 0))}),
        (
            {"augment": Named("", {"shift": 1, "rotation": 5})},
            {"augmentation": Augmentation(shift=1, rotation=5)},
        ),
    ],
    ids=str,
)
def test_an_option_changes_its_part_and_nothing_else(
    given: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert planned(**given) == replace(LESSON, **changed)


def test_the_rate_of_a_recipe_with_a_schedule_can_be_changed() -> None:
    best = RECIPES["best"]
    schedule = best.optimizer.schedule
    found = planned(recipe="best", learning_rate=0.01).optimizer
    assert found == replace(best.optimizer, learning_rate=replace(schedule, rate=0.01))
    found = planned(recipe="best", schedule=Named("constant", {})).optimizer
    assert found.schedule == Constant(schedule.initial)


def test_an_optimiser_of_the_same_family_keeps_the_rate_of_the_recipe() -> None:
    schedule = RECIPES["quick"].optimizer.schedule
    found = planned(recipe="quick", optimizer=Named("adamw", {}), weight_decay=0.1).optimizer
    assert found == AdamW(schedule, weight_decay=0.1)
    found = planned(recipe="quick", optimizer=Named("sgd", {})).optimizer
    assert found.schedule == replace(schedule, rate=0.1)


def test_augmentation_can_be_taken_out_of_a_recipe() -> None:
    assert planned(recipe="best", augment=Named("none", {})).augmentation is None
    without = planned(ROWS, recipe="best", augment=Named("none", {}))
    assert without == replace(RECIPES["best"], augmentation=None)


def test_counts_get_the_output_that_poissons_loss_asks_for() -> None:
    found = planned(NUMBERS, FOR_NUMBERS, loss=Named("poisson", {}))
    assert (found.loss, found.output) == ("poisson", "exp")
    found = planned(NUMBERS, FOR_NUMBERS, loss=Named("huber", {}))
    assert (found.loss, found.output) == ("huber", "linear")


@pytest.mark.parametrize(
    ("data", "given", "says"),
    [
        (PICTURES, {"optimizer": Named("adam", {}), "momentum": 0.9}, "--momentum does nothing"),
        (PICTURES, {"weight_decay": 0.1}, "choose --optimizer from adamw"),
        (PICTURES, {"recipe": "quick", "nesterov": True}, "--nesterov does nothing"),
        (PICTURES, {"nesterov": True}, "add --momentum"),
        (
            PICTURES,
            {"optimizer": Named("gradient_descent", {}), "batch_size": 5},
            "leave --batch-size out",
        ),
        (
            PICTURES,
            {"optimizer": Named("sgd", {"momentum": 0.5}), "momentum": 0.9},
            "--momentum and --optimizer both say it",
        ),
        (PICTURES, {"optimizer": Named("sgd", {"beta2": 1})}, "--optimizer has no setting beta2"),
        (PICTURES, {"optimizer": Named("adam", {"beta2": 2})}, "--optimizer: beta2 must be"),
        (PICTURES, {"schedule": Named("step", {"rate": 1})}, "leave rate=… out"),
        (PICTURES, {"schedule": Named("step", {"often": 1})}, "--schedule has no setting often"),
        (PICTURES, {"schedule": Named("step", {"factor": "x"})}, "--schedule: factor must be"),
        (PICTURES, {"loss": Named("sse", {"delta": 1})}, "only huber has a setting"),
        (PICTURES, {"loss": Named("huber", {"delta": -1})}, "--loss: delta of huber must be"),
        (PICTURES, {"augment": Named("", {"shear": 100})}, "--augment: shear must be"),
        (PICTURES, {"augment": Named("", {"flip": 1})}, "--augment has no setting flip"),
        (PICTURES, {"dropout": (0.1, 0.2)}, "or 3: the input and each of them"),
        (ROWS, {"augment": Named("light", {})}, "--augment moves pictures"),
        (ROWS, {"recipe": "best"}, "add --augment none"),
        (NUMBERS, {"recipe": "lesson"}, "recipe lesson is for telling classes apart"),
        (NUMBERS, {"label_smoothing": 0.1}, "--label-smoothing is for telling classes apart"),
    ],
    ids=str,
)
def test_what_can_do_nothing_is_refused(data: Dataset, given: dict[str, Any], says: str) -> None:
    usual = FOR_NUMBERS if data is NUMBERS else LESSON
    with pytest.raises(UserError, match=says.replace("(", r"\(").replace(".", r"\.")):
        planned(data, usual, **given)


def test_class_weights_go_by_the_names_of_the_classes() -> None:
    def weights(data: Dataset = PICTURES, **given: Any) -> Any:
        return plan.class_weights(TrainingOrder(**given), material(data))

    assert weights() is None
    assert weights(class_weight="balanced") == "balanced"
    assert weights(class_weight={"cat": 2.0, "7": 0.5}) == {"cat": 2.0, 7: 0.5}
    with pytest.raises(UserError, match="there is no class bird; there are cat, dog, 7"):
        weights(class_weight={"bird": 1.0})
    with pytest.raises(UserError, match="--class-weight is for telling classes apart"):
        weights(NUMBERS, class_weight="balanced")


def test_conditions_to_stop() -> None:
    def stop(data: Dataset = PICTURES, n_held: int = 1, **given: Any) -> Any:
        order = TrainingOrder(**given)
        one = material(data)
        return plan.conditions(order, one, plan.planned(order, one), n_held)

    assert stop() == []
    given = {
        "patience": 3,
        "target_accuracy": 0.9,
        "gradient_below": 0.1,
        "flat_epochs": 4,
        "time_budget": 5.0,
        "max_steps": 6,
    }
    assert stop(**given) == [
        EarlyStopping(patience=3),
        TargetAccuracy(0.9),
        GradientSmall(0.1),
        LossFlat(patience=4),
        tt.stopping.TimeBudget(5.0),
        StepLimit(6),
    ]
    with pytest.raises(UserError, match="--patience watches examples that are held out"):
        stop(n_held=0, patience=3)
    with pytest.raises(UserError, match="--target-accuracy is for telling classes apart"):
        plan.conditions(
            TrainingOrder(target_accuracy=0.9), material(NUMBERS, FOR_NUMBERS), FOR_NUMBERS, 1
        )


def test_the_usual_patience_needs_no_held_out_examples() -> None:
    order, one = TrainingOrder(), material(ROWS, FOR_TABLES)
    assert plan.conditions(order, one, FOR_TABLES, 0) == []
    assert len(plan.conditions(order, one, FOR_TABLES, 1)) == 1


def test_what_was_asked_for_arrives(run: Run, few: Files) -> None:
    """The whole way: from words to the recipe that the saved network remembers."""
    document = json.loads(
        run(
            "train", *few.words, "--epochs", 3, "--hidden", "12", "--activation", "relu",
            "--loss", "cross_entropy", "--optimizer", "adamw:beta2=0.99", "--learning-rate", 0.01,
            "--schedule", "step:every_epochs=1,factor=0.5", "--weight-decay", 0.1,
            "--clip-norm", 1, "--dropout", 0.2, "--label-smoothing", 0.1, "--l2", 1e-4,
            "--augment", "shift=1,rotation=5", "--class-weight", "balanced", "--max-steps", 40,
            "--threads", 1, "--json",
        ).out
    )  # fmt: skip
    data = tt.datasets.idx(few.images, few.labels)
    net = tt.Network([784, 12, 10], activation="relu", output="softmax", loss="cross_entropy")
    history = tt.fit(
        net,
        data,
        optimizer=AdamW(Step(0.01, 1, 0.5), beta2=0.99, weight_decay=0.1, clip_norm=1.0),
        epochs=3,
        validation=50,
        regularization=Regularization(dropout=0.2, label_smoothing=0.1, l2=1e-4),
        augmentation=Augmentation(shift=1, rotation=5),
        class_weight="balanced",
        stop=StepLimit(40),
        progress=False,
    )
    assert document["history"]["stopped_by"] == history.stopped_by == "step limit"
    assert document["history"]["n_steps"] == 40
    theirs = tt.load("digits.safetensors")
    for mine, other in zip(net.layers, theirs.layers, strict=True):
        np.testing.assert_array_equal(mine.W, other.W)
    assert theirs.recipe == net.recipe | {"data": theirs.recipe["data"]}
