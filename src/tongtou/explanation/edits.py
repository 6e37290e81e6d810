"""Recipe edits: what a finding would change, as plain data that can be applied.

A *plan* is how a network is made and trained, as keyword arguments:
``{"network": {…tt.Network}, "fit": {…tt.fit}}``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tongtou.choices import choose
from tongtou.explanation.plans import options_by_flag
from tongtou.i18n import text
from tongtou.optimizers import SGD, Optimizer
from tongtou.recipes import AUGMENTATIONS
from tongtou.regularizers import Regularization
from tongtou.schedules import Schedule
from tongtou.stopping import EarlyStopping, Stopping, conditions

Plan = Mapping[str, Mapping[str, Any]]

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "activation": ("network",),
    "initializer": ("network",),
    "hidden": ("network",),
    "learning_rate": ("fit",),
    "clip_norm": ("fit",),
    "epochs": ("fit",),
    "validation": ("fit",),
    "patience": ("fit",),
    "class_weight": ("fit",),
    "dropout": ("fit",),
    "l2": ("fit",),
    "augment": ("fit",),
}
"""Every setting an edit can change, and the half of a plan it belongs to."""

_SCALABLE = ("learning_rate", "epochs", "hidden")
_DEFAULT_EPOCHS = 10
HELD_OUT_SHARE = 0.1
"""What is held out where early stopping needs it and nothing was."""


@dataclass(frozen=True)
class RecipeEdit:
    """Changes to how a network is made and trained.

    Parameters
    ----------
    changes : mapping
        By setting: ``{"times": k}`` for learning_rate, epochs and hidden (neurons of every hidden
        layer), or ``{"set": value}`` for these but hidden, and for activation (of all hidden
        layers), initializer, clip_norm, validation, patience, class_weight, dropout, l2, and
        augment (none, light, medium or strong).
    plan : mapping, optional
        The plan it was made for, so that `options` can name values; not compared.

    Raises
    ------
    ValueError
        An unknown setting, or another way to change it.

    Examples
    --------
    >>> import tongtou as tt
    >>> edit = RecipeEdit({"learning_rate": {"times": 0.1}, "activation": {"set": "relu"}})
    >>> edit.for_fit({"optimizer": tt.SGD(1.5), "epochs": 3})
    {'optimizer': SGD(learning_rate=0.15000000000000002), 'epochs': 3}
    >>> edit.for_network({"sizes": [784, 16, 16, 10], "activation": "sigmoid"})
    {'sizes': [784, 16, 16, 10], 'activation': 'relu'}
    """

    changes: Mapping[str, Mapping[str, Any]]
    plan: Plan | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, how in self.changes.items():
            choose("setting", name, SETTINGS)
            ways = {"hidden": {"times"}}.get(
                name, {"times", "set"} if name in _SCALABLE else {"set"}
            )
            if len(how) != 1 or not set(how) <= ways:
                raise ValueError(
                    f"{name} is changed by {' or '.join(sorted(ways))}; got {dict(how)!r}."
                )

    def for_network(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return these keyword arguments of `tongtou.Network` with the changes made."""
        made = dict(given)
        if "activation" in self.changes:
            made["activation"] = self.changes["activation"]["set"]
        if "initializer" in self.changes:
            made["initializer"] = self.changes["initializer"]["set"]
        if "hidden" in self.changes and "sizes" in made:
            times, sizes = self.changes["hidden"]["times"], made["sizes"]
            hidden = [max(1, round(times * n)) for n in sizes[1:-1]]
            made["sizes"] = [sizes[0], *hidden, sizes[-1]]
        return made

    def for_fit(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return these keyword arguments of `tongtou.fit` with the changes made.

        What was not given is at fit's default before it is changed. Early stopping that has
        nothing held out gets a tenth of the examples.
        """
        made = dict(given)
        if {"learning_rate", "clip_norm"} & set(self.changes):
            made["optimizer"] = self._optimizer(made.get("optimizer") or SGD())
        if "epochs" in self.changes:
            before = made.get("epochs", _DEFAULT_EPOCHS)
            made["epochs"] = max(1, round(_changed(before, self.changes["epochs"])))
        for name in ("validation", "class_weight"):
            if name in self.changes:
                made[name] = self.changes[name]["set"]
        if {"dropout", "l2"} & set(self.changes):
            new = {k: self.changes[k]["set"] for k in ("dropout", "l2") if k in self.changes}
            made["regularization"] = replace(made.get("regularization") or Regularization(), **new)
        if "augment" in self.changes:
            name = self.changes["augment"]["set"]
            made["augmentation"] = choose("augmentation", name, AUGMENTATIONS)
        if "patience" in self.changes:
            made["stop"] = self._stop(made.get("stop"))
            if made.get("validation") is None:
                made["validation"] = HELD_OUT_SHARE
        return made

    def apply(self, plan: Plan) -> dict[str, dict[str, Any]]:
        """Return a plan, ``{"network": …, "fit": …}``, with the changes made; the old one stays."""
        return {
            "network": self.for_network(plan.get("network", {})),
            "fit": self.for_fit(plan.get("fit", {})),
        }

    def options(self, plan: Plan | None = None) -> list[str]:
        """Return what to add to ``tongtou train``: ["--learning-rate", "0.15"].

        Raises
        ------
        ValueError
            There is no plan to start from, or one that no options can say.
        """
        start = plan or self.plan
        if start is None:
            raise ValueError(
                "options need the plan that is changed; give plan_of(net), or "
                '{"network": {…}, "fit": {…}}.'
            )
        before, after = options_by_flag(start), options_by_flag(self.apply(start))
        changed = [flag for flag, value in after.items() if before.get(flag) != value]
        # An option that changes the network lets the command choose another rate, unless told.
        if "--activation" in changed and "--learning-rate" not in changed:
            changed.append("--learning-rate")
        return [word for flag in changed for word in (flag, after[flag])]

    def merged(self, other: RecipeEdit) -> RecipeEdit:
        """Return both edits as one; where both change a setting this one's change counts."""
        return RecipeEdit({**other.changes, **self.changes}, self.plan or other.plan)

    def to_dict(self) -> dict[str, Any]:
        """Return {"changes": …, "options": …}; options are None where no plan is known."""
        changes = {name: dict(how) for name, how in self.changes.items()}
        return {"changes": changes, "options": self._options_or_none()}

    def __str__(self) -> str:
        said = [
            text("health.edit_times", setting=_name(name), times=f"{how['times']:g}")
            if "times" in how
            else text("health.edit_set", setting=_name(name), value=how["set"])
            for name, how in self.changes.items()
        ]
        return text("health.edit_and").join(said)

    def _options_or_none(self) -> list[str] | None:
        try:
            return self.options()
        except ValueError:
            return None

    def _optimizer(self, before: Optimizer) -> Optimizer:
        given: dict[str, Any] = {}
        if "clip_norm" in self.changes:
            given["clip_norm"] = self.changes["clip_norm"]["set"]
        if "learning_rate" in self.changes:
            rate, how = before.learning_rate, self.changes["learning_rate"]
            if isinstance(rate, Schedule):
                new = _changed(rate.rate, how)
                floor = getattr(rate, "minimum", None)
                kept = {} if floor is None else {"minimum": min(floor, new)}
                given["learning_rate"] = replace(rate, rate=new, **kept)
            else:
                given["learning_rate"] = _changed(rate, how)
        return replace(before, **given)

    def _stop(self, before: Stopping | Sequence[Stopping] | None) -> list[Stopping]:
        patience = self.changes["patience"]["set"]
        kept = [one for one in conditions(before) if not isinstance(one, EarlyStopping)]
        return [EarlyStopping(patience=patience), *kept]


def _changed(before: float, how: Mapping[str, Any]) -> Any:
    return before * how["times"] if "times" in how else how["set"]


def _name(setting: str) -> str:
    return {
        "activation": text("health.setting_activation"),
        "initializer": text("health.setting_initializer"),
        "hidden": text("health.setting_hidden"),
        "learning_rate": text("health.setting_learning_rate"),
        "clip_norm": text("health.setting_clip_norm"),
        "epochs": text("health.setting_epochs"),
        "validation": text("health.setting_validation"),
        "patience": text("health.setting_patience"),
        "class_weight": text("health.setting_class_weight"),
        "dropout": text("health.setting_dropout"),
        "l2": text("health.setting_l2"),
        "augment": text("health.setting_augment"),
    }[setting]
