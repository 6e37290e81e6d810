"""The pictures of a report: the wall of answers, wrong answers, weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from tongtou.explanation import Features
from tongtou.report import pictures
from tongtou.report.gathering import Subject
from tongtou.report.views import neurons_shown

N_ACROSS, _GAP, _SIDE, _N_EXCITING = 10, 3, 64, 6


def pictures_of(
    subject: Subject, findings: dict[str, Any], seen: Features | None
) -> dict[str, Any]:
    """Return the wall and the wrong answers as data URIs, by the places of the examples."""
    shape = subject.shape
    if not shape or max(shape[:2]) > _SIDE:
        return {"wall": None, "wrong": {}, "neurons": {}, "is_ink": False}
    X = subject.lesson.inputs

    def drawn(place: int) -> Any:
        return pictures.grey_levels(X[place], shape)

    sample = findings.get("sample", [])
    wall = None
    if sample:
        whole = pictures.wall([drawn(one["place"]) for one in sample], N_ACROSS, _GAP)
        h, w = shape[0] + 2 * _GAP, shape[1] + 2 * _GAP
        wall = {
            "uri": pictures.png(pictures.ink(whole)),
            "wide": whole.shape[1],
            "high": whole.shape[0],
            "cells": [
                {"x": (k % N_ACROSS) * w, "y": (k // N_ACROSS) * h, "wide": w, "high": h, **one}
                for k, one in enumerate(sample)
                if not one["right"]
            ],
        }
    wrong = {
        one["place"]: pictures.png(pictures.ink(drawn(one["place"])))
        for one in findings["quality"].get("wrong", [])
    }
    return {
        "wall": wall,
        "wrong": wrong,
        "neurons": _neurons(subject, seen, neurons_shown(findings)) if seen is not None else {},
        "is_ink": len(shape) == 2 or shape[2] == 1,
    }


def _neurons(subject: Subject, seen: Features, layers: list[list[int]]) -> dict[str, Any]:
    """Return of each neuron shown its picture and the examples that excite it most."""
    X, shape = subject.lesson.inputs, subject.shape
    found = {}
    for number, shown in enumerate(layers, start=1):
        for j in shown:
            one = seen.neuron(number, j).to_dict()
            drawn = np.array(one["picture"], np.float64) if one["picture"] is not None else None
            exciting = [X[case["row"]] for case in one["most"][:_N_EXCITING]]
            strip = None
            if exciting:
                row = [pictures.grey_levels(x, shape) for x in exciting]
                strip = pictures.png(pictures.ink(pictures.wall(row, len(row), 1)))
            found[f"{number}-{j}"] = {"picture": _drawn(one, drawn), "strip": strip}
    return found


def _drawn(one: dict[str, Any], picture: Any) -> str | None:
    if picture is None or picture.ndim != 2:
        return None
    if one["picture_of"] == "weights":
        return pictures.png(pictures.signed(picture))
    return pictures.png(pictures.ink(pictures.grey_levels(picture, picture.shape)))
