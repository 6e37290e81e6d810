"""Pictures of a trace and of why: what they show is what the explanation says."""

import re
from decimal import Decimal

import matplotlib.colors
import numpy as np
import pytest
from matplotlib.patches import Circle, Rectangle
from test_plots import chinese, png, texts

import tongtou as tt
from tongtou.plots import style


def rgb(colour):
    """A colour as three numbers."""
    return matplotlib.colors.to_rgb(colour)


@pytest.fixture(scope="module")
def close():
    """An explanation of a picture of 8×8 by a network with three outputs."""
    net = tt.Network([64, 20, 6, 3], seed=3)
    net.input_shape, net.classes = (8, 8), ("cat", "dog", "鸟")
    rng = np.random.default_rng(1)
    for layer in net.layers:
        layer.b = rng.normal(size=layer.n_out)
    return tt.explain(net, rng.integers(0, 256, (8, 8), np.uint8))


@pytest.fixture(scope="module")
def row():
    """An explanation of numbers that are no picture."""
    net = tt.Network([5, 4, 2], activation="relu", output="softmax", loss="cross_entropy", seed=1)
    return tt.explain(net, np.array([0.5, -1.0, 2.0, 0.0, 1.0]))


@pytest.mark.parametrize("language", ["en", pytest.param("zh", marks=chinese)])
def test_each_draws_without_a_warning_in_one_language(close, row, language):
    for e in (close, row):
        for figure in (
            tt.plots.trace(e, 1, 2, language=language),
            tt.plots.trace(e, e.n_layers, 0, language=language),
            tt.plots.why(e.why(), language=language),
        ):
            assert png(figure)
            said = " ".join(texts(figure)).replace("鸟", "")
            assert bool(re.search("[\u4e00-\u9fff]", said)) == (language == "zh")


def test_the_equation_adds_up_as_it_is_drawn(close):
    figure = tt.plots.trace(close, 2, 3, n_terms=4, language="en")
    axes = figure.axes[1]
    drawn = [one.get_text().replace("−", "-") for one in axes.texts]
    numbers = [Decimal(one) for one in drawn if re.fullmatch(r"[+-]\d+\.\d+", one)]
    *summands, total = numbers
    assert len(summands) == 6  # the bias, four terms, the others
    assert sum(summands) == total
    assert float(total) == pytest.approx(close.neuron(2, 3).z, abs=0.001)
    assert any("the other 16 terms" in one for one in drawn)
    lengths = [bar.get_width() for bar in axes.patches]
    ratio = [length / float(value) for length, value in zip(lengths, numbers, strict=True)]
    assert np.allclose(ratio, ratio[0])  # bars are as long as their figures


def test_circles_are_as_dark_as_their_activations(close):
    axes = tt.plots.trace(close, 2, 3, language="en").axes[0]
    circles = [one for one in axes.patches if isinstance(one, Circle)]
    assert len(circles) == 15 + 6 + 3  # layer 1 has 20 neurons: 15 and three dots
    assert "⋮" in texts(axes)
    last = sorted(circles[-3:], key=lambda one: -one.center[1])
    greys = [rgb(one.get_facecolor())[0] for one in last]
    assert np.argsort(greys).tolist() == np.argsort(-close.outputs).tolist()
    marked = [one for one in circles if rgb(one.get_edgecolor()) == rgb(style.ORANGE)]
    assert len(marked) == 1


def test_lines_are_the_largest_terms(close):
    axes = tt.plots.trace(close, 2, 3, language="en").axes[0]
    lines = axes.lines
    terms = close.neuron(2, 3).terms[: len(lines)]
    assert len(lines) == 12
    widths = [one.get_linewidth() for one in lines]
    assert widths == sorted(widths, reverse=True)
    colours = [rgb(one.get_color()) == rgb(style.ORANGE) for one in lines]
    assert colours == (terms["wa"] > 0).tolist()


def test_a_line_from_the_picture_begins_at_its_pixel(close):
    axes = tt.plots.trace(close, 1, 0, language="en").axes[0]
    i = int(close.neuron(1, 0).terms["i"][0])
    x, y = (data[0] for data in axes.lines[0].get_data())
    left, right, low, high = axes.images[0].get_extent()
    assert int((x - left) / (right - left) * 8) == i % 8
    assert int((high - y) / (high - low) * 8) == i // 8


def test_blocks_are_as_wide_as_they_are_large(close):
    why = close.why()
    figure = tt.plots.why(why, language="en")
    axes = next(one for one in figure.axes if one.get_title(loc="left").startswith("Why"))
    drawn = [one for one in axes.patches if isinstance(one, Rectangle)]
    *blocks, net = drawn
    assert sorted(one.get_width() for one in blocks) == pytest.approx(
        sorted(abs(value) for value in why.terms.values if value)
    )
    right = [one for one in blocks if one.get_x() >= 0]
    assert sum(one.get_width() for one in right) == pytest.approx(why.pull_for)
    assert max(one.get_x() + one.get_width() for one in right) == pytest.approx(why.pull_for)
    left = [one for one in blocks if one.get_x() < 0]
    assert min(one.get_x() for one in left) == pytest.approx(why.pull_against)
    assert all(rgb(one.get_facecolor()) == rgb(style.BLUE) for one in left)
    assert net.get_width() == pytest.approx(abs(why.net))
    said = " ".join(texts(axes)).replace("−", "-")
    assert f"for {why.answer}: {why.pull_for:+.2f}" in said
    assert f"what is left: {why.net:+.2f}" in said


def test_the_shares_are_those_of_the_explanation(close):
    why = close.why()
    figure = tt.plots.why(why, language="en")
    images = [np.asarray(one.images[0].get_array()) for one in figure.axes if one.images]
    assert np.allclose(images[0], close.a[0].reshape(8, 8))
    assert np.allclose(images[1], why.picture)
    signs = [1] * 3 + [-1] * 3
    chosen = [one for sign in (1, -1) for one in why.blocks if sign * one.value > 0]
    assert len(images) - 2 <= len(signs)
    opened = [one.inputs.values.reshape(8, 8) for one in chosen]
    for image in images[2:]:
        assert any(np.allclose(image, one) for one in opened)


def test_a_row_of_a_table_has_bars_for_its_inputs(row):
    figure = tt.plots.why(row.why(), language="en")
    largest = row.why().inputs.largest(8).terms
    bars = [
        [bar.get_width() for bar in axes.patches]
        for axes in figure.axes
        if axes.get_title(loc="left") == "Share of each input"
    ]
    assert bars[0] == pytest.approx([value for _, value in largest])


def test_a_neuron_that_is_not_there_is_refused(close):
    with pytest.raises(IndexError, match="0 … 5"):
        tt.plots.trace(close, 2, 6)
