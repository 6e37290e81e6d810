"""A model's own recipe as a plan: keyword arguments, options of `tongtou train`, trained anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tongtou.augmentation import Augmentation
from tongtou.boundary import Examples
from tongtou.datasets.dataset import Dataset
from tongtou.initializers import initializer as initializer_of
from tongtou.network import Network
from tongtou.optimizers import GradientDescent, Optimizer
from tongtou.recipes import AUGMENTATIONS
from tongtou.regularizers import Regularization
from tongtou.schedules import Schedule
from tongtou.settings import settings_of
from tongtou.stopping import Stopping, conditions
from tongtou.training import fit

if TYPE_CHECKING:
    from tongtou.explanation.edits import Plan, RecipeEdit

_NEEDED = ("batch_size", "epochs", "seed", "shuffle", "n_train", "n_validation")

_STOPS = {
    "early_stopping": ("--patience", "patience"),
    "target_accuracy": ("--target-accuracy", "accuracy"),
    "gradient_small": ("--gradient-below", "norm"),
    "loss_flat": ("--flat-epochs", "patience"),
    "time_budget": ("--time-budget", "seconds"),
    "step_limit": ("--max-steps", "n"),
}


def plan_of(net: Network, n_examples: int | None = None) -> dict[str, dict[str, Any]]:
    """Return how a network was made and trained, from what it knows of itself.

    Parameters
    ----------
    net : Network
        A loaded model too; what `fit` noted is in ``net.recipe``.
    n_examples : int, optional
        How many examples there are now. Where they are those of the training and of the held-out
        part together, as many are held out again; otherwise none.

    Returns
    -------
    dict
        ``{"network": keyword arguments of Network, "fit": keyword arguments of fit}``; the latter
        is empty for a network that was never trained.

    Raises
    ------
    ValueError
        It was trained with a weight for each example, which a recipe does not keep, or not by
        `fit`.

    Examples
    --------
    >>> import tongtou as tt
    >>> net = tt.Network([2, 3, 2], seed=4)
    >>> history = tt.fit(net, ([[0.0, 1.0], [1.0, 0.0]], [0, 1]), epochs=2, batch_size=1)
    >>> plan = plan_of(net)
    >>> plan["network"]["sizes"], plan["network"]["seed"]
    ([2, 3, 2], 4)
    >>> plan["fit"]["optimizer"], plan["fit"]["epochs"], plan["fit"]["batch_size"]
    (SGD(learning_rate=0.1), 2, 1)
    """
    layers, said = net.layers, net.recipe
    network = {
        "sizes": list(net.sizes),
        "activation": [layer.activation for layer in layers[:-1]],
        "output": layers[-1].activation,
        "loss": net.loss_function,
        "initializer": initializer_of(net.initializer),
        "seed": net.seed,
        "dtype": net.dtype.name,
    }
    if "optimizer" not in said:
        return {"network": network, "fit": {}}
    if said.get("sample_weight"):
        raise ValueError(
            "this network was trained with a weight for each example, which a recipe does not "
            "keep; call tt.fit with its sample_weight."
        )
    missing = [name for name in _NEEDED if not isinstance(said.get(name), int)]
    if missing:
        raise ValueError(
            f"the recipe of this network does not tell {', '.join(missing)}, so it was not trained "
            "by tt.fit; call tt.fit, or fit the estimator again."
        )
    training: dict[str, Any] = {
        "optimizer": Optimizer.from_description(said["optimizer"]),
        "batch_size": said["batch_size"],
        "epochs": said["epochs"],
        "seed": said["seed"],
        "shuffle": said["shuffle"],
    }
    n_held = said["n_validation"]
    if n_held and n_examples in (None, said["n_train"] + n_held):
        training["validation"] = n_held
    if "regularization" in said:
        training["regularization"] = Regularization.from_description(said["regularization"])
    if "augmentation" in said:
        training["augmentation"] = Augmentation.from_description(said["augmentation"])
    if "stopping" in said:
        training["stop"] = [Stopping.from_description(one) for one in said["stopping"]]
    if "class_weight" in said:
        given = said["class_weight"]
        by_text = {str(name): name for name in net.classes}
        training["class_weight"] = (
            given if isinstance(given, str) else {by_text.get(k, k): w for k, w in given.items()}
        )
    return {"network": network, "fit": training}


def retrained(
    net: Network,
    data: Examples,
    edit: RecipeEdit | None = None,
    *,
    validation: Any = None,
    **settings: Any,
) -> Network:
    """Return a new network trained as this one was, from its random start, with an edit made.

    Parameters
    ----------
    net : Network
        Left as it is.
    data : Dataset or (X, y)
        To train on.
    edit : RecipeEdit, optional
        Without it the same run again: the same bits on the same data.
    validation : Dataset or (X, y), optional
        Held-out examples of their own.
    **settings
        Of `tongtou.fit`, beyond the recipe: progress, threads, …

    Raises
    ------
    ValueError
        The network has no recipe to go by.
    DivergedError
        As `tongtou.fit`.
    """
    n = len(data) if isinstance(data, Dataset) else len(data[1])  # type: ignore[arg-type]
    plan: Any = plan_of(net, n)
    if not plan["fit"]:
        raise ValueError("this network was never trained, so it has no recipe; call tt.fit.")
    if validation is not None:
        plan["fit"]["validation"] = validation
    if edit is not None:
        plan = edit.apply(plan)
    new = Network(**plan["network"])
    new.classes, new.input_shape, new.preprocessing = (
        net.classes,
        net.input_shape,
        net.preprocessing,
    )
    fit(new, data, **{**plan["fit"], **settings})
    return new


def options_of(plan: Plan) -> list[str]:
    """Return the options of ``tongtou train`` that make a plan.

    Raises
    ------
    ValueError
        No options can say it: an activation with a slope of its own, and the like.

    Examples
    --------
    >>> import tongtou as tt
    >>> options_of({"network": {"sizes": [784, 16, 10]}, "fit": {"optimizer": tt.SGD(0.5)}})
    ['--hidden', '16', '--optimizer', 'sgd', '--learning-rate', '0.5']
    """
    return [word for pair in options_by_flag(plan).items() for word in pair]


def options_by_flag(plan: Plan) -> dict[str, str]:
    """Return the options of ``tongtou train`` that make a plan, each flag with its value."""
    return {**_of_network(plan.get("network", {})), **_of_fit(plan.get("fit", {}))}


def _of_network(given: Mapping[str, Any]) -> dict[str, str]:
    said: dict[str, str] = {}
    if "sizes" in given:
        said["--hidden"] = ",".join(map(str, given["sizes"][1:-1])) or "0"
    if given.get("activation"):
        said["--activation"] = ",".join(_one_or_each(given["activation"]))
    if "output" in given:
        said["--output"] = _plain_name(given["output"])
    if "loss" in given:
        loss = given["loss"]
        settings = {} if isinstance(loss, str) else settings_of(loss)
        said["--loss"] = _with_settings(loss if isinstance(loss, str) else loss.name, settings)
    if "initializer" in given:
        said["--initializer"] = _plain_name(given["initializer"])
    if given.get("dtype", "float32") != "float32":
        said["--dtype"] = str(given["dtype"])
    return said


def _of_fit(given: Mapping[str, Any]) -> dict[str, str]:
    said: dict[str, str] = {}
    optimizer = given.get("optimizer")
    if optimizer is not None:
        settings = {k: v for k, v in settings_of(optimizer).items() if k != "learning_rate"}
        said["--optimizer"] = _with_settings(optimizer.name, settings)
        rate = optimizer.learning_rate
        if isinstance(rate, Schedule):
            said["--learning-rate"] = _number(rate.rate)
            rest = {k: v for k, v in settings_of(rate).items() if k != "rate"}
            said["--schedule"] = _with_settings(rate.name, rest)
        else:
            said["--learning-rate"] = _number(rate)
    if given.get("batch_size") and not isinstance(optimizer, GradientDescent):
        said["--batch-size"] = str(given["batch_size"])
    for name in ("epochs", "seed"):
        if name in given:
            said[f"--{name}"] = str(given[name])
    if isinstance(given.get("validation"), (int, float)):
        said["--validation"] = _number(given["validation"])
    regularization = given.get("regularization") or Regularization()
    for name, value in settings_of(regularization).items():
        rates = value if isinstance(value, tuple) else (value,)
        said["--" + name.replace("_", "-")] = ",".join(map(_number, rates))
    augmentation = given.get("augmentation")
    if augmentation:
        names = [name for name, one in AUGMENTATIONS.items() if one == augmentation]
        said["--augment"] = names[0] if names else _settings(settings_of(augmentation))
    weight = given.get("class_weight")
    if weight is not None:
        said["--class-weight"] = weight if isinstance(weight, str) else _settings(weight)
    for one in conditions(given.get("stop")):
        flag, name = _STOPS[one.name]
        if set(settings_of(one)) - {name}:
            raise ValueError(f"no option says {one!r}; call tt.fit.")
        said[flag] = _number(getattr(one, name))
    return said


def _one_or_each(given: Any) -> list[str]:
    if isinstance(given, str) or not isinstance(given, (list, tuple)):
        return [_plain_name(given)]
    names = [_plain_name(one) for one in given]
    return names[:1] if len(set(names)) == 1 else names


def _plain_name(one: Any) -> str:
    if isinstance(one, str):
        return one
    if settings_of(one) and hasattr(one, "describe"):
        raise ValueError(f"no option says {one!r}; call tt.Network.")
    return str(one.name)


def _with_settings(name: str, settings: Mapping[str, Any]) -> str:
    return f"{name}:{_settings(settings)}" if settings else name


def _settings(given: Mapping[Any, Any]) -> str:
    return ",".join(f"{name}={_number(value)}" for name, value in given.items())


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return f"{value:.12g}"
