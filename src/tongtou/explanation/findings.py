"""What health finds: numbers, why they matter, what to change."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tongtou.choices import choose
from tongtou.explanation.edits import RecipeEdit
from tongtou.i18n import text

Severity = Literal["note", "warning", "severe"]
SEVERITIES: tuple[Severity, ...] = ("severe", "warning", "note")

# What was seen, why it matters, what to change.
_WORDS: Mapping[str, tuple[str, str, str]] = {
    "contradictions": (
        "health.contradictions_seen",
        "health.contradictions_why",
        "health.contradictions_change",
    ),
    "dead": ("health.dead_seen", "health.dead_why", "health.dead_change"),
    "diverged": ("health.diverged_seen", "health.diverged_why", "health.diverged_change"),
    "exploding": ("health.exploding_seen", "health.exploding_why", "health.exploding_change"),
    "imbalance": ("health.imbalance_seen", "health.imbalance_why", "health.imbalance_change"),
    "input_scale": (
        "health.input_scale_seen",
        "health.input_scale_why",
        "health.input_scale_change",
    ),
    "leakage": ("health.leakage_seen", "health.leakage_why", "health.leakage_change"),
    "missing_class": (
        "health.missing_class_seen",
        "health.missing_class_why",
        "health.missing_class_change",
    ),
    "near_leakage": (
        "health.near_leakage_seen",
        "health.near_leakage_why",
        "health.near_leakage_change",
    ),
    "not_learned": (
        "health.not_learned_seen",
        "health.not_learned_why",
        "health.not_learned_change",
    ),
    "overfitting": (
        "health.overfitting_seen",
        "health.overfitting_why",
        "health.overfitting_change",
    ),
    "plateau": ("health.plateau_seen", "health.plateau_why", "health.plateau_change"),
    "rate_too_large": (
        "health.rate_too_large_seen",
        "health.rate_too_large_why",
        "health.rate_too_large_change",
    ),
    "rate_too_small": (
        "health.rate_too_small_seen",
        "health.rate_too_small_why",
        "health.rate_too_small_change",
    ),
    "saturated": ("health.saturated_seen", "health.saturated_why", "health.saturated_change"),
    "underfitting": (
        "health.underfitting_seen",
        "health.underfitting_why",
        "health.underfitting_change",
    ),
    "unfinished": ("health.unfinished_seen", "health.unfinished_why", "health.unfinished_change"),
    "vanishing": ("health.vanishing_seen", "health.vanishing_why", "health.vanishing_change"),
    "vanishing_at_start": (
        "health.vanishing_at_start_seen",
        "health.vanishing_why",
        "health.vanishing_change",
    ),
}


@dataclass(frozen=True)
class Finding:
    """One thing that health found.

    Attributes
    ----------
    code : str
        What it is: "dead", "overfitting", …; docs/explain.md lists them.
    severity : "note", "warning" or "severe"
    figures : mapping
        The numbers behind it, ready for JSON.
    edit : RecipeEdit or None
        The change that can be applied; None where the data or the reader must change.
    said : mapping
        What fills the blanks of its sentences.
    """

    code: str
    severity: Severity
    figures: Mapping[str, Any]
    edit: RecipeEdit | None = None
    said: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        choose("finding", self.code, _WORDS)

    @property
    def seen(self) -> str:
        """What was seen, with numbers, in the language in use."""
        return self._sentence(0)

    @property
    def why(self) -> str:
        """Why it matters."""
        return self._sentence(1)

    @property
    def change(self) -> str:
        """What to change."""
        return self._sentence(2)

    def to_dict(self) -> dict[str, Any]:
        """Return all, ready for JSON; sentences in the language in use."""
        return {
            "code": self.code,
            "severity": self.severity,
            "seen": self.seen,
            "why": self.why,
            "change": self.change,
            "figures": finite(dict(self.figures)),
            "edit": None if self.edit is None else self.edit.to_dict(),
        }

    def __str__(self) -> str:
        head = text("health.finding", severity=severity_name(self.severity), seen=self.seen)
        lines = [head, f"  {self.why}", f"  {self.change}"]
        if self.edit is not None:
            lines.append("  " + text("health.edit", edit=self.edit))
        return "\n".join(lines)

    def _sentence(self, which: int) -> str:
        filled = {
            name: text("health.and_then").join(text("health.layer_part", **one) for one in value)
            if isinstance(value, tuple)
            else value
            for name, value in self.said.items()
        }
        return text(_WORDS[self.code][which], **filled)


def severity_name(severity: Severity) -> str:
    """Return the word for a severity in the language in use."""
    return {
        "note": text("health.note"),
        "warning": text("health.warning"),
        "severe": text("health.severe"),
    }[severity]


def graded(value: float, limits: tuple[float, ...], *, below: bool = False) -> Severity | None:
    """Return the severity of a value: the limits are those of (note,) warning and severe.

    Examples
    --------
    >>> graded(0.3, (0.05, 0.2, 0.5)), graded(0.01, (0.05, 0.2, 0.5))
    ('warning', None)
    >>> graded(0.001, (0.005, 0.0005), below=True)
    'warning'
    """
    names: tuple[Severity, ...] = ("note", "warning", "severe")
    found: Severity | None = None
    for name, limit in zip(names[-len(limits) :], limits, strict=True):
        if value <= limit if below else value >= limit:
            found = name
    return found


def finite(value: Any) -> Any:
    """Return data ready for JSON: None in the place of what is not finite, lists for tuples."""
    if isinstance(value, Mapping):
        return {name: finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def percent(share: float, digits: int = 1) -> str:
    """Return a share as per cent.

    Examples
    --------
    >>> percent(0.1234), percent(0.5), percent(0.00012)
    ('12.3 %', '50 %', '0.012 %')
    """
    value = 100 * share
    if 0 < abs(value) < 10**-digits:
        return f"{value:.2g} %"
    return f"{value:.{digits}f}".removesuffix("." + "0" * digits) + " %"
