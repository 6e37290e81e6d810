"""Files that are damaged, hostile or of another kind are refused, each with its reason."""

from __future__ import annotations

import errno
import math
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from model_files import (
    assert_same,
    child,
    framed,
    network,
    put_together,
    refused,
    saved,
    taken_apart,
)

import tongtou as tt
from tongtou import tensorfile


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def content(folder: Path) -> bytes:
    return saved(network(), folder / "net")


def number(n: int) -> bytes:
    return n.to_bytes(8, "little")


BYTES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "is empty"),
    "seven bytes": (lambda c: c[:7], "the file has 7 bytes in all"),
    "no header": (lambda c: c[:8], "0 bytes follow: the file is truncated"),
    "half a header": (lambda c: c[:500], "492 bytes follow: the file is truncated"),
    "half the tensors": (lambda c: c[:-200], "bytes follow the header: the file is truncated"),
    "a byte short": (lambda c: c[:-1], "the file is truncated"),
    "a byte more": (lambda c: c + b"\0", "followed by bytes of no tensor"),
    "header length beyond the file": (lambda c: number(len(c)) + c[8:], "is truncated or no safe"),
    "header length 2**64 - 1": (lambda c: number(2**64 - 1) + c[8:], "18,446,744,073,709,551,615"),
    "header over the limit": (lambda c: framed(b"{" + b" " * 2**24, b""), "at most 16,777,216 b"),
    "header length 0": (lambda c: number(0) + c[8:], "begins with '{'; it begins with b''"),
    "header in UTF-16": (lambda c: framed("{}".encode("utf-16"), b""), "begins with '{'"),
    "header not UTF-8": (lambda c: framed(b'{"\xff": 1}', b""), "in UTF-8; byte 2 of it is not"),
    "header not JSON": (lambda c: framed(b"{]", b""), "the header to be JSON, but"),
    "header cut off": (lambda c: framed(c[8:200], b""), "the header to be JSON, but"),
    "text after the header": (lambda c: framed(b"{} {}", b""), "to be JSON, but: Extra data"),
    "NaN in the header": (lambda c: framed(b'{"a": NaN}', b""), "finite numbers in the header; it"),
    "1e999 in the header": (lambda c: framed(b'{"a": 1e999}', b""), "finite numbers .* '1e999'"),
    "endless number": (lambda c: framed(b'{"a": %s}' % (b"9" * 5000), b""), "to be JSON, but: Exc"),
    "nested too deep": (lambda c: framed(b'{"a":' + b"[" * 10**6, b""), "nests too deep"),
    "objects too deep": (lambda c: framed(b'{"a":' * 10**5, b""), "nests too deep"),
    "no object": (lambda c: framed(b"[]", b""), "begins with '{'; it begins with b'\\[\\]'"),
    "no tensors": (
        lambda c: framed(b"{}", b""),
        r"no 'tongtou' in its metadata.* tensors are \[\]",
    ),
    "tensor twice": (
        lambda c: c[:8] + c[8:].replace(b"layer1.b", b"layer1.W"),
        "each name once in the header; 'layer1.W' comes twice",
    ),
    "metadata twice": (
        lambda c: framed(b'{"__metadata__": {}, "__metadata__": {}}', b""),
        "'__metadata__' comes twice",
    ),
    "key of a tensor twice": (
        lambda c: framed(b'{"a": {"dtype": "F32", "dtype": "F64"}}', b""),
        "'dtype' comes twice",
    ),
    "torch.save": (lambda c: b"PK\x03\x04" + bytes(99), "this is a ZIP archive, as torch"),
    "pickle": (lambda c: b"\x80\x04\x95" + bytes(range(99)), "this is a pickle, which .* never op"),
    "npy": (lambda c: b"\x93NUMPY\x01\x00" + bytes(99), "this is a NumPy array file"),
    "HDF5": (lambda c: b"\x89HDF\r\n\x1a\n" + bytes(99), "this is an HDF5 file"),
    "gzip": (lambda c: b"\x1f\x8b\x08\x00abcdefgh", "this is compressed with gzip"),
    "text": (lambda c: b"W = [[1, 2, 3]]\n" * 9, "is truncated or no safetensors file"),
}


@pytest.mark.parametrize(("change", "match"), BYTES.values(), ids=BYTES)
def test_damaged_containers(
    folder: Path, content: bytes, change: Callable[[bytes], bytes], match: str
) -> None:
    refused(folder, change(content), match)


def test_a_header_whose_length_begins_like_a_pickle_is_read(folder: Path, content: bytes) -> None:
    end = 8 + int.from_bytes(content[:8], "little")
    for length in (0x10080, 0x18B1F):
        raw = content[8:end].ljust(length)
        (folder / "long").write_bytes(framed(raw, content[end:]))
        assert_same(network(), tt.load(folder / "long"))


W1, B1, W2 = "layer1.W", "layer1.b", "layer2.W"


TENSORS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "missing": (lambda h: h.pop(B1), "a tensor 'layer1.b' for these sizes; it is missing"),
    "extra": (lambda h: h.update(x=h[B1]), "expected 6 tensors; 'x' is one too many"),
    "name with escapes": (lambda h: h.update({"\x1b[2J\ud800": 1}), r"x1b\[2J.ud800' is one too m"),
    "no object": (lambda h: h.update({W1: [1]}), r"dtype, shape and data_offsets of layer1\.W"),
    "key missing": (lambda h: h[W1].pop("shape"), r"dtype, shape and data_offsets of layer1\.W"),
    "key too many": (lambda h: h[W1].update(x=1), r"dtype, shape and data_offsets of layer1\.W"),
    "other dtype": (lambda h: h[W1].update(dtype="F64"), r"layer1\.W to be F32, .* is 'F64'"),
    "unknown dtype": (lambda h: h[W1].update(dtype="I32"), "its dtype is 'I32'"),
    "dtype a list": (lambda h: h[W1].update(dtype=["F32"]), r"its dtype is \['F32'\]"),
    "transposed": (lambda h: h[W1].update(shape=[6, 5]), r"the shape \[5, 6\] .* is \[6, 5\]"),
    "flat": (lambda h: h[W1].update(shape=[30]), r"the shape \[5, 6\] .* its shape is \[30\]"),
    "shape of floats": (lambda h: h[W1].update(shape=[5.0, 6.0]), r"its shape is \[5\.0, 6\.0\]"),
    "negative shape": (lambda h: h[W1].update(shape=[-5, -6]), r"its shape is \[-5, -6\]"),
    "huge shape": (lambda h: h[W1].update(shape=[2**62, 2**62]), r"its shape is \[4611686018"),
    "endless shape": (lambda h: h[W1].update(shape=[1] * 10**5), r"its shape is \[1, 1, 1"),
    "shape a number": (lambda h: h[W1].update(shape=30), "its shape is 30"),
    "one offset": (lambda h: h[W1].update(data_offsets=[120]), "two data_offsets of layer1"),
    "three offsets": (lambda h: h[W1].update(data_offsets=[0, 120, 240]), "two data_offsets of"),
    "offsets true": (lambda h: h[W1].update(data_offsets=[False, 120]), "two data_offsets of lay"),
    "offsets of floats": (lambda h: h[W1].update(data_offsets=[0.0, 120]), "two data_offsets of"),
    "offsets text": (lambda h: h[W1].update(data_offsets="ab"), "two data_offsets of layer1"),
    "misordered": (lambda h: h[W1].update(data_offsets=[120, 0]), "lie 120 bytes apart; got .120"),
    "too short": (lambda h: h[W1].update(data_offsets=[0, 116]), "lie 120 bytes apart; got .0, 1"),
    "overlap": (lambda h: h[W1].update(data_offsets=[20, 140]), "byte 0; layer1.b, at 120|leaves"),
    "same place": (lambda h: h[B1].update(data_offsets=[0, 20]), "at byte 20; .* overlaps anothe"),
    "negative": (lambda h: h[W1].update(data_offsets=[-120, 0]), "at -120, overlaps another"),
    "beyond the end": (
        lambda h: h[B1].update(data_offsets=[10**12, 10**12 + 20]),
        r"at byte 120; layer2\.W, at 140, leaves a hole",
    ),
    "past 2**64": (lambda h: h["layer3.b"].update(data_offsets=[2**70, 2**70 + 12]), "a hole"),
    "metadata a list": (lambda h: h.update(__metadata__=[1]), "to map names to texts; it is .1"),
    "metadata of numbers": (
        lambda h: h["__metadata__"].update(x=1),
        "expected __metadata__ to map names to texts",
    ),
    "metadata gone": (lambda h: h.pop("__metadata__"), "no 'tongtou' in its metadata"),
}


@pytest.mark.parametrize(("change", "match"), TENSORS.values(), ids=TENSORS)
def test_headers_that_lie(
    folder: Path, content: bytes, change: Callable[[dict[str, Any]], Any], match: str
) -> None:
    header, _, data = taken_apart(content)
    change(header)
    refused(folder, put_together(header, None, data), match)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_parameters_that_are_not_finite(folder: Path, content: bytes, value: float) -> None:
    at = len(content) - 4 * 3 - 4 * 3 * 17 + 4 * 18  # layer3.W[1, 1]
    changed = content[:at] + np.float32(value).tobytes() + content[at + 4 :]
    refused(folder, changed, rf"finite parameters; layer3\.W\[1, 1\] is {value}")


def test_a_file_of_another_program(folder: Path) -> None:
    arrays = {f"fc{i}.weight": np.zeros((2, 2), np.float16) for i in range(50)}
    content = safetensors.numpy.save(arrays, metadata={"format": "pt"})
    message = refused(folder, content, "expected a network of Tongtou")
    assert "['fc0.weight', " in message
    assert "safetensors.numpy.load_file" in message


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for name in (tmp_path / "pipe", tmp_path / "socket", "/dev/zero"):
            with pytest.raises(tt.FileFormatError, match="a device, pipe or socket"):
                tt.load(name)
    with pytest.raises(tt.FileFormatError, match="expected a regular file; this is a folder"):
        tt.load(tmp_path)


def test_a_pipe_put_in_the_place_of_a_file(tmp_path: Path) -> None:
    """Between the look at the path and its opening; without a writer it must not wait either."""
    os.mkfifo(tmp_path / "pipe")
    program = """
        import os, sys, tongtou as tt
        before = os.stat(sys.executable)
        os.stat = lambda path: before
        try:
            tt.load(sys.argv[1])
        except tt.FileFormatError as error:
            print(error)
    """
    assert "a device, pipe or socket" in child(program, str(tmp_path / "pipe"))


def test_what_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"no model file is here; .* net\.save.*absent"):
        tt.load(tmp_path / "absent")
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(OSError, match="cannot be read"):
        tt.load(tmp_path / "circle")
    network().save(tmp_path / "net")
    with pytest.raises(NotADirectoryError, match="cannot be read"):
        tt.load(tmp_path / "net" / "x")

    def forbid(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", forbid)
    with pytest.raises(PermissionError, match=r"cannot be read \(Permission denied\)"):
        tt.load(tmp_path / "net")


@pytest.mark.parametrize("missing", [1, 2000])
def test_a_file_that_shrinks_while_it_is_read(
    folder: Path, content: bytes, missing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "shrinks").write_bytes(content[:-missing])
    read_header = tensorfile.read_header
    monkeypatch.setattr(
        tensorfile, "read_header", lambda file, size: read_header(file, size + missing)
    )
    with pytest.raises(tt.FileFormatError, match="became shorter while it was read"):
        tt.load(folder / "shrinks")


def test_claims_cost_no_memory(folder: Path, content: bytes) -> None:
    """Terabytes in the header, a sparse file that truly is as long, and a swarm of objects."""
    header, description, data = taken_apart(content)
    n = 10**6
    description |= {"sizes": [n, n], "activations": [{"name": "softmax"}], "classes": []}
    description |= {"input_shape": [], "preprocessing": {"uint8": "u/255"}}
    shapes = {"layer1.W": [n, n], "layer1.b": [n]}
    large: dict[str, Any] = {"__metadata__": header["__metadata__"]}
    at = 0
    for name, shape in shapes.items():
        n_bytes = 4 * math.prod(shape)
        large[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + n_bytes]}
        at += n_bytes
    claims = put_together(large, description, b"")
    (folder / "claims").write_bytes(claims + data)
    (folder / "sparse").write_bytes(claims)
    os.truncate(folder / "sparse", len(claims) + at)
    (folder / "swarm").write_bytes(framed(b'{"a":[' + b"{}," * 5_000_000 + b"{}]}", b""))
    program = """
        import resource, sys, tongtou as tt
        pages = int(open("/proc/self/statm").read().split()[0])
        limit = pages * resource.getpagesize() + 200 * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        for path in sys.argv[1:]:
            try:
                tt.load(path)
            except tt.FileFormatError as error:
                print(error)
    """
    paths = [str(folder / name) for name in ("claims", "sparse", "swarm")]
    messages = child(program, *paths).splitlines()
    os.truncate(folder / "sparse", 0)
    assert "4,000,004,000,000 bytes of parameters" in messages[0]
    assert "a network that fits in memory" in messages[1]
    assert "a network that fits in memory" in messages[2]
    assert len(messages) == 3
