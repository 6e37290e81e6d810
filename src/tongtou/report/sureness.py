"""How sure a network may be: calibration, risk over coverage, and what its gates let pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tongtou.report.languages import in_both
from tongtou.report.measures import wilson

if TYPE_CHECKING:
    from tongtou.report.gathering import Subject

RISKS = (0.003, 0.01, 0.03)
_N_BINS = 10


def sureness(subject: Subject) -> dict[str, Any]:
    """Return calibration, risk and promises of a classifier on the examples."""
    from tongtou import honesty

    net, X, y = subject.net, subject.lesson.inputs, subject.right
    measured = honesty.calibration(net, X, y, bins=_N_BINS, seed=subject.seed).to_dict()
    for one in measured["bins"]:
        n_right = round((one["accuracy"] or 0.0) * one["n"])
        one["right"] = wilson(n_right, one["n"])
    found: dict[str, Any] = {
        "calibration": measured,
        "risk_coverage": honesty.risk_coverage(net, X, y).to_dict(),
        "promises": None,
    }
    if net.gates is not None:
        found["promises"] = [_kept(subject, risk) for risk in RISKS]
    return found


def _kept(subject: Subject, risk: float) -> dict[str, Any]:
    """Return what the gates answer at a risk, and how much of it is wrong here."""
    net = subject.net
    answers = net.predict(subject.lesson.inputs, abstain=risk)
    answered = np.asarray(answers.answered, np.bool_)
    n_wrong = int((np.asarray(answers.likeliest)[answered] != subject.right[answered]).sum())
    promise = answers.promise.to_dict() | {"words": vars(in_both(answers.promise.words))}
    return {
        "risk": risk,
        "promise": promise,
        "answered": wilson(int(answered.sum()), len(answered)),
        "wrong": wilson(n_wrong, int(answered.sum())),
        "ambiguous": float(answers.share("ambiguous")),
        "novel": float(answers.share("novel")),
    }
