"""What the tests of model files share: a network, its file, and the file taken apart."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tongtou as tt
from tongtou.activations import LeakyReLU
from tongtou.history import EpochRecord
from tongtou.preprocessing import TablePreprocessing, Target
from tongtou.preprocessing.parts import BooleanPart, CategoryPart, DatePart, NumberPart
from tongtou.preprocessing.texts import Reading


def network(dtype: str = "float32") -> tt.Network:
    """A network in which everything a file holds is something else than its default."""
    net = tt.Network(
        [6, 5, 17, 3],
        activation=["tanh", LeakyReLU(slope=0.1)],
        output="softmax",
        loss="cross_entropy",
        initializer="he",
        seed=2**64 - 1,
        dtype=dtype,
    )
    net.classes = ("猫", "dog", 'O\'Brien "x"')
    net.input_shape = (2, 3)
    net.preprocessing = preprocessing()
    net.recipe = {"optimizer": {"name": "sgd", "learning_rate": 0.1}, "fingerprint": "ab", "n": 3}
    net.history = tt.History(
        epochs=[
            EpochRecord(1, 0.1 + 0.2, 0.5, None, None, 1e-3, 0.1),
            EpochRecord(2, 5e-324, None, math.inf, 1.0, 2.0, 0.1),
        ],
        stopped_by="epochs",
        n_train=7,
        n_steps=14,
        engine="avx2",
        threads=2,
    )
    return net


def preprocessing() -> TablePreprocessing:
    """What makes six inputs of four columns, one of each kind, and three classes of the outputs."""
    return TablePreprocessing(
        (
            NumberPart("Größe", False, 1 / 3, 1e-3),
            BooleanPart("garden", True, 0.25),
            CategoryPart("town", False, ("Bonn", "Ulm")),
            DatePart("sold", False, 1.5, 0.1, ("days",), "%d.%m.%Y"),
        ),
        Target(("animal",), ("猫", "dog", 'O\'Brien "x"')),
        Reading(("", "NA"), ","),
        (("always", "constant"),),
    )


def saved(net: tt.Network, path: Path) -> bytes:
    net.save(path)
    return path.read_bytes()


def same_bits(a: np.ndarray, b: np.ndarray) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def assert_same(a: tt.Network, b: tt.Network) -> None:
    assert a.blueprint == b.blueprint
    assert (a.seed, a.initializer) == (b.seed, b.initializer)
    assert (a.classes, a.input_shape) == (b.classes, b.input_shape)
    assert a.preprocessing == b.preprocessing
    assert (a.recipe, a.history) == (b.recipe, b.history)
    for mine, theirs in zip(a.layers, b.layers, strict=True):
        assert same_bits(mine.W, theirs.W)
        assert same_bits(mine.b, theirs.b)
    X = np.linspace(-3, 3, 40 * a.sizes[0]).reshape(40, -1)
    assert same_bits(a.predict_proba(X), b.predict_proba(X))


def taken_apart(content: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    return header, json.loads(header["__metadata__"]["tongtou"]), content[end:]


def put_together(header: dict[str, Any], description: Any, data: bytes) -> bytes:
    if description is not None:
        header["__metadata__"]["tongtou"] = json.dumps(description)
    return framed(json.dumps(header).encode(), data)


def framed(raw: bytes, data: bytes) -> bytes:
    return len(raw).to_bytes(8, "little") + raw + data


def refused(folder: Path, content: bytes, match: str) -> str:
    """Load `content` as a file and return the message of the FileFormatError it must give."""
    path = folder / "hostile"
    path.write_bytes(content)
    with pytest.raises(tt.FileFormatError, match=match) as caught:
        tt.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "expected" in message
    assert message.endswith(".")
    assert len(message) < 1000
    assert message.isprintable()
    return message


def nest(levels: int) -> Any:
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


def child(program: str, *arguments: str) -> str:
    """Run a program, indented as the tests are, and return what it prints."""
    lines = "\n".join(line.removeprefix(" " * 8) for line in program.splitlines())
    run = subprocess.run(
        [sys.executable, "-c", lines, *arguments], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return run.stdout
