"""Findings in the data: classes out of balance, rows that leaked, columns out of scale."""

from __future__ import annotations

from typing import Any

import numpy as np

from tongtou.datasets.dataset import is_sparse
from tongtou.explanation.edits import RecipeEdit
from tongtou.explanation.examined import Part, Patient
from tongtou.explanation.findings import Finding, Severity, graded, percent
from tongtou.explanation.likenesses import Neighbours, chance_of, keys_of, neighbours_of
from tongtou.explanation.thresholds import (
    BY_CHANCE,
    CONTRADICTED,
    ENOUGH,
    IMBALANCE,
    INPUT_SCALE,
    LEAK,
    NEAR_LEAK,
    NEGLECTED,
)
from tongtou.i18n import text

_MOST_LISTED = 100
"""Pairs of rows that figures list."""


def data_findings(patient: Patient) -> list[Finding]:
    """Return what is wrong with the examples."""
    found: list[Finding | None] = []
    if patient.train.has_classes:
        found += [_missing(patient), _imbalance(patient)]
    found.append(_scale(patient))
    keys = keys_of(patient.train.inputs)
    places: dict[bytes, int] = {}
    for row, key in enumerate(keys):
        places.setdefault(key, row)
    found.append(_contradictions(patient.train, keys, places))
    others = [("validation", patient.held), ("test", patient.test)]
    if any(part is not None for _, part in others):
        around = neighbours_of(patient.train.inputs, patient.seed)
        for where, part in others:
            if part is not None:
                found += _leaks(patient, part, where, places, around)
    return [one for one in found if one is not None]


def _names(patient: Patient) -> list[Any]:
    train = patient.train
    classes = list(patient.net.classes)
    return classes if len(classes) == train.n_classes else list(range(train.n_classes))


def _missing(patient: Patient) -> Finding | None:
    none = np.flatnonzero(patient.train.counts == 0).tolist()
    if not none:
        return None
    names = [_names(patient)[k] for k in none]
    return Finding(
        "missing_class",
        "warning",
        {"classes": names},
        None,
        {"classes": ", ".join(map(str, names))},
    )


def _imbalance(patient: Patient) -> Finding | None:
    train = patient.train
    counts = train.counts
    there = np.flatnonzero(counts > 0)
    if len(there) < 2:
        return None
    least, most = there[counts[there].argmin()], there[counts[there].argmax()]
    ratio = float(counts[most] / counts[least])
    if ratio < IMBALANCE:
        return None
    held = patient.held
    enough = held is not None and held.has_classes and held.counts[least] >= ENOUGH
    recalls = held.recalls if held is not None and enough else train.recalls
    if not np.isfinite(np.delete(recalls, least)).any():
        recalls = train.recalls
    own = float(recalls[least])
    others = float(np.nanmean(np.delete(recalls, least)))
    severity: Severity = "note"
    if np.isfinite(own) and others > 0:
        severity = graded(own / others, NEGLECTED, below=True) or "note"
    names = _names(patient)
    weighted = patient.told("class_weight") is not None
    return Finding(
        "imbalance",
        severity,
        {
            "counts": {str(name): int(n) for name, n in zip(names, counts, strict=True)},
            "ratio": ratio,
            "recalls": {
                str(name): float(r) if np.isfinite(r) else None
                for name, r in zip(names, recalls, strict=True)
            },
            "recall_of_smallest": own if np.isfinite(own) else None,
            "recall_of_others": others,
        },
        None if weighted else RecipeEdit({"class_weight": {"set": "balanced"}}, patient.plan),
        {
            "least": names[least],
            "n_least": f"{counts[least]:,}",
            "most": names[most],
            "n_most": f"{counts[most]:,}",
            "own": percent(own) if np.isfinite(own) else "?",
            "others": percent(others),
        },
    )


def _scale(patient: Patient) -> Finding | None:
    X = patient.train.inputs
    if X.dtype == np.uint8:
        return None
    rows = X[patient.train.rows]
    squares = rows.multiply(rows) if is_sparse(rows) else np.square(rows, dtype=np.float64)
    sizes = np.sqrt(np.asarray(squares.mean(axis=0), np.float64).ravel())
    column = int(sizes.argmax())
    severity = graded(float(sizes[column]), INPUT_SCALE)
    if severity is None:
        return None
    names = getattr(patient.net.preprocessing, "feature_names", ())
    name = names[column] if len(names) == len(sizes) else column
    return Finding(
        "input_scale",
        severity,
        {
            "column": column,
            "name": str(name),
            "rms": float(sizes[column]),
            "median_rms": float(np.median(sizes)),
        },
        None,
        {"column": name, "size": f"{sizes[column]:.3g}", "median": f"{np.median(sizes):.3g}"},
    )


def _contradictions(train: Part, keys: list[bytes], places: dict[bytes, int]) -> Finding | None:
    if len(places) == len(keys) or not train.has_classes:
        return None
    answers = train.answers.reshape(len(keys), -1)
    pairs = [
        (places[key], row)
        for row, key in enumerate(keys)
        if places[key] != row and (answers[places[key]] != answers[row]).any()
    ]
    severity = graded(len(pairs) / len(keys), CONTRADICTED)
    names: dict[str, Severity] = {"warning": "note", "severe": "warning"}
    if severity is None:
        return None
    return Finding(
        "contradictions",
        names[severity],
        {"n": len(pairs), "share": len(pairs) / len(keys), "rows": pairs[:_MOST_LISTED]},
        None,
        {"n": f"{len(pairs):,}", "share": percent(len(pairs) / len(keys))},
    )


def _leaks(
    patient: Patient,
    part: Part,
    where: str,
    places: dict[bytes, int],
    around: Neighbours | None,
) -> list[Finding | None]:
    train = patient.train
    pairs = [(row, places[key]) for row, key in enumerate(keys_of(part.inputs)) if key in places]
    exact: Finding | None = None
    chance = chance_of(train.inputs)
    if pairs:
        share = len(pairs) / len(part)
        severity: Severity = graded(share, LEAK) or "note"
        if chance >= BY_CHANCE:
            severity = "note"
        mine = part.answers.reshape(len(part), -1)
        theirs = train.answers.reshape(len(train), -1)
        n_same = sum(bool((mine[i] == theirs[j]).all()) for i, j in pairs)
        exact = Finding(
            "leakage",
            severity,
            {
                "where": where,
                "n": len(pairs),
                "n_rows": len(part),
                "share": share,
                "n_same_answer": n_same,
                "expected_by_chance": chance,
                "rows": pairs[:_MOST_LISTED],
            },
            None,
            {
                "where": _Where(where),
                "n": f"{len(pairs):,}",
                "n_all": f"{len(part):,}",
                "share": percent(share),
                "n_same": f"{n_same:,}",
            },
        )
    near = None if around is None else around.near(part.inputs, {row for row, _ in pairs})
    share = 0.0 if near is None else len(near.pairs) / near.n_compared
    grade = graded(share, NEAR_LEAK)
    if near is None or grade is None:
        return [exact]
    return [
        exact,
        Finding(
            "near_leakage",
            "note" if chance >= BY_CHANCE else grade,
            {
                "where": where,
                "n": len(near.pairs),
                "n_compared": near.n_compared,
                "share": share,
                "limit": near.limit,
                "usual": near.usual,
                "rows": [[i, j, d] for i, j, d in near.pairs[:_MOST_LISTED]],
            },
            None,
            {
                "where": _Where(where),
                "n": len(near.pairs),
                "n_all": f"{near.n_compared:,}",
                "share": percent(share),
                "limit": f"{near.limit:.3g}",
                "usual": f"{near.usual:.3g}",
            },
        ),
    ]


class _Where:
    """The name of a set of examples, in the language in use when a sentence is read."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __str__(self) -> str:
        return text("health.held_out") if self.name == "validation" else text("health.test_set")

    def __format__(self, spec: str) -> str:
        return str(self)
