"""``tongtou evaluate``, ``predict`` and ``info``."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Files, Run, write_idx
from PIL import Image

import tongtou as tt

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def test_evaluate_measures_the_embedded_test_digits(run: Run, model: Path, mnist: Any) -> None:
    net = tt.load(model)
    done = run("evaluate", model)
    assert done.code == 0
    assert f"{net.accuracy(mnist.test):.2%}" in done.out
    assert f"{net.loss(mnist.test):.4f} (sum of squared errors)" in done.out
    test = json.loads(run("evaluate", model, "--json").out)["test"]
    confusion = np.array(test["confusion"])
    assert confusion.sum(1).tolist() == np.bincount(mnist.test.y).tolist()
    said = net.predict(mnist.test)
    assert confusion[4, 9] == ((mnist.test.y == 4) & (said == 9)).sum()
    assert test["class_accuracy"][4] == confusion[4, 4] / confusion[4].sum()


def test_evaluate_takes_the_file_in_this_folder(run: Run, few: Files, model: Path) -> None:
    Path("digits.safetensors").write_bytes(model.read_bytes())
    assert run("evaluate", *few.test_words).code == 0


def test_a_network_that_predicts_numbers_has_a_loss_only(run: Run, tmp_path: Path) -> None:
    tt.Network([4, 1], output="linear", loss="mse").save(tmp_path / "line")
    images = write_idx(tmp_path / "x", np.arange(8).reshape(2, 4))
    header = struct.pack(">BBBBI", 0, 0, 0x0D, 1, 2)
    (tmp_path / "y").write_bytes(header + np.array([0.5, 1], ">f4").tobytes())
    words = ["evaluate", "line", "--images", images, "--labels", tmp_path / "y"]
    done = run(*words)
    assert done.code == 0
    assert "mean squared error" in done.out
    assert "Confusion" not in done.out
    assert json.loads(run(*words, "--json").out)["test"]["confusion"] is None


def test_many_classes_are_told_by_their_confusions(run: Run, tmp_path: Path) -> None:
    net = tt.Network([4, 40])
    net.layers[0].W, net.layers[0].b = np.zeros((40, 4)), np.eye(40)[3]
    net.save(tmp_path / "wide")
    images = write_idx(tmp_path / "x", np.zeros((40, 2, 2)))
    labels = write_idx(tmp_path / "y", np.repeat([39, 3, 7], [20, 15, 5]))
    done = run("evaluate", "wide", "--images", images, "--labels", labels)
    assert done.code == 0
    assert "39 taken for 3: 20\n  7 taken for 3: 5\n" in done.out
    assert "Most frequent confusions" in done.out
    assert "A row is" not in done.out


def test_predict_shows_ten_confidences_and_the_picture(
    run: Run, model: Path, seven: Path, mnist: Any
) -> None:
    assert mnist.test.y[0] == 7
    done = run("predict", seven, "--model", model)
    assert done.code == 0
    assert f"{seven.name}: 7, confidence 9" in " ".join(done.out.split())
    lines = done.out.splitlines()
    found = [re.search(r" {2}(\d)  ([█▏▎▍▌▋▊▉]*) +([\d.]+)%$", line) for line in lines]
    bars = {one[1]: (len(one[2]), float(one[3])) for one in found if one}
    assert sorted(bars) == list("0123456789")
    longest = max(bars, key=lambda name: bars[name])
    assert longest == "7"
    assert bars["7"][0] == pytest.approx(bars["7"][1] / 100 * 24, abs=1.1)
    assert len([line for line in lines if re.search("[░▒▓█]", line)]) >= 9  # 20 pixels, two a line


def test_predict_says_what_the_network_says(run: Run, model: Path, seven: Path) -> None:
    picture = json.loads(run("predict", seven, "--model", model, "--json").out)["pictures"][0]
    outputs = tt.load(model).predict_proba(tt.images.to_digit(seven).pixels.reshape(1, -1))[0]
    assert picture["answer"] == 7
    assert picture["confidences"] == {str(i): float(one) for i, one in enumerate(outputs)}
    assert picture["confidence"] == float(outputs.max())


def test_a_picture_that_cannot_be_read_does_not_stop_the_others(
    run: Run, model: Path, seven: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    Image.new("L", (50, 50), 255).save(tmp_path / "blank.png")
    words = ["predict", "text.png", seven, "blank.png", "missing.png", "--model", model]
    done = run(*words)
    assert done.code == 2
    assert "7, confidence" in done.out
    errors = done.err.splitlines()
    assert [one.split(":")[1].strip() for one in errors] == ["text.png", "blank.png", "missing.png"]
    done = run(*words, "--json")
    assert done.code == 2
    kinds = [sorted(one)[-1] for one in json.loads(done.out)["pictures"]]
    assert kinds == ["picture", "picture", "picture", "picture"]
    assert ["error" in one for one in json.loads(done.out)["pictures"]] == [True, False, True, True]


def test_predict_without_a_network_says_how_to_train_one(run: Run, seven: Path) -> None:
    done = run("predict", seven)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "`tongtou train`" in done.err
    assert "`tongtou train`" in run("predict", seven, "--lang", "zh").err


@pytest.mark.parametrize("shape", [(), (49, 16)])
def test_predict_needs_a_network_for_pictures(
    run: Run, seven: Path, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    net = tt.Network([784, 2] if shape else [4, 2])
    net.input_shape = shape
    net.save(tmp_path / "other")
    done = run("predict", seven, "--model", "other")
    assert done.code == 2
    assert "28×28" in done.err


def test_info_tells_the_kernel_and_how_to_choose_it(run: Run) -> None:
    done = run("info")
    assert done.code == 0
    document = json.loads(run("info", "--json").out)
    assert document["kernel"] in (*document["kernels"], "reference")
    assert document["numpy"] == np.__version__
    for expected in ("TONGTOU_KERNEL", document["kernel"], document["python"], tt.__version__):
        assert expected in done.out


def test_info_tells_what_is_in_a_file(run: Run, model: Path) -> None:
    done = run("info", model)
    assert done.code == 0
    for expected in ("13,002", "28 × 28", "MNIST train", "sgd, learning_rate 1.5", "55,000"):
        assert expected in done.out
    history = tt.load(model).history
    assert history is not None
    for one in history.epochs:
        assert re.search(rf"{one.epoch} +{one.loss:.4f} +{one.accuracy:.2%}", done.out)


def test_what_a_strange_file_holds_cannot_control_the_terminal(run: Run, tmp_path: Path) -> None:
    net = tt.Network([4, 2])
    net.classes = ("\x1b[2Jgone", "two\nlines")
    net.recipe = {"data": "\x9b31m", "\x07bell": {"a\x1b": ["\x1b"]}}
    net.save(tmp_path / "strange")
    done = run("info", "strange")
    assert done.code == 0
    assert not CONTROL.search(done.out)
    assert "\\x1b[2Jgone" in done.out
    assert not CONTROL.search(run("evaluate", "\x1b[31m").err)
