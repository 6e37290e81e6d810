"""Whatever the bytes of a file: a network or a FileFormatError."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import framed, network, put_together, saved, taken_apart

import tongtou as tt


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def content(folder: Path) -> bytes:
    return saved(network(), folder / "net")


def loads_or_is_refused(folder: Path, content: bytes) -> None:
    path = folder / "fuzz"
    path.write_bytes(content)
    try:
        net = tt.load(path)
    except tt.FileFormatError:
        return
    net.save(folder / "fuzz again")
    assert tt.load(folder / "fuzz again").recipe == net.recipe


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=300), framing=st.booleans())
def test_random_bytes(folder: Path, content: bytes, framing: bool) -> None:
    loads_or_is_refused(folder, framed(b"{" + content, content) if framing else content)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_random_damage(folder: Path, content: bytes, data: st.DataObject) -> None:
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(changed)))
        kind = data.draw(st.sampled_from(["flip", "insert", "cut out", "truncate", "repeat"]))
        n = data.draw(st.integers(1, 40))
        if kind == "flip":
            changed[at : at + 1] = bytes(
                byte ^ (1 << data.draw(st.integers(0, 7))) for byte in changed[at : at + 1]
            )
        elif kind == "insert":
            changed[at:at] = data.draw(st.binary(max_size=20))
        elif kind == "cut out":
            del changed[at : at + n]
        elif kind == "truncate":
            del changed[at:]
        else:
            changed[at:at] = changed[at : at + n]
    loads_or_is_refused(folder, bytes(changed))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_random_values(folder: Path, content: bytes, data: st.DataObject) -> None:
    """Any value anywhere in header and description may be another one, or gone, or doubled."""
    header, description, tensors = taken_apart(content)
    for _ in range(data.draw(st.integers(1, 3))):
        at: Any = data.draw(st.sampled_from([header, description, description]))
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            key = data.draw(st.sampled_from(keys))
            if isinstance(at[key], (dict, list)) and at[key] and data.draw(st.booleans()):
                at = at[key]
                continue
            break
        match data.draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                at[key] = data.draw(JSON)
            case "remove" if len(at) > 1:
                del at[key]
            case _ if isinstance(at, dict):
                at[data.draw(st.text(max_size=5))] = data.draw(JSON)
            case _:
                at.append(data.draw(JSON))
    if isinstance(header.get("__metadata__"), dict) and header["__metadata__"].get("tongtou"):
        header["__metadata__"]["tongtou"] = json.dumps(description)
    loads_or_is_refused(folder, put_together(header, None, tensors))


@settings(max_examples=30, deadline=None)
@given(header=st.dictionaries(st.text(max_size=9), JSON), data=st.binary(max_size=40))
def test_random_headers(folder: Path, header: dict[str, Any], data: bytes) -> None:
    loads_or_is_refused(folder, framed(json.dumps(header).encode(), data))


def test_every_truncation(folder: Path, content: bytes) -> None:
    path = folder / "truncated"
    for n in range(0, len(content), 13):
        path.write_bytes(content[:n])
        with pytest.raises(tt.FileFormatError):
            tt.load(path)
