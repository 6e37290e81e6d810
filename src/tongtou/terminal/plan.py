"""What a training run is to be: a recipe, and what the user asked for besides.

Nothing that was asked for is passed over in silence: an option that can do nothing here is refused.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any, TypeVar

from tongtou.augmentation import Augmentation
from tongtou.i18n import text
from tongtou.losses import LOSSES, Huber, Loss
from tongtou.optimizers import OPTIMIZERS, SGD, GradientDescent, Optimizer
from tongtou.recipes import AUGMENTATIONS, Recipe, recipe
from tongtou.schedules import SCHEDULES, Schedule
from tongtou.stopping import (
    EarlyStopping,
    GradientSmall,
    LossFlat,
    StepLimit,
    Stopping,
    TargetAccuracy,
    TimeBudget,
)
from tongtou.terminal.console import UserError
from tongtou.terminal.material import Material
from tongtou.terminal.order import TrainingOrder
from tongtou.terminal.values import Named

_OUTPUTS = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid", "poisson": "exp"}
"""The output activation that a loss asks for; for other losses the target decides."""

_NON_DIGITS = (28, 28)

Settings = TypeVar("Settings")


def planned(order: TrainingOrder, material: Material) -> Recipe:
    """Return the recipe asked for, or the one for such data, with the options put in.

    Raises
    ------
    UserError
        An option does not fit the data, the recipe or another option.
    """
    chosen = recipe(order.recipe) if order.recipe else material.recipe
    if order.recipe and not material.has_classes:
        raise UserError(text("error.recipe_for_classes", name=order.recipe))
    if chosen.beside:
        _require_digits(order, material)
    chosen = _network(order, material, chosen)
    return replace(
        chosen,
        optimizer=_optimizer(order, chosen, material.train.n_out),
        batch_size=chosen.batch_size if order.batch_size is None else order.batch_size,
        epochs=chosen.epochs if order.epochs is None else order.epochs,
        regularization=_regularization(order, material, chosen),
        augmentation=_augmentation(order, material, chosen),
        patience=chosen.patience if order.patience is None else order.patience,
    )


def _require_digits(order: TrainingOrder, material: Material) -> None:
    """Refuse to train beside non-digits what are no pictures of their size."""
    if not material.has_pictures or material.train.shape != _NON_DIGITS:
        raise UserError(text("error.recipe_beside", name=order.recipe))
    if order.class_weight is not None:
        raise UserError(text("error.beside_weights", name=order.recipe))


def _network(order: TrainingOrder, material: Material, chosen: Recipe) -> Recipe:
    given: dict[str, Any] = {}
    if order.hidden is not None:
        given["hidden"] = tuple(order.hidden)
    if order.activation is not None:
        one = len(order.activation) == 1
        given["activation"] = order.activation[0] if one else order.activation
    if order.initializer is not None:
        given["initializer"] = order.initializer
    if order.loss is not None:
        given["loss"] = _loss(order.loss)
        usual = "sigmoid" if material.has_classes else "linear"
        given["output"] = _OUTPUTS.get(order.loss.name, usual)
    if order.output is not None:
        given["output"] = order.output
    return replace(chosen, **given)


def _loss(named: Named) -> str | Loss:
    if not named.settings:
        return named.name
    if named.name != "huber" or set(named.settings) != {"delta"}:
        raise UserError(text("error.loss_settings", name=named.name))
    return _made("--loss", Huber, named.settings)


# ---------------------------------------------------------------- the optimiser


def _optimizer(order: TrainingOrder, chosen: Recipe, n_out: int) -> Optimizer:
    before = chosen.optimizer
    kind, given = type(before), _settings_of(before)
    if order.optimizer is not None:
        kind = OPTIMIZERS[order.optimizer.name]
        given = dict(order.optimizer.settings)
        _require_known("--optimizer", kind, given)
    flags = {
        "--learning-rate": order.learning_rate,
        "--momentum": order.momentum,
        "--nesterov": order.nesterov or None,
        "--weight-decay": order.weight_decay,
        "--clip-norm": order.clip_norm,
        "--clip-value": order.clip_value,
    }
    for flag, value in flags.items():
        if value is None:
            continue
        name = flag.removeprefix("--").replace("-", "_")
        if order.optimizer is not None and name in order.optimizer.settings:
            raise UserError(text("error.given_twice", option=flag, other="--optimizer"))
        able = [one.name for one in OPTIMIZERS.values() if name in _names_of(one)]
        if kind.name not in able:
            raise UserError(
                text(
                    "error.not_of_optimizer",
                    option=flag,
                    optimizer=kind.name,
                    able=", ".join(able),
                )
            )
        given[name] = value
    if given.get("nesterov") and not given.get("momentum"):
        raise UserError(text("error.nesterov"))
    if kind is GradientDescent and order.batch_size is not None:
        raise UserError(text("error.whole_batch"))
    rate = given.pop("learning_rate", None)
    if rate is None:
        rate = _rate(order, chosen, kind, float(given.get("momentum", 0)), n_out)
    return _made("--optimizer", kind, {"learning_rate": _schedule(order, chosen, rate), **given})


def _settings_of(one: Optimizer) -> dict[str, Any]:
    """Return the settings of a recipe's optimiser but for its rate."""
    names = _names_of(type(one)) - {"learning_rate"}
    return {name: getattr(one, name) for name in names}


def _names_of(kind: type[Any]) -> set[str]:
    return {one.name for one in fields(kind) if one.init}


def _rate(
    order: TrainingOrder, chosen: Recipe, kind: type[Optimizer], momentum: float, n_out: int
) -> float:
    """Return the recipe's rate where it still applies, otherwise one that suits what is new."""
    plain = (SGD, GradientDescent)
    same_family = issubclass(kind, plain) == isinstance(chosen.optimizer, plain)
    changed = any(
        one is not None for one in (order.activation, order.output, order.loss, order.momentum)
    )
    if same_family and not (changed and issubclass(kind, plain)):
        return chosen.optimizer.schedule.initial
    return suggested_rate(chosen, n_out) * (1 - momentum) if issubclass(kind, plain) else 0.001


def suggested_rate(chosen: Recipe, n_out: int) -> float:
    """Return a learning rate of sgd that trains such a network on pictures (measured on MNIST).

    The lesson's sigmoid throughout bears large steps; mse is sse over the number of outputs, so
    its steps may be larger by as much.
    """
    loss = chosen.loss if isinstance(chosen.loss, str) else chosen.loss.name
    hidden = {chosen.activation} if isinstance(chosen.activation, str) else set(chosen.activation)
    if loss in ("cross_entropy", "binary_cross_entropy"):
        return 0.1
    if chosen.output not in ("sigmoid", "softmax"):
        rate = 0.02
    elif chosen.output == "sigmoid" and hidden <= {"sigmoid"}:
        rate = 1.5
    else:
        rate = 0.5
    return rate * {"mse": n_out, "half_sse": 2}.get(loss, 1)


def _schedule(order: TrainingOrder, chosen: Recipe, rate: Any) -> float | Schedule:
    before = chosen.optimizer.learning_rate
    if order.schedule is None:
        return replace(before, rate=rate) if isinstance(before, Schedule) else rate
    kind, given = SCHEDULES[order.schedule.name], order.schedule.settings
    if "rate" in given:
        raise UserError(text("error.schedule_rate"))
    _require_known("--schedule", kind, given)
    return _made("--schedule", kind, {"rate": rate, **given})


# ---------------------------------------------------------------- against overfitting


def _regularization(order: TrainingOrder, material: Material, chosen: Recipe) -> Any:
    if order.label_smoothing and not material.has_classes:
        raise UserError(text("error.for_classes", option="--label-smoothing"))
    given: dict[str, Any] = {
        name: getattr(order, name)
        for name in ("l1", "l2", "input_noise", "label_smoothing")
        if getattr(order, name) is not None
    }
    if order.dropout is not None:
        n_layers = len(chosen.hidden) + 1
        if len(order.dropout) not in (1, n_layers):
            raise UserError(text("error.dropout", n=len(chosen.hidden), expected=n_layers))
        given["dropout"] = order.dropout if len(order.dropout) > 1 else order.dropout[0]
    if chosen.regularization.dropout and order.hidden is not None and "dropout" not in given:
        given["dropout"] = 0.0  # rates of a recipe belong to its layers
    return replace(chosen.regularization, **given)


def _augmentation(order: TrainingOrder, material: Material, chosen: Recipe) -> Augmentation | None:
    if order.augment is None:
        found = chosen.augmentation
        if found and not material.has_pictures:
            raise UserError(text("error.recipe_for_pictures", name=order.recipe))
        return found
    if order.augment.name:
        found = AUGMENTATIONS[order.augment.name]
    else:
        _require_known("--augment", Augmentation, order.augment.settings)
        found = _made("--augment", Augmentation, order.augment.settings)
    if found and not material.has_pictures:
        raise UserError(text("error.for_pictures", option="--augment"))
    return found


def class_weights(order: TrainingOrder, material: Material) -> Any:
    """Return the class weights as `fit` takes them: by the names the data has."""
    given = order.class_weight
    if given is None:
        return None
    if not material.has_classes:
        raise UserError(text("error.for_classes", option="--class-weight"))
    if isinstance(given, str):
        return given
    known = {str(name): name for name in material.train.classes}
    for name in given:
        if name not in known:
            shown = ", ".join(list(known)[:20])
            raise UserError(text("error.no_such_class", name=name, known=shown))
    return {known[name]: weight for name, weight in given.items()}


# ---------------------------------------------------------------- stopping


def conditions(
    order: TrainingOrder, material: Material, chosen: Recipe, n_held: int
) -> list[Stopping]:
    """Return the conditions under which training ends before its last epoch."""
    if order.patience is not None and not n_held:
        raise UserError(text("error.needs_held_out", option="--patience"))
    if order.target_accuracy is not None and not material.has_classes:
        raise UserError(text("error.for_classes", option="--target-accuracy"))
    found: list[Stopping] = []
    if chosen.patience is not None and n_held:
        found.append(EarlyStopping(patience=chosen.patience))
    if order.target_accuracy is not None:
        found.append(TargetAccuracy(order.target_accuracy))
    if order.gradient_below is not None:
        found.append(GradientSmall(order.gradient_below))
    if order.flat_epochs is not None:
        found.append(LossFlat(patience=order.flat_epochs))
    if order.time_budget is not None:
        found.append(TimeBudget(order.time_budget))
    if order.max_steps is not None:
        found.append(StepLimit(order.max_steps))
    return found


# ---------------------------------------------------------------- settings of settings


def _require_known(option: str, kind: type[Any], given: dict[str, Any]) -> None:
    known = _names_of(kind)
    for name in given:
        if name not in known:
            names = ", ".join(sorted(known - {"rate"}))
            raise UserError(text("error.no_such_setting", option=option, name=name, known=names))


def _made(option: str, kind: type[Settings], given: dict[str, Any]) -> Settings:
    """Return the thing with these settings; what it refuses is told with the option."""
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise UserError(text("error.bad_value", option=option, reason=error)) from error


def loss_object(chosen: Recipe) -> Loss:
    """Return the loss of a recipe."""
    return LOSSES[chosen.loss] if isinstance(chosen.loss, str) else chosen.loss
