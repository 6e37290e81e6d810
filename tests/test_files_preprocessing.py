"""Model files remember how raw rows become inputs; files of earlier formats are read."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_files import (
    assert_same,
    network,
    preprocessing,
    put_together,
    refused,
    saved,
    taken_apart,
)

import tongtou as tt
from tongtou.losses import Huber
from tongtou.preprocessing import PicturePreprocessing, TablePreprocessing, Target


def test_a_loaded_network_answers_raw_rows(tmp_path: Path) -> None:
    rows: dict[str, list[Any]] = {
        "size": [50, 70, 90, None, 60, 80],
        "town": ["Ulm", "Bonn", "Ulm", "Bonn", None, "Ulm"],
        "sold": [f"2024-0{month}-03" for month in range(1, 7)],
        "price": [100.5, 150, 200, 120, 130, 170],
    }
    train = tt.datasets.table(rows, target="price").prepared()
    net = tt.Network([train.n_in, 4, train.n_out], output="linear", loss=Huber(delta=0.7))
    net.preprocessing = train.preprocessing
    net.save(tmp_path / "net")
    loaded = tt.load(tmp_path / "net")
    assert_same(net, loaded)
    assert loaded.loss_function == Huber(delta=0.7)
    assert isinstance(loaded.preprocessing, TablePreprocessing)
    new = {"size": [55.0], "town": ["Bonn"], "sold": ["2024-12-31"]}
    X = loaded.preprocessing.transform(new)
    np.testing.assert_array_equal(X, train.preprocessing.transform(new))
    outputs = net.predict_proba(X)
    mean, sd = np.mean(rows["price"]), np.std(rows["price"])
    assert loaded.preprocessing.answers(outputs)[0] == pytest.approx(outputs[0, 0] * sd + mean)


def test_a_loaded_network_knows_how_pictures_are_read(tmp_path: Path) -> None:
    net = tt.Network([12, 2])
    net.preprocessing = PicturePreprocessing((2, 2), grey=False, invert=True, background=255)
    net.save(tmp_path / "net")
    assert tt.load(tmp_path / "net").preprocessing == net.preprocessing


@pytest.mark.parametrize("made", ["number", "one", "two"])
def test_what_does_not_fit_the_network_is_not_saved(tmp_path: Path, made: str) -> None:
    net = network()
    one = preprocessing()
    if made == "number":
        net.preprocessing = replace(one, parts=one.parts[:-1])
        match = "the preprocessing to make 6 inputs; it makes 5"
    else:
        classes = ("a", "b") if made == "two" else ()
        net.preprocessing = replace(one, target=Target(("y",), classes, (0.0,), (1.0,)))
        match = r"answers for 3 output\(s\); the preprocessing tells of \('"
    with pytest.raises(tt.DataError, match=match):
        net.save(tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


class Mine(TablePreprocessing):
    """Somebody's own."""


def test_preprocessing_of_ones_own_is_not_saved(tmp_path: Path) -> None:
    one = preprocessing()
    for own in (Mine(one.parts, one.target, one.reading), object(), {"uint8": "u/255"}):
        net = network()
        net.preprocessing = own  # type: ignore[assignment]
        with pytest.raises(tt.DataError, match=r"preprocessing to be one of Tongtou's"):
            net.save(tmp_path / "net")


def inside(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    """What changes one place of the preprocessing."""

    def change(description: dict[str, Any]) -> None:
        at = description["preprocessing"]
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value

    return change


LIES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "none": (lambda d: d.update(preprocessing=None), "expected preprocessing .*Upgrade"),
    "no pixels": (lambda d: d["preprocessing"].pop("uint8"), "and perhaps input; .*Upgrade"),
    "more": (inside("output", value={}), "and perhaps input; .*Upgrade"),
    "input none": (inside("input", value=None), "of the kind table or pictures"),
    "input a program": (inside("input", "kind", value="python"), "of the kind table or pictures"),
    "mean too large": (inside("input", "columns", 0, "mean", value=10**400), "but: int too large"),
    "sd 0": (inside("input", "columns", 0, "sd", value=0.0), "to make an input"),
    "mean a text": (inside("input", "columns", 0, "mean", value="0"), "a finite number; got '0'"),
    "a column more": (
        lambda d: d["preprocessing"]["input"]["columns"].append(
            {"kind": "boolean", "name": "x", "missing": False, "share": 0.5}
        ),
        "to make 6 inputs; it makes 7",
    ),
    "levels without end": (
        inside("input", "columns", 2, "levels", value=[f"{i:06}" for i in range(100_000)]),
        "to make 6 inputs; it makes 100004",
    ),
    "many classes": (
        inside("input", "target", "classes", value=list(range(1000))),
        r"for 3 output\(s\); the preprocessing tells of \(0, 1",
    ),
    "pictures of another size": (
        inside("input", value=PicturePreprocessing((28, 28)).describe()),
        "to make 6 inputs; it makes 784",
    ),
    "pictures without end": (
        inside("input", value=PicturePreprocessing((9, 9)).describe() | {"size": [2**31, 2**31]}),
        "each from 1 to",
    ),
    "input deep": (inside("input", "missing", value=[[[[[[]]]]]] * 2), "missing: expected a text"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "match"), LIES.values(), ids=LIES)
def test_preprocessing_that_lies(
    tmp_path: Path, change: Callable[[dict[str, Any]], Any], match: str
) -> None:
    header, description, data = taken_apart(saved(network(), tmp_path / "net"))
    change(description)
    refused(tmp_path, put_together(header, description, data), match)


# Earlier formats

# Written by version 0.1.0 in format 1: a network 2-2-1 trained for two epochs.
DESCRIPTION_1 = json.loads(
    """{"activations":[{"name":"leaky_relu","parameter":0.1},{"name":"sigmoid"}],
    "classes":["no","yes"],"dtype":"float32","format":1,"history":{"engine":"reference","epochs":[
    {"accuracy":null,"epoch":1,"learning_rate":0.1,"loss":0.35257682688345793,"seconds":0.003,
    "val_accuracy":null,"val_loss":0.25657034749050484},{"accuracy":null,"epoch":2,
    "learning_rate":0.1,"loss":0.3451820492225832,"seconds":0.0003,"val_accuracy":null,
    "val_loss":0.26398868103449713}],"n_steps":4,"n_train":3,"n_validation":1,
    "prepare_s":1.5e-05,"stopped_by":"epochs","threads":1},"initializer":"auto",
    "input_shape":[],"loss":"mse","preprocessing":{"uint8":"u/255"},"recipe":{"batch_size":2,
    "data":"old","epochs":2,"n_train":3,"n_validation":1,"optimizer":{"learning_rate":0.1,
    "name":"sgd"},"seed":0,"shuffle":true},"seed":7,"sizes":[2,2,1],"tongtou":"0.1.0"}"""
)
HEADER_1 = {
    "__metadata__": {"tongtou": ""},
    "layer1.W": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]},
    "layer1.b": {"dtype": "F32", "shape": [2], "data_offsets": [16, 24]},
    "layer2.W": {"dtype": "F32", "shape": [1, 2], "data_offsets": [24, 32]},
    "layer2.b": {"dtype": "F32", "shape": [1], "data_offsets": [32, 36]},
}
TENSORS_1 = base64.b64decode("rAddv6q31T56cHU/ESz3vseJN73dmT28xqJ+v5MAAz9UTFI9")


def test_a_file_of_format_1_is_read(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(put_together(HEADER_1, DESCRIPTION_1, TENSORS_1))
    net = tt.load(tmp_path / "old")
    assert repr(net) == "Network(2-2-1, leaky_relu → sigmoid, mse, 9 parameters, float32)"
    assert net.layers[0].W.tobytes() + net.layers[0].b.tobytes() == TENSORS_1[:24]
    assert (net.classes, net.seed, net.preprocessing) == (("no", "yes"), 7, None)
    assert net.history is not None
    assert net.history.column("loss") == [0.35257682688345793, 0.3451820492225832]
    assert net.recipe == DESCRIPTION_1["recipe"]
    # Saved again it is of the newest format, and nothing else has changed.
    _, description, tensors = taken_apart(saved(net, tmp_path / "new"))
    assert description["format"] == 2
    assert tensors == TENSORS_1
    assert_same(tt.load(tmp_path / "new"), net)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"loss": {"name": "mse"}}, "loss to be a short text"),
        ({"loss": "hinge"}, "unknown loss 'hinge'"),
        ({"preprocessing": {"uint8": "u/255", "input": None}}, "expected preprocessing"),
    ],
)
def test_what_format_1_did_not_know(tmp_path: Path, change: dict[str, Any], match: str) -> None:
    refused(tmp_path, put_together(HEADER_1, DESCRIPTION_1 | change, TENSORS_1), match)
