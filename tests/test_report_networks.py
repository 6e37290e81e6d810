"""Any network gets a report: one output or many, pictures or rows, estimators, one example."""

import json
from pathlib import Path

import numpy as np
import pytest
from html_pages import Page
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import tongtou as tt
from tongtou import report
from tongtou.estimators import MLPClassifier, MLPRegressor


def _binary():
    X = np.random.default_rng(0).normal(size=(60, 3))
    net = tt.Network([3, 4, 1], loss="sse")
    return net, (X, (X[:, 0] > 0).astype(int)), "classes"


def _no_hidden_layer():
    return tt.Network([784, 10]), tt.datasets.mnist().test[:200], "classes"


def _many_labels():
    rng = np.random.default_rng(0)
    net = tt.Network([5, 4, 3], loss="binary_cross_entropy")
    return net, (rng.normal(size=(50, 5)), (rng.random((50, 3)) < 0.5).astype(float)), "labels"


def _numbers_within_0_and_1():
    X = np.random.default_rng(0).random((50, 2))
    return tt.Network([2, 4, 1]), (X, X[:, :1] * 0.5), "loss"


def _two_targets():
    X = np.random.default_rng(0).normal(size=(50, 2))
    return tt.Network([2, 4, 2], output="linear", loss="mse"), (X, X), "numbers"


def _colour_pictures():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (40, 8 * 8 * 3), np.uint8)
    data = tt.Dataset(X, rng.integers(0, 2, 40), ("a", "b"), (8, 8, 3))
    return tt.Network([192, 4, 2], output="softmax", loss="cross_entropy"), data, "classes"


def _grey_pictures_of_numbers():
    rng = np.random.default_rng(0)
    data = tt.Dataset(rng.random((40, 64)), rng.integers(0, 2, 40), ("a", "b"), (8, 8))
    return tt.Network([64, 4, 2]), data, "classes"


def _one_example():
    return tt.Network([3, 2, 2]), (np.zeros((1, 3)), [0]), "classes"


def _many_classes():
    rng = np.random.default_rng(0)
    return tt.Network([4, 5, 40]), (rng.normal(size=(300, 4)), rng.integers(0, 40, 300)), "classes"


MADE = (
    _binary, _no_hidden_layer, _many_labels, _numbers_within_0_and_1, _two_targets,
    _colour_pictures, _grey_pictures_of_numbers, _one_example, _many_classes,
)  # fmt: skip


@pytest.mark.parametrize("make", MADE, ids=lambda make: make.__name__.strip("_"))
def test_any_network_gets_a_report(make, tmp_path):
    net, data, kind = make()
    written = report.write(net, data, tmp_path / "report.html")
    assert written.findings["quality"]["kind"] == kind
    assert written.findings["training"]["history"] is None
    page = Page(Path(written.path).read_text("utf-8"))
    assert page.wrong == []
    json.dumps(written.findings, allow_nan=False)
    expected = make in (_no_hidden_layer, _colour_pictures, _grey_pictures_of_numbers)
    assert bool(page.of("image")) == expected  # the wall of pictures


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_estimator_gets_a_report(tmp_path):
    X, y = load_iris(return_X_y=True)
    names = np.array(["x", "y", "z"])[y]
    model = MLPClassifier(hidden_layer_sizes=(4,), max_iter=8, random_state=0)
    pipe = make_pipeline(StandardScaler(), model).fit(X, names)
    written = report.write(pipe, (X, names), tmp_path / "iris.html")
    found = written.findings
    assert found["quality"]["accuracy"]["value"] == pytest.approx(pipe.score(X, names))
    assert [one["class"] for one in found["quality"]["classes"]] == ["x", "y", "z"]
    assert len(found["training"]["history"]["epochs"]) == 8
    assert found["training"]["recipe"]["solver"] == "adam"
    number = MLPRegressor(hidden_layer_sizes=(4,), max_iter=8, random_state=0).fit(X, X[:, 0])
    other = report.gather(number, (X, X[:, 0]))
    assert other["quality"]["targets"][0]["r_squared"]["value"] == pytest.approx(
        number.score(X, X[:, 0])
    )


def test_what_cannot_be_is_refused_and_nothing_written(tmp_path):
    net = tt.Network([3, 2])
    with pytest.raises(tt.ShapeError):
        report.write(net, (np.zeros((2, 4)), [0, 1]), tmp_path / "no.html")
    with pytest.raises(FileNotFoundError, match="create it first"):
        report.write(net, (np.zeros((2, 3)), [0, 1]), tmp_path / "none" / "no.html")
    assert list(tmp_path.iterdir()) == []


def test_without_jinja2_one_sentence_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("tongtou.extras.find_spec", lambda name: None)

    def missing(name):
        raise ModuleNotFoundError(name="jinja2")

    monkeypatch.setattr("tongtou.extras.import_module", missing)
    with pytest.raises(tt.MissingExtraError, match=r"pip install 'tongtou\[report\]'"):
        report.write(tt.Network([2, 2]), (np.eye(2), [0, 1]), tmp_path / "no.html")
