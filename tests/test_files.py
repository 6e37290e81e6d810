"""Model files: what was saved comes back bit for bit, and what could not is not saved."""

from __future__ import annotations

import json
import math
import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import assert_same, nest, network, put_together, same_bits, saved, taken_apart

import tongtou as tt
from tongtou.activations import LeakyReLU
from tongtou.initializers import Initializer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


HIDDEN = ["linear", "step", "sigmoid", "tanh", "relu", "gelu", LeakyReLU(0.3)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_comes_back(tmp_path: Path, dtype: str) -> None:
    net = network(dtype)
    net.save(tmp_path / "net")
    loaded = tt.load(tmp_path / "net")
    assert_same(net, loaded)
    assert loaded.layers[1].activation == LeakyReLU(slope=0.1)
    assert loaded.history is not None
    assert loaded.history.epochs[1].val_loss == math.inf


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_network_comes_back(data: st.DataObject, folder: Path) -> None:
    sizes = data.draw(st.lists(st.integers(1, 40), min_size=2, max_size=6))
    hidden = data.draw(
        st.lists(st.sampled_from(HIDDEN), min_size=len(sizes) - 2, max_size=len(sizes) - 2)
    )
    output = data.draw(st.sampled_from([*HIDDEN, "softmax"]))
    loss = data.draw(
        st.sampled_from(["sse", "mse", *(["cross_entropy"] if output == "softmax" else [])])
    )
    dtype = data.draw(st.sampled_from(["float32", "float64"]))
    seed = data.draw(st.integers(0, 2**64 - 1))
    net = tt.Network(sizes, activation=hidden, output=output, loss=loss, seed=seed, dtype=dtype)
    odd = np.array([0.0, -0.0, 1e-40, -1e-45, 0.1, 3e37], dtype)
    random = np.random.default_rng(seed)
    for layer in net.layers:
        layer.W = random.choice(odd, layer.W.shape)
        layer.b = random.choice(odd, layer.b.shape)
    net.layers[-1].b = np.full(sizes[-1], 0.1)
    names = st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(exclude_categories=["Cs"]))
    n_classes = max(sizes[-1], 2)
    net.classes = tuple(data.draw(st.lists(names, min_size=n_classes, max_size=n_classes)))
    content = saved(net, folder / "any")
    loaded = tt.load(folder / "any")
    assert list(map(type, loaded.classes)) == list(map(type, net.classes))
    with np.errstate(all="ignore"):
        assert_same(net, loaded)
    assert saved(loaded, folder / "again") == content


@pytest.mark.parametrize(
    "classes",
    [(0, 1, 2), ("0", "1", "2"), (True, 1, "1"), (0.5, 1.0, 1), (np.int64(3), np.str_("x"), -1)],
)
def test_classes_keep_their_type(tmp_path: Path, classes: tuple[Any, ...]) -> None:
    net = network()
    net.classes = classes
    net.save(tmp_path / "net")
    plain = [one.item() if isinstance(one, np.generic) else one for one in classes]
    loaded = tt.load(tmp_path / "net").classes
    assert loaded == classes
    assert list(map(type, loaded)) == list(map(type, plain))


def test_a_trained_network_predicts_the_same(tmp_path: Path) -> None:
    digits = tt.datasets.mnist()
    net = tt.Network([784, 16, 16, 10])
    tt.fit(net, digits.train[:2000], epochs=1, validation=100, progress=False)
    net.save(tmp_path / "digits.safetensors")
    loaded = tt.load(str(tmp_path / "digits.safetensors"))
    assert same_bits(net.predict_proba(digits.test), loaded.predict_proba(digits.test))
    assert loaded.history == net.history
    assert loaded.recipe == net.recipe
    assert loaded.classes == tuple(range(10))
    assert loaded.input_shape == (28, 28)


def test_a_loaded_network_learns_on(tmp_path: Path) -> None:
    net = network()
    net.save(tmp_path / "net")
    loaded = tt.load(tmp_path / "net")
    X, y = np.eye(6), np.arange(6) % 3
    for one in (net, loaded):
        tt.fit(one, (X, y), epochs=3, progress=False)
    assert same_bits(net.layers[0].W, loaded.layers[0].W)
    loaded.initialize()
    assert same_bits(loaded.layers[2].W, network().layers[2].W)


def test_the_same_network_gives_the_same_bytes(tmp_path: Path) -> None:
    content = saved(network(), tmp_path / "a")
    other = network()
    other.recipe = dict(reversed(other.recipe.items()))
    assert saved(other, tmp_path / "b") == content
    assert saved(tt.load(tmp_path / "a"), tmp_path / "c") == content


def test_nothing_but_parameters_is_stored(tmp_path: Path) -> None:
    net = network()
    content = saved(net, tmp_path / "net")
    n_header = int.from_bytes(content[:8], "little")
    assert n_header % 8 == 0
    assert len(content) == 8 + n_header + 4 * net.n_parameters
    flat = [part for layer in net.layers for part in (layer.W.tobytes(), layer.b.tobytes())]
    assert content[8 + n_header :] == b"".join(flat)


def test_safetensors_reads_it(tmp_path: Path) -> None:
    net = network("float64")
    net.save(tmp_path / "net.safetensors")
    arrays = safetensors.numpy.load_file(tmp_path / "net.safetensors")
    assert list(arrays) == ["layer1.W", "layer1.b", "layer2.W", "layer2.b", "layer3.W", "layer3.b"]
    for number, layer in enumerate(net.layers, start=1):
        assert same_bits(arrays[f"layer{number}.W"], layer.W)
        assert same_bits(arrays[f"layer{number}.b"], layer.b)
    with safetensors.safe_open(tmp_path / "net.safetensors", "np") as file:
        description = json.loads(file.metadata()["tongtou"])
        assert same_bits(file.get_tensor("layer2.W"), net.layers[1].W)
    assert description["sizes"] == [6, 5, 17, 3]
    assert description["activations"][1] == {"name": "leaky_relu", "parameter": 0.1}
    assert description["loss"] == {"name": "cross_entropy"}
    assert description["preprocessing"].keys() == {"uint8", "input"}
    assert (description["format"], description["tongtou"]) == (2, tt.__version__)


def test_a_file_that_safetensors_wrote_again_is_read(tmp_path: Path) -> None:
    net = tt.Network([2] * 13, dtype="float64")  # the library puts layer10 before layer2
    net.save(tmp_path / "net")
    with safetensors.safe_open(tmp_path / "net", "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        safetensors.numpy.save_file(arrays, tmp_path / "again", metadata=file.metadata())
    assert_same(net, tt.load(tmp_path / "again"))


def test_numbers_as_javascript_writes_them(tmp_path: Path) -> None:
    header, description, data = taken_apart(saved(network(), tmp_path / "net"))
    description["history"]["epochs"][1]["val_accuracy"] = 1
    description["activations"][1]["parameter"] = 1
    (tmp_path / "net").write_bytes(put_together(header, description, data))
    loaded = tt.load(tmp_path / "net")
    assert loaded.history is not None
    assert loaded.history.epochs[1].val_accuracy == 1.0
    assert loaded.layers[1].activation == LeakyReLU(1.0)


def test_loading_takes_milliseconds(tmp_path: Path) -> None:
    tt.Network([784, 16, 16, 10]).save(tmp_path / "net")
    times = []
    for _ in range(21):
        started = time.perf_counter()
        tt.load(tmp_path / "net")
        times.append(time.perf_counter() - started)
    print(f"median {statistics.median(times) * 1e3:.2f} ms")
    assert statistics.median(times) < 0.05


class Mine(tt.network.Activation):  # type: ignore[name-defined]
    name, code = "relu", 4

    def __call__(self, z: np.ndarray) -> np.ndarray:
        return z

    def derivative(self, z: np.ndarray, a: np.ndarray) -> np.ndarray:
        return z


UNSAVEABLE: dict[str, tuple[str, Any, str]] = {
    "recipe with an object": ("recipe", {"a": {"b": object()}}, r"recipe\.a\.b to be text, a fin"),
    "recipe with NaN": ("recipe", {"rate": math.nan}, r"recipe\.rate .* it is nan"),
    "recipe with names of numbers": ("recipe", {1: 2}, "with names of text"),
    "recipe too deep": ("recipe", {"a": nest(5000)}, "at most 32 levels"),
    "recipe not a dict": ("recipe", [1], "recipe to be an object"),
    "recipe without end": ("recipe", {"a": "x" * 2**24}, "at most 16,777,216 bytes"),
    "half a character": ("classes", ("\ud800", "b", "c"), r"classes\[0\] in Unicode"),
    "too few classes": ("classes", ("a", "b"), r"no classes or 3, for 3 output\(s\); got 2"),
    "classes of another kind": ("classes", (None, 1, 2), "classes to be a list of numbers or tex"),
    "input_shape": ("input_shape", (2, 4), "input_shape to be empty or to make 6 inputs"),
    "initializer": ("initializer", Initializer("he", lambda *_: 1.0), "initializer to be one of T"),
    "initializer's name": ("initializer", Initializer("mine", lambda *_: 1.0), "unknown initiali"),
}


@pytest.mark.parametrize(("attribute", "value", "match"), UNSAVEABLE.values(), ids=UNSAVEABLE)
def test_what_load_would_refuse_is_not_saved(
    tmp_path: Path, attribute: str, value: Any, match: str
) -> None:
    net = network()
    setattr(net, attribute, value)
    with pytest.raises((tt.DataError, ValueError), match=match):
        net.save(tmp_path / "net")
    assert list(tmp_path.iterdir()) == []


def test_an_activation_of_ones_own_is_not_saved(tmp_path: Path) -> None:
    net = tt.Network([2, 3, 1], activation=Mine())
    with pytest.raises(tt.DataError, match=r"activations to be one of Tongtou's.*save again"):
        net.save(tmp_path / "net")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_parameters_that_are_not_finite_are_not_saved(tmp_path: Path, value: float) -> None:
    net = network()
    content = saved(net, tmp_path / "net")
    net.layers[1].W[3, 2] = value
    with pytest.raises(tt.DataError, match=rf"finite parameters; layer2\.W\[3, 2\] is {value}"):
        net.save(tmp_path / "net")
    assert (tmp_path / "net").read_bytes() == content
    assert os.listdir(tmp_path) == ["net"]


@pytest.mark.parametrize("path", [b"net", 3, None, ["net"]])
def test_paths_of_another_type(path: Any) -> None:
    for call in (network().save, tt.load):
        with pytest.raises(TypeError, match=r"must be a str or an os\.PathLike"):
            call(path)


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_paths_that_name_no_file(path: str) -> None:
    for call in (network().save, tt.load):
        with pytest.raises(ValueError, match="must name a file"):
            call(path)
