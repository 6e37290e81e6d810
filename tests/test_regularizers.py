"""Regularisation as a setting: what it accepts, what it says of itself, its arithmetic by hand."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from tongtou.regularizers import DROPOUT_PARTS, Regularization, drop_threshold

FULL = Regularization(l1=1e-5, l2=1e-4, dropout=(0.2, 0.5), input_noise=0.1, label_smoothing=0.1)


def test_nothing_by_default() -> None:
    assert not Regularization()
    assert not Regularization(dropout=(0, 0, 0))
    assert Regularization().rates(3) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    "setting",
    [
        {"l1": 1},
        {"l2": 1},
        {"dropout": 0.1},
        {"dropout": (0, 0.1)},
        {"input_noise": 1},
        {"label_smoothing": 0.1},
    ],
)
def test_anything_is_noticed(setting: dict[str, object]) -> None:
    assert Regularization(**setting)


def test_one_rate_is_for_hidden_layers_and_a_tuple_names_every_layer() -> None:
    assert Regularization(dropout=0.5).rates(1) == (0.0,)  # no hidden layer, nothing to drop
    assert Regularization(dropout=0.5).rates(4) == (0.0, 0.5, 0.5, 0.5)
    assert Regularization(dropout=[0.2, 0.5]).rates(2) == (0.2, 0.5)
    assert Regularization(dropout=np.array([0.2, 0.5])).dropout == (0.2, 0.5)
    for n_layers in (1, 3):
        with pytest.raises(ValueError, match=rf"{n_layers} of them.*input.*{n_layers - 1} hidden"):
            Regularization(dropout=(0.2, 0.5)).rates(n_layers)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"l1": -1e-9}, "l1 must be a finite number from 0 on; it is -1e-09"),
        ({"l2": math.inf}, "l2 must"),
        ({"l2": True}, "l2 must"),
        ({"l2": None}, "l2 must"),
        ({"input_noise": math.nan}, "input_noise must"),
        ({"label_smoothing": 1.0}, "label_smoothing must be a finite number 0 … below 1"),
        ({"dropout": 1}, "dropout must be a finite number 0 … below 1; it is 1"),
        ({"dropout": "half"}, "dropout must"),
        ({"dropout": (0.5, -0.1)}, r"dropout\[1\] must"),
        ({"dropout": 1 - 2**-20}, "must leave neurons in: at most 0.99998"),
    ],
)
def test_settings_out_of_range_are_refused(setting: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Regularization(**setting)


def test_settings_cannot_be_altered() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        FULL.l1 = 0.0


def test_equal_settings_are_equal_whatever_they_were_written_as() -> None:
    assert Regularization(l2=1, dropout=[0, 0.5]) == Regularization(l2=1.0, dropout=(0.0, 0.5))
    assert hash(Regularization(l2=1)) == hash(Regularization(l2=1.0))


@pytest.mark.parametrize("one", [Regularization(), FULL, Regularization(dropout=0.3)])
def test_description_round_trip_through_json(one: Regularization) -> None:
    assert Regularization.from_description(json.loads(json.dumps(one.describe()))) == one


@pytest.mark.parametrize("wrong", [{"l3": 1.0}, "l2", None, [["l2", 1.0]]])
def test_a_wrong_description_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match="described by a mapping of dropout, input_noise, l1, l2"):
        Regularization.from_description(wrong)


def test_penalty_by_hand() -> None:
    """0.1 (1 + 2 + 3) + 0.5/2 (1 + 4 + 9) = 0.6 + 3.5, in float64 from float32."""
    weights = [np.array([[1.0, -2.0]], np.float32), np.array([[3.0]], np.float32)]
    assert Regularization(l1=0.1, l2=0.5).penalty(weights) == pytest.approx(4.1, rel=1e-15)
    assert Regularization(dropout=0.5).penalty(weights) == 0


def test_smoothed_targets_by_hand() -> None:
    y = np.array([[0.0, 1.0, 0.0, 0.0]], np.float32)
    smoothed = Regularization(label_smoothing=0.2).smoothed(y, 4)
    np.testing.assert_allclose(smoothed, [[0.05, 0.85, 0.05, 0.05]], rtol=1e-7)
    assert smoothed.dtype == np.float32
    # A yes or no has two classes, and both its answers move inwards.
    yes_or_no = Regularization(label_smoothing=0.2).smoothed(np.array([[0.0], [1.0]]), 2)
    np.testing.assert_allclose(yes_or_no, [[0.1], [0.9]], rtol=1e-15)
    assert Regularization().smoothed(y, 4) is y


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.999, 1 - 1 / DROPOUT_PARTS])
def test_thresholds_are_the_rate_in_65536ths(rate: float) -> None:
    q = drop_threshold(rate)
    assert 0 <= q < DROPOUT_PARTS
    assert abs(q / DROPOUT_PARTS - rate) <= 0.5 / DROPOUT_PARTS
