"""A command line in an empty folder, a few digits, a trained network, a picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Files, Outcome, Run, write_idx
from PIL import Image

import tongtou as tt
from tongtou import cli
from tongtou.i18n import use_language

N_TRAIN, N_TEST = 600, 200


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in (
        "LC_ALL", "LC_MESSAGES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"
    ):  # fmt: skip
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("COLUMNS", "80")
    yield
    use_language(None)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> Outcome:
        code = cli.main([str(word) for word in words])
        return Outcome(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def few(mnist: Any, tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("few")
    train, test = mnist.train[:N_TRAIN], mnist.test[:N_TEST]
    return Files(
        write_idx(folder / "images", train.X.reshape(-1, 28, 28)),
        write_idx(folder / "labels", train.y),
        write_idx(folder / "test-images", test.X.reshape(-1, 28, 28)),
        write_idx(folder / "test-labels", test.y),
    )


@pytest.fixture(scope="session")
def model(mnist: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that knows digits."""
    net = tt.Network([784, 16, 16, 10])
    tt.fit(net, mnist.train, optimizer=tt.SGD(1.5), epochs=2, validation=5000, progress=False)
    path = tmp_path_factory.mktemp("model") / "known.safetensors"
    net.save(path)
    return path


@pytest.fixture(scope="session")
def seven(mnist: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test digit as a picture, dark on light and large."""
    pixels = 255 - mnist.test.X[0].reshape(28, 28)
    path = tmp_path_factory.mktemp("pictures") / "seven.png"
    Image.fromarray(pixels).resize((280, 280)).save(path)
    return path


@pytest.fixture(scope="session")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table whose price follows from size and town."""
    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("table") / "houses.csv"
    rows = ["size,town,price,kind"]
    for size, town in zip(random.uniform(30, 150, 300), random.integers(0, 3, 300), strict=True):
        price = 3000 * size + 50_000 * (town == 1) + random.normal(0, 2000)
        name = ("Bonn", "Ulm", "Kiel")[town]
        rows.append(f"{size:.1f},{name},{price:.0f},{'dear' if price > 300_000 else 'cheap'}")
    path.write_text("\n".join(rows) + "\n")
    return path


def _trained(houses: Path, target: str, drop: str, folder: Path) -> Path:
    train, _ = tt.datasets.table(houses, target=target, drop=[drop]).split(0.2)
    is_class = bool(train.classes)
    net = tt.Network(
        [train.n_in, 16, train.n_out],
        activation="relu",
        output="softmax" if is_class else "linear",
        loss="cross_entropy" if is_class else "mse",
    )
    tt.fit(net, train, optimizer=tt.Adam(0.01), epochs=30, progress=False)
    path = folder / f"{target}.safetensors"
    net.save(path)
    return path


@pytest.fixture(scope="session")
def houses_model(houses: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that predicts the price."""
    return _trained(houses, "price", "kind", tmp_path_factory.mktemp("price"))


@pytest.fixture(scope="session")
def kinds_model(houses: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that tells dear houses from cheap ones."""
    return _trained(houses, "kind", "price", tmp_path_factory.mktemp("kind"))
