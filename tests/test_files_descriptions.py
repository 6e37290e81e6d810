"""Model files whose description lies are refused, each with its reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_files import nest, network, put_together, refused, saved, taken_apart


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def content(folder: Path) -> bytes:
    return saved(network(), folder / "net")


def described(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda description: description.update(changes)


def epoch(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda description: description["history"]["epochs"][0].update(changes)


RELU = {"name": "relu"}


DESCRIPTIONS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "newer format": (
        described(format=4, tongtou="9.1", new="x"),
        r"at most format 3, .* has format 4, written by Tongtou '9\.1'\. Upgrade: pip install",
    ),
    "format 0": (described(format=0), "description with a format number"),
    "format true": (described(format=True), "description with a format number"),
    "format text": (described(format="1"), "description with a format number"),
    "format missing": (lambda d: d.pop("format"), "description with a format number"),
    "key missing": (lambda d: d.pop("loss"), "'loss' is missing"),
    "key too many": (described(wings=2), "'wings' is none of them"),
    "version a number": (described(tongtou=1), "tongtou to be a short text; got 1"),
    "sizes missing": (described(sizes=None), "expected sizes to be 2 to 65 whole numbers"),
    "sizes a text": (described(sizes="6 5"), "sizes to be 2 to 65 whole numbers"),
    "sizes true": (described(sizes=[6, True, 17, 3]), "sizes to be 2 to 65 whole numbers"),
    "sizes of floats": (described(sizes=[6.0, 5.0, 17.0, 3.0]), "sizes to be 2 to 65 whole numb"),
    "sizes of texts": (described(sizes=["6", "5"]), "sizes to be 2 to 65 whole numbers"),
    "sizes nested": (described(sizes=[[6, 5], 17, 3]), "sizes to be 2 to 65 whole numbers"),
    "size 0": (described(sizes=[6, 0, 17, 3]), "sizes to be 2 to 65 whole numbers"),
    "size negative": (described(sizes=[6, -5, 17, 3]), "sizes to be 2 to 65 whole numbers"),
    "size 2**31": (described(sizes=[2**31, 5, 17, 3]), "sizes to be 2 to 65 whole numbers"),
    "size 10**4000": (described(sizes=[10**4000, 5, 17, 3]), "sizes to be 2 to 65 whole numbers"),
    "huge sizes": (
        described(sizes=[6] + [2**31 - 1] * 2 + [3]),
        "18,446,744,151,018,962,916 bytes of parameters for these sizes; 764 bytes follow",
    ),
    "large sizes": (described(sizes=[6, 10**6, 10**6, 3]), "4,000,044,000,012 bytes of param"),
    "other sizes": (described(sizes=[6, 5, 16, 3]), "the file is followed by bytes of no tensor"),
    "one size": (described(sizes=[6]), "sizes to be 2 to 65 whole numbers"),
    "66 sizes": (described(sizes=[6] * 66), "sizes to be 2 to 65 whole numbers"),
    "another layer": (
        described(sizes=[6, 5, 17, 3, 3], activations=[RELU] * 4),
        "a tensor 'layer4.W' for these sizes; it is missing",
    ),
    "activations missing": (described(activations=None), "3 activations, one a layer; got None"),
    "too few activations": (described(activations=[RELU]), "3 activations, one a layer"),
    "activation a name": (described(activations=["relu"] * 3), "an activation such as"),
    "activation without name": (described(activations=[{}] * 3), "an activation such as"),
    "unknown activation": (
        described(activations=[{"name": "rleu"}] * 3),
        r"unknown activation 'rleu'; .* Did you mean 'relu'\?",
    ),
    "endless activation": (
        described(activations=[{"name": "x" * 10**6}] * 3),
        "name to be a short",
    ),
    "activation's name a list": (described(activations=[{"name": []}] * 3), "name to be a short"),
    "parameter for relu": (described(activations=[{**RELU, "parameter": 1}] * 3), "may hold"),
    "slope a text": (
        described(activations=[{"name": "leaky_relu", "parameter": "1"}] * 3),
        "slope of leaky_relu must be a finite number",
    ),
    "slope negative": (
        described(activations=[{"name": "leaky_relu", "parameter": -1.0}] * 3),
        "slope of leaky_relu must be a finite number",
    ),
    "slope 10**400": (
        described(activations=[{"name": "leaky_relu", "parameter": 10**400}] * 3),
        "known names and values, but",
    ),
    "softmax inside": (described(activations=[{"name": "softmax"}] * 3), "is hidden and cannot be"),
    "loss without softmax": (described(activations=[RELU] * 3), "needs output='softmax'"),
    "unknown loss": (described(loss={"name": "hinge"}), "unknown loss 'hinge'; expected one of"),
    "loss a list": (described(loss=["sse"]), "a loss such as"),
    "loss a name alone": (described(loss="sse"), "a loss such as .* got 'sse'"),
    "loss's name a list": (described(loss={"name": ["sse"]}), "name to be a short text"),
    "loss's name endless": (described(loss={"name": "x" * 10**6}), "name to be a short text"),
    "parameter for sse": (described(loss={"name": "sse", "parameter": 1.0}), "may hold"),
    "delta a text": (described(loss={"name": "huber", "parameter": "1"}), "delta"),
    "delta negative": (described(loss={"name": "huber", "parameter": -1.0}), "delta"),
    "dtype float16": (described(dtype="float16"), "dtype float32 or float64; got 'float16'"),
    "dtype object": (described(dtype="O"), "dtype float32 or float64; got 'O'"),
    "dtype a list": (described(dtype=["float32"]), r"dtype float32 or float64; got \['float32'\]"),
    "the other dtype": (described(dtype="float64"), "bytes of parameters .* is truncated"),
    "seed negative": (described(seed=-1), "seed must be an integer 0"),
    "seed true": (described(seed=True), "seed must be an integer 0"),
    "seed a float": (described(seed=1.0), "seed must be an integer 0"),
    "seed 2**64": (described(seed=2**64), "seed must be an integer 0"),
    "unknown initializer": (described(initializer="mine"), "unknown initializer 'mine'"),
    "initializer a number": (described(initializer=1), "initializer to be a short text"),
    "too few classes": (described(classes=[1]), r"no classes or 3, for 3 output\(s\); got 1"),
    "classes a text": (described(classes="abc"), "classes to be a list of numbers or texts"),
    "classes nested": (described(classes=[[1], 2, 3]), "classes to be a list of numbers or texts"),
    "classes None": (described(classes=[None] * 3), "classes to be a list of numbers or texts"),
    "half a character": (described(classes=["\ud800", "b", "c"]), r"classes\[0\] in Unicode; got"),
    "shape that does not fit": (described(input_shape=[2, 2]), "to make 6 inputs; got .2, 2"),
    "shape of floats": (described(input_shape=[2.0, 3.0]), "to make 6 inputs"),
    "shape too long": (described(input_shape=[6] + [1] * 32), "to make 6 inputs"),
    "shape negative": (described(input_shape=[-2, -3]), "to make 6 inputs"),
    "other preprocessing": (described(preprocessing={"uint8": "u"}), "preprocessing .*Upgrade"),
    "recipe a list": (described(recipe=[]), "the recipe to be an object"),
    "recipe too deep": (described(recipe={"a": nest(40)}), "at most 32 levels"),
    "history a list": (described(history=[]), "the history to be an object with epochs"),
    "history empty": (described(history={}), "the history to be an object with epochs"),
    "epochs a number": (described(history={"epochs": 1}), "the history to be an object with epo"),
    "epoch a number": (
        described(history={"epochs": [1]}),
        "EpochRecord must be a mapping of its fields; it is 1",
    ),
    "epoch empty": (described(history={"epochs": [{}]}), "EpochRecord has the fields epoch, loss"),
    "epoch's loss a text": (
        epoch(loss="small"),
        "loss of EpochRecord must be float; it is 'small'",
    ),
    "epoch's loss missing": (epoch(loss=None), "loss of EpochRecord must be float; it is None"),
    "epoch's loss endless": (epoch(loss=10**400), "to hold counts; 'loss' is 1000"),
    "epoch's number true": (epoch(epoch=True), "epoch of EpochRecord must be int; it is True"),
    "epoch's number a float": (epoch(epoch=1.0), "epoch of EpochRecord must be int; it is 1.0"),
    "epoch's loss a word": (epoch(loss="Infinite"), "loss of EpochRecord must be float"),
    "engine no number": (lambda d: d["history"].update(engine="NaN"), "engine of History must be"),
    "epoch with more": (epoch(x=1), "EpochRecord has the fields epoch, loss.* val_loss, x"),
    "threads a text": (
        lambda d: d["history"].update(threads="2"),
        "threads of History must be int; it is '2'",
    ),
    "property of History": (
        lambda d: d["history"].update(train_s=1.0),
        "History has the fields .*, train_s",
    ),
}


@pytest.mark.parametrize(("change", "match"), DESCRIPTIONS.values(), ids=DESCRIPTIONS)
def test_descriptions_that_lie(
    folder: Path, content: bytes, change: Callable[[dict[str, Any]], Any], match: str
) -> None:
    header, description, data = taken_apart(content)
    change(description)
    refused(folder, put_together(header, description, data), match)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "its description to be JSON"),
        ("null", "a description with a format number; got None"),
        ("[1]", "a description with a format number"),
        ('{"format": 1, "format": 1}', "once in its description; 'format' comes twice"),
        ('{"format": NaN}', "finite numbers in its description; it holds 'NaN'"),
        ('{"format": -Infinity}', "it holds '-Infinity'"),
        ('{"format": 1, "recipe":' + "[" * 10**6, "nests too deep"),
        ('{"format": 1, "recipe":' + "[" * 500 + "]" * 500 + "}", "at most 32 levels"),
    ],
    ids=["empty", "null", "list", "twice", "NaN", "infinity", "endless depth", "depth"],
)
def test_descriptions_in_bad_json(folder: Path, content: bytes, text: str, match: str) -> None:
    header, _, data = taken_apart(content)
    header["__metadata__"]["tongtou"] = text
    refused(folder, put_together(header, None, data), match)
