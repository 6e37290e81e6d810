"""What Jupyter shows: complete, small, without scripts, escaped, in both languages."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tongtou as tt
from tongtou import i18n, notebook
from tongtou.history import EpochRecord
from tongtou.losses import LOSSES
from tongtou.stopping import _CONDITIONS


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_chosen", "en")


def record(epoch, **changes):
    values = {
        "loss": 1 / epoch,
        "accuracy": 0.5,
        "val_loss": 0.8,
        "val_accuracy": 0.25,
        "seconds": 0.1,
        "learning_rate": 0.1,
    }
    return EpochRecord(epoch=epoch, **(values | changes))


def parsed(html):
    """The HTML as a tree; it is written so that it is XML too."""
    return ET.fromstring(html)


def trained():
    net = tt.Network([2, 3, 2], seed=1)
    data = tt.Dataset(
        np.array([[0.0, 1.0], [1.0, 0.0]]),
        np.array([0, 1]),
        classes=("a", "b"),
        name="<two>",
    )
    tt.fit(net, data, epochs=3, progress=False)
    return net


def test_a_network_shows_its_layers_parameters_recipe_and_run():
    net = trained()
    html = notebook.network_html(net)
    tree = parsed(html)
    said = "".join(tree.itertext())
    assert "2 → 3 → 2" in said
    assert f"{net.n_parameters} parameters" in said
    assert "2 × 3 = 6" in said
    assert "sgd, learning_rate 0.1" in said
    assert i18n.text("stopped.epochs") in said
    assert len(tree.findall(".//rect")) == 3
    assert len(tree.findall(".//polygon")) == 2


def test_an_untrained_network_says_so():
    html = notebook.network_html(tt.Network([784, 16, 16, 10]))
    assert i18n.text("notebook.not_trained") in html
    assert "784 × 16 = 12,544" in html
    parsed(html)


def test_a_run_is_a_line_a_curve_and_a_table():
    run = tt.History(epochs=[record(e) for e in range(1, 6)], stopped_by="epochs", engine="avx2")
    tree = parsed(notebook.history_html(run))
    rows = ["|".join(cell.text or "" for cell in row) for row in tree.findall(".//tbody/tr")]
    assert rows[0] == "1|1.000|50.00%|0.8000|25.00%|0.100"
    assert len(rows) == 5
    assert len(tree.findall(".//polyline")) == 2


def test_columns_that_were_never_measured_are_left_out():
    bare = {"accuracy": None, "val_loss": None, "val_accuracy": None}
    run = tt.History(epochs=[record(e, **bare) for e in (1, 2)])
    tree = parsed(notebook.history_html(run))
    assert [one.text for one in tree.findall(".//thead/tr/th")] == ["epoch", "loss", "seconds"]
    assert len(tree.findall(".//polyline")) == 1


def test_a_long_run_shows_its_beginning_and_its_end():
    run = tt.History(epochs=[record(e) for e in range(1, 101)])
    tree = parsed(notebook.history_html(run))
    rows = tree.findall(".//tbody/tr")
    assert [row[0].text for row in rows[:6]] == list("123456")
    assert "88" in rows[6][0].text
    assert rows[-1][0].text == "100"
    assert len(rows) == 13


def test_a_run_of_no_epoch_and_one_of_one_are_shown():
    assert i18n.text("notebook.no_epoch") in notebook.history_html(tt.History())
    one = notebook.history_html(tt.History(epochs=[record(1)]))
    assert not parsed(one).findall(".//polyline")
    endless = tt.History(epochs=[record(1, loss=float("inf")), record(2, val_loss=float("nan"))])
    parsed(notebook.history_html(endless))


def test_it_is_small_self_contained_and_escaped():
    net = trained()
    net.recipe["data"] = "<script>alert(1)</script>"
    net.recipe["note"] = {"name": "a & b", "list": [1, True]}
    html = notebook.network_html(net)
    assert "&lt;script&gt;" in html
    assert not re.search(r"<script|<style|\son\w+=|<link|<img|\bid=", html)
    assert "://" not in html
    parsed(html)
    net.history = tt.History(epochs=[record(e) for e in range(1, 3000)])
    assert len(notebook.network_html(net)) < 150_000


def test_nothing_takes_a_colour_that_only_one_background_bears():
    """Text has the page's own colour; what is coloured has 3:1 on white and on near black."""

    def luminance(colour):
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return sum(k * c for k, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    html = notebook.network_html(trained())
    colours = set(re.findall(r"#[0-9a-f]{6}", html))
    assert colours
    for colour in colours:
        lum = luminance(colour)
        assert 1.05 / (lum + 0.05) >= 3, colour
        assert (lum + 0.05) / (luminance("#111111") + 0.05) >= 3, colour


def test_it_speaks_chinese(monkeypatch):
    monkeypatch.setattr(i18n, "_chosen", "zh")
    html = notebook.network_html(trained())
    for key in ("layer.neurons", "layer.weights", "notebook.recipe", "epoch.loss", "plot.training"):
        assert i18n.catalogue("zh")[key] in html
    words = {i18n.catalogue("en")[k] for k in ("layer.neurons", "layer.weights", "notebook.recipe")}
    assert not [one for one in words if f">{one}<" in html]


def test_every_loss_and_every_exit_has_a_name_in_chinese(monkeypatch):
    monkeypatch.setattr(i18n, "_chosen", "zh")
    for name in LOSSES:
        assert re.search("[\u4e00-\u9fff]", notebook._loss_name(name)), name
    ways_out = [one.reason for one in _CONDITIONS]
    assert len(ways_out) > 4
    for reason in [*ways_out, "epochs", "callback", "interrupted", "diverged", "checkpoint failed"]:
        assert re.search("[\u4e00-\u9fff]", notebook._reason(reason)), reason
    assert notebook._reason("something new") == "something new"


def test_the_objects_show_themselves():
    net = trained()
    assert net.history._repr_html_() == notebook.history_html(net.history)
    assert net._repr_html_() == notebook.network_html(net)
