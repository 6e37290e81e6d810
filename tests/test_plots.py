"""Pictures: what they show, in both languages, without pyplot, and what they refuse."""

import io
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pytest
from matplotlib.figure import Figure

import tongtou as tt
from tongtou import i18n, plots
from tongtou.history import EpochRecord
from tongtou.plots import style

EN, ZH = i18n.catalogue("en"), i18n.catalogue("zh")
chinese = pytest.mark.skipif(style.chinese_font() is None, reason="no Chinese font is installed")


def history(n=6, val=True, **changes):
    """A run whose held-out loss is lowest in epoch 3."""
    records = [
        EpochRecord(
            epoch=e,
            loss=1 / e,
            accuracy=1 - 0.5 / e,
            val_loss=0.5 + 0.1 * abs(e - 3) if val else None,
            val_accuracy=0.8 if val else None,
            seconds=0.1,
            learning_rate=0.1,
        )
        for e in range(1, n + 1)
    ]
    return tt.History(epochs=records, **changes)


@pytest.fixture(scope="module")
def small():
    """A network for pictures of 8×8 that is right about the lower half of its examples."""
    net = tt.Network([64, 6, 3], seed=2)
    net.input_shape = (8, 8)
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (40, 64), np.uint8)
    y = net.predict(X).astype(np.int64)
    y[20:] = (y[20:] + 1) % 3
    return net, tt.Dataset(X, y, classes=("cat", "dog", "鸟"), shape=(8, 8))


def png(figure):
    """The figure drawn in full, every warning an error."""
    held = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(held, format="png", dpi=40)
    return held.getvalue()


def texts(figure):
    """Whatever the figure has written on it."""
    return [one.get_text() for one in figure.findobj(lambda a: hasattr(a, "get_text"))]


def every(net, data, language):
    """One of each kind of picture."""
    return {
        "loss": plots.loss_curves(history(), language=language),
        "accuracy": plots.accuracy_curves(history(), language=language),
        "confusion": plots.confusion_matrix(net, data, language=language),
        "weights": plots.weight_images(net, language=language),
        "matrix": plots.weight_images(net, 2, language=language),
        "gradients": plots.gradients_by_layer(net, data, language=language),
        "wrong": plots.wrong_answers(net, data, language=language),
        "examples": plots.examples(data, language=language),
    }


@pytest.mark.parametrize("language", ["en", pytest.param("zh", marks=chinese)])
def test_each_picture_draws_without_a_warning(small, language):
    """A glyph that the font lacks would be one."""
    for figure in every(*small, language).values():
        assert isinstance(figure, Figure)
        assert png(figure).startswith(b"\x89PNG")


@chinese
def test_labels_are_in_the_language_asked_for(small):
    english, chinese = (every(*small, one) for one in ("en", "zh"))
    for name, key in (
        ("loss", "plot.loss_title"),
        ("accuracy", "plot.accuracy_title"),
        ("confusion", "plot.said_class"),
        ("weights", "plot.weight_sign"),
        ("gradients", "plot.gradient_size"),
    ):
        assert EN[key] in texts(english[name])
        assert ZH[key] in texts(chinese[name])
        assert not set(texts(english[name])) & {ZH[key]}


def test_without_the_argument_the_present_language_is_used(monkeypatch):
    monkeypatch.setattr(i18n, "_chosen", "zh")
    expected = ZH if style.chinese_font() else EN
    assert expected["plot.loss_title"] in texts(plots.loss_curves(history()))
    monkeypatch.setattr(i18n, "_chosen", "en")
    assert EN["plot.loss_title"] in texts(plots.loss_curves(history()))


def test_without_a_chinese_font_labels_are_english_and_names_numbers(small, monkeypatch):
    """No empty boxes, no warning: 鸟 becomes the number of its class."""
    monkeypatch.setattr(style, "chinese_font", lambda: None)
    style._writable.cache_clear()
    try:
        net, data = small
        figure = plots.confusion_matrix(net, data, language="zh")
        assert EN["plot.said_class"] in texts(figure)
        assert [one.get_text() for one in figure.axes[0].get_xticklabels()] == ["cat", "dog", "2"]
        png(figure)
    finally:
        style._writable.cache_clear()


def test_an_unknown_language_is_refused():
    with pytest.raises(ValueError, match="must be one of en, zh; got 'fr'"):
        plots.loss_curves(history(), language="fr")


# What they show ---------------------------------------------------------------------------------


def test_loss_curves_show_both_columns_and_the_best_epoch():
    figure = plots.loss_curves(history(), language="en")
    training, held, best = figure.axes[0].lines
    assert np.array_equal(training.get_xdata(), np.arange(1, 7))
    assert np.allclose(training.get_ydata(), 1 / np.arange(1, 7))
    assert held.get_ydata().min() == best.get_ydata()[0] == 0.5
    assert best.get_xdata()[0] == 3
    assert "lowest held-out loss: epoch 3" in texts(figure)


def test_loss_curves_without_validation_show_one_line():
    figure = plots.loss_curves(history(val=False), language="en")
    assert len(figure.axes[0].lines) == 1
    assert EN["plot.held_out"] not in texts(figure)


def test_a_loss_over_many_powers_of_ten_has_a_logarithmic_axis():
    assert plots.loss_curves(history(6)).axes[0].get_yscale() == "linear"
    assert plots.loss_curves(history(60)).axes[0].get_yscale() == "log"


def test_a_single_epoch_can_be_drawn():
    png(plots.loss_curves(history(1)))


def test_nothing_to_draw_is_said():
    with pytest.raises(tt.DataError, match="no finished epoch"):
        plots.loss_curves(tt.History())
    real = history(2)
    for one in real.epochs:
        one.accuracy = one.val_accuracy = None
    with pytest.raises(tt.DataError, match="use loss_curves"):
        plots.accuracy_curves(real)


def test_the_confusion_matrix_counts(small):
    net, data = small
    figure = plots.confusion_matrix(net, data, language="en")
    said = net.predict(data.X)
    written = [one.get_text() for one in figure.axes[0].texts]
    expected = [
        [str(int(((data.y == a) & (said == b)).sum()) or "·") for b in range(3)] for a in range(3)
    ]
    assert written == [one for row in expected for one in row]
    assert figure.axes[0].get_title(loc="left") == "50.0 % of 40 right"


def test_the_confusion_matrix_takes_counts():
    figure = plots.confusion_matrix(np.diag([5, 5]), classes=["no", "yes"], language="en")
    assert figure.axes[0].get_title(loc="left") == "100.0 % of 10 right"
    png(plots.confusion_matrix(np.zeros((3, 3), int)))
    assert len(plots.confusion_matrix(np.eye(40, dtype=int)).axes[0].texts) == 0  # no room


def test_a_network_of_one_output_has_two_classes():
    net = tt.Network([1, 1], seed=0)
    net.layers[0].W = [[10.0]]
    figure = plots.confusion_matrix(net, ([[-1.0], [1.0], [1.0]], [0, 1, 0]))
    assert [one.get_text() for one in figure.axes[0].texts] == ["1", "1", "·", "1"]


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (([[1, 2, 3]],), tt.ShapeError, "shape \\(k, k\\)"),
        (([[0.5, 1.0], [1.0, 1.0]],), tt.ShapeError, "whole numbers"),
        ((np.eye(2, dtype=int), ([[1.0]], [0])), ValueError, "counts need no data"),
        ((tt.Network([2, 2]),), ValueError, "give them as data"),
        ((tt.Network([2, 2]), ([[1.0, 0.0]], [[0.5, 0.5]])), tt.DataError, "class numbers"),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(arguments, error, said):
    with pytest.raises(error, match=said):
        plots.confusion_matrix(*arguments)


def test_a_wrong_number_of_names_is_refused():
    with pytest.raises(tt.ShapeError, match="2 classes but 3 are named"):
        plots.confusion_matrix(np.eye(2, dtype=int), classes="abc")


def test_weight_images_show_the_weights_on_one_scale_around_0(small):
    net, _ = small
    figure = plots.weight_images(net)
    shown = [ax.images[0] for ax in figure.axes if ax.images]
    assert len(shown) == 6
    for image, weights in zip(shown, net.layers[0].W, strict=True):
        assert np.allclose(image.get_array(), weights.reshape(8, 8))
        low, high = image.get_clim()
        assert low == -high
        assert (low, high) == shown[0].get_clim()


def test_the_diverging_map_is_white_at_0_and_as_far_from_it_on_both_sides():
    assert np.allclose(style.diverging()(0.5)[:3], 1, atol=0.01)
    blue, orange = (style.diverging()(one) for one in (0.2, 0.8))
    assert blue[2] > blue[0]
    assert orange[0] > orange[2]


def test_chosen_neurons_and_later_layers(small):
    net, _ = small
    figure = plots.weight_images(net, neurons=[4, 1])
    titles = [ax.get_title(loc="center") for ax in figure.axes if ax.images]
    assert titles[:2] == ["4", "1"]
    later = plots.weight_images(net, 2).axes[0].images[0]
    assert np.allclose(later.get_array(), net.layers[1].W)
    for wrong in ({"layer": 3}, {"layer": 0}, {"neurons": [6]}, {"neurons": []}):
        with pytest.raises(tt.ShapeError):
            plots.weight_images(net, **wrong)


def test_gradients_are_those_of_the_network(small):
    net, data = small
    sizes = [np.sqrt(np.square(g.W, dtype=float).mean()) for g in net.gradients(data)]
    figure = plots.gradients_by_layer({"a": net, "b": net}, data)
    for line in figure.axes[0].lines:
        assert np.allclose(line.get_ydata(), sizes)
    assert {"a", "b"} <= set(texts(figure))


def test_a_gradient_of_0_has_no_point():
    net = tt.Network([1, 1], output="step")
    line = plots.gradients_by_layer(net, ([[1.0]], [1])).axes[0].lines[0]
    assert np.isnan(line.get_ydata()).all()


def test_the_surest_wrong_answers_come_first(small):
    net, data = small
    figure = plots.wrong_answers(net, data, n=5, language="en")
    outputs = net.predict_proba(data.X)
    wrong = np.flatnonzero(outputs.argmax(1) != data.y)
    surest = wrong[np.argsort(-outputs.max(1)[wrong], kind="stable")][:5]
    assert len(figure.axes) == 5
    for ax, row in zip(figure.axes, surest, strict=True):
        assert np.array_equal(ax.images[0].get_array(), data.X[row].reshape(8, 8))
        assert f"{outputs[row].max():.1%}" in ax.get_xlabel()
    assert "The 5 most confidently wrong of 20" in texts(figure)


def test_nothing_wrong_is_said(small):
    net, data = small
    assert EN["plot.none_wrong"] in texts(plots.wrong_answers(net, data[:20], language="en"))


def test_examples_show_the_first_and_refuse_what_is_no_picture(small):
    _, data = small
    figure = plots.examples(data, n=7)
    assert len(figure.axes) == 7
    assert figure.axes[0].get_title(loc="center") == str(data.classes[data.y[0]])
    colours = tt.Dataset(np.zeros((2, 27), np.uint8), np.array([0, 1]), shape=(3, 3, 3))
    assert plots.examples(colours).axes[0].images[0].get_array().shape == (3, 3, 3)
    with pytest.raises(tt.DataError, match="shape="):
        plots.examples(tt.Dataset(np.zeros((2, 5)), np.array([0, 1])))
    with pytest.raises(ValueError, match="whole number from 1"):
        plots.examples(data, n=0)


# Where they draw --------------------------------------------------------------------------------


def test_they_draw_into_what_they_are_given(small):
    net, data = small
    mine = Figure()
    left, right = mine.subplots(1, 2)
    assert plots.loss_curves(history(), left) is mine
    assert plots.confusion_matrix(net, data, right) is mine
    assert left.lines
    assert right.images
    other = Figure()
    assert plots.examples(data, other, n=3) is other
    assert len(other.axes) == 3
    part = Figure().subfigures(1, 2)[1]
    plots.weight_images(net, 1, part)
    assert part.axes


def test_style_is_put_back(small):
    import matplotlib

    before = dict(matplotlib.rcParams)
    every(*small, "en")
    assert dict(matplotlib.rcParams) == before


def test_a_history_draws_itself():
    assert history().plot().axes[0].lines


def test_jupyter_gets_a_png():
    assert plots.loss_curves(history())._repr_png_().startswith(b"\x89PNG")


def fresh(script):
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", textwrap.dedent(script)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_matplotlib_is_imported_when_a_picture_is_drawn_and_pyplot_never():
    said = fresh("""
        import sys
        import numpy as np
        from tongtou import plots
        print("matplotlib" in sys.modules)
        plots.confusion_matrix(np.eye(2, dtype=int)).savefig("/dev/null", format="png")
        print("matplotlib" in sys.modules, "matplotlib.pyplot" in sys.modules)
    """)
    assert said == ["False", "True", "False"]


def test_without_matplotlib_the_command_that_installs_it_is_named():
    said = fresh("""
        import sys
        sys.modules["matplotlib"] = None
        import numpy as np
        import tongtou as tt
        from tongtou import plots
        try:
            plots.confusion_matrix(np.eye(2, dtype=int))
        except tt.MissingExtraError as error:
            print(str(error).replace(" ", "_"))
    """)
    assert said == ["matplotlib_is_not_installed;_get_it_with:_pip_install_'tongtou[plot]'"]


@pytest.mark.parametrize("draw", [plots.loss_curves, plots.accuracy_curves])
def test_curves_are_of_a_history(draw):
    net = tt.Network([4, 2])
    for wrong in (net, net.history):
        with pytest.raises(tt.DataError, match=r"a history is needed.*\(net\.history\); got"):
            draw(wrong)


def test_pictures_are_of_a_dataset():
    pair = np.eye(4), np.array([0, 1, 0, 1])
    with pytest.raises(tt.DataError, match=r"a Dataset is needed.*shape=\(height.*got tuple"):
        plots.examples(pair)
    with pytest.raises(tt.DataError, match="a Dataset is needed"):
        plots.wrong_answers(tt.Network([4, 2]), pair)
