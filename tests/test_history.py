"""What a run recorded, and its way through JSON."""

import json

import numpy as np
import pytest

import tongtou as tt
from tongtou.history import EpochRecord


def trained(validation=None, targets=False):
    X, y = np.eye(6), np.arange(6) % 3
    net = tt.Network([6, 3], seed=1)
    return tt.fit(net, (X, np.eye(3)[y] if targets else y), epochs=3, validation=validation)


def test_columns():
    history = trained(validation=2)
    assert history.column("epoch") == [1, 2, 3]
    assert history.column("loss") == [one.loss for one in history.epochs]
    assert history.column("learning_rate") == [0.1, 0.1, 0.1]
    assert all(isinstance(loss, float) for loss in history.column("val_loss"))
    assert history.train_s == pytest.approx(sum(history.column("seconds")))
    assert history.prepare_s >= 0


def test_every_moment_lies_behind_the_one_before():
    history = trained(validation=2)
    times = history.column("time_s")
    assert times == sorted(times)
    assert times[0] >= history.prepare_s + history.epochs[0].seconds > 0


def test_the_curves_are_drawn_by_the_plots():
    pytest.importorskip("matplotlib")
    figure = trained(validation=2).plot(language="en")
    assert figure.axes[0].get_xlabel() == "epoch"
    ax = figure.axes[0]
    assert trained().plot(ax).axes[0] is ax


def test_jupyter_is_shown_a_table():
    assert "<" in trained()._repr_html_()


def test_an_unknown_column_lists_the_known_ones():
    with pytest.raises(ValueError, match="an epoch has no 'val'; expected one of epoch, loss, acc"):
        trained().column("val")


@pytest.mark.parametrize(
    "history",
    [
        pytest.param(trained(), id="labels"),
        pytest.param(trained(validation=0.5), id="validation"),
        pytest.param(trained(targets=True), id="targets"),
        pytest.param(tt.History(), id="nothing yet"),
    ],
)
def test_there_and_back_through_json(history):
    text = json.dumps(history.to_dict(), allow_nan=False)
    assert tt.History.from_dict(json.loads(text)) == history


def test_a_description_is_a_copy():
    history = trained()
    described = history.to_dict()
    described["epochs"][0]["loss"] = -1
    assert history.epochs[0].loss != -1
    other = tt.History.from_dict(described)
    other.epochs.clear()
    assert len(described["epochs"]) == 3


def test_whole_numbers_count_as_real_ones():
    """JSON writes 1.0 as it likes."""
    described = trained().to_dict()
    described["epochs"][0] |= {"loss": 1, "accuracy": 1}
    assert tt.History.from_dict(described).epochs[0].loss == 1


def test_a_description_of_an_older_version_may_know_less():
    described = trained().to_dict()
    del described["threads"], described["best_epoch"]
    for record in described["epochs"]:
        del record["penalty"], record["gradient_norm"], record["time_s"]
    history = tt.History.from_dict(described)
    assert (history.threads, history.best_epoch) == (1, None)
    assert history.column("penalty") == [0, 0, 0]
    assert history.column("gradient_norm") == [None] * 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda d: d.update(n_steps="9"), "n_steps of History must be int", id="text"),
        pytest.param(lambda d: d.update(n_steps=True), "must be int; it is True", id="bool"),
        pytest.param(lambda d: d.update(prepare_s=None), "must be float; it is None", id="None"),
        pytest.param(lambda d: d.update(best_epoch=1.5), "best_epoch of History", id="half"),
        pytest.param(lambda d: d.update(best_epoch=True), "best_epoch of History", id="True"),
        pytest.param(
            lambda d: d["epochs"][0].update(gradient_norm="x"), "gradient_norm of", id="norm text"
        ),
        pytest.param(
            lambda d: d["epochs"][0].update(penalty=None), "penalty of EpochRecord", id="no penalty"
        ),
        pytest.param(lambda d: d.update(stopped_by=1), "must be str; it is 1", id="number"),
        pytest.param(lambda d: d.update(speed=1), "has the fields epochs.*speed", id="unknown"),
        pytest.param(lambda d: d.update(epochs=None), r"list\[EpochRecord\]", id="epochs None"),
        pytest.param(lambda d: d.update(epochs={}), r"list\[EpochRecord\]", id="epochs a dict"),
        pytest.param(lambda d: d.update(epochs=[3]), "EpochRecord must be a mapping", id="epoch 3"),
        pytest.param(
            lambda d: d["epochs"][1].update(loss="low"), "loss of EpochRecord must", id="loss text"
        ),
        pytest.param(
            lambda d: d["epochs"][1].update(loss=None), "loss of EpochRecord must", id="no loss"
        ),
        pytest.param(
            lambda d: d["epochs"][1].pop("loss"), "EpochRecord has the fields", id="a field missing"
        ),
        pytest.param(
            lambda d: d["epochs"][1].update(x=1), "EpochRecord has the fields", id="a field more"
        ),
    ],
)
def test_descriptions_that_are_refused(change, said):
    described = trained().to_dict()
    change(described)
    with pytest.raises(ValueError, match=said):
        tt.History.from_dict(described)


@pytest.mark.parametrize("data", [None, [], "history", 3])
def test_what_is_no_mapping_is_refused(data):
    with pytest.raises(ValueError, match="History must be a mapping"):
        tt.History.from_dict(data)


def record(**values):
    plain = {
        "epoch": 1,
        "loss": 0.5,
        "accuracy": None,
        "val_loss": None,
        "val_accuracy": None,
        "seconds": 0.25,
        "learning_rate": 0.1,
    }
    return EpochRecord(**plain | values)


@pytest.mark.parametrize(
    ("epochs", "shown"),
    [
        ([], "History(no epoch finished, stopped by epochs)"),
        ([record()], "History(1 epochs, loss 0.5000, 0.25 s, stopped by epochs)"),
        (
            [record(), record(accuracy=0.75, val_loss=0.6, val_accuracy=0.7)],
            "History(2 epochs, loss 0.5000, accuracy 0.7500, validation accuracy 0.7000, 0.50 s, "
            "stopped by epochs)",
        ),
        (
            [record(val_loss=0.6)],
            "History(1 epochs, loss 0.5000, validation loss 0.6000, 0.25 s, stopped by epochs)",
        ),
    ],
    ids=["none", "loss", "accuracies", "validation loss"],
)
def test_repr(epochs, shown):
    assert repr(tt.History(epochs=epochs, stopped_by="epochs")) == shown


def test_a_history_of_nothing_says_no_more():
    assert repr(tt.History()) == "History(no epoch finished)"
