"""Edges, loops and strokes: what is planted is found, what is chance is not."""

import numpy as np
import pytest
from scipy import ndimage
from sklearn.metrics import roc_auc_score
from small_networks import LESSON, network

import tongtou as tt
from tongtou.errors import ShapeError
from tongtou.explanation import edge_lesson, edge_neuron, features
from tongtou.explanation.edge_evidence import edge_evidence
from tongtou.explanation.edge_nulls import random_phase, shuffled
from tongtou.explanation.edges import Support, best_fits, described
from tongtou.explanation.inside import values_inside
from tongtou.explanation.loop_evidence import areas_under_curve, loop_evidence
from tongtou.explanation.shapes import drawn_shapes
from tongtou.i18n import use_language

DOWN, RIGHT = np.mgrid[:28, :28].astype(float)


@pytest.fixture(autouse=True)
def _in_english():
    use_language("en")
    yield
    use_language(None)


@pytest.fixture(scope="module")
def spread(mnist):
    """Standard deviation of each pixel of some digits."""
    return (mnist.train.X[:5000] / 255).std(axis=0)


def slope(row, column, angle, width, length):
    """A border between light and dark: the derivative of a normal distribution, by its equation."""
    a = np.deg2rad(angle)
    across = np.cos(a) * (DOWN - row) - np.sin(a) * (RIGHT - column)
    along = np.sin(a) * (DOWN - row) + np.cos(a) * (RIGHT - column)
    return across * np.exp(-((across / width) ** 2 + (along / length) ** 2) / 2)


def line(row, column, angle, width, length):
    """A light line between two dark ones: the second derivative, with its sign turned."""
    a = np.deg2rad(angle)
    across = np.cos(a) * (DOWN - row) - np.sin(a) * (RIGHT - column)
    along = np.sin(a) * (DOWN - row) + np.cos(a) * (RIGHT - column)
    profile = (1 - (across / width) ** 2) * np.exp(-((across / width) ** 2) / 2)
    return profile * np.exp(-((along / length) ** 2) / 2)


def perfect(row, column, angle, wavelength, stretch, turned=0.3):
    """A wave under a hill, with any phase: a member of the family."""
    a = np.deg2rad(angle)
    across = np.cos(a) * (DOWN - row) - np.sin(a) * (RIGHT - column)
    along = np.sin(a) * (DOWN - row) + np.cos(a) * (RIGHT - column)
    hill = np.exp(-0.5 * (across**2 + (along / stretch) ** 2) / (0.4 * wavelength) ** 2)
    return hill * np.sin(2 * np.pi * across / wavelength + turned)


PLANTED = [
    (make, 14 + 4 * np.sin(k), 13 + 4 * np.cos(k), 23.0 * k % 180, 1.2 + 0.2 * (k % 5), 2.5 + k % 3)
    for k, make in enumerate([slope, line] * 8)
]


# The fit ---------------------------------------------------------------------------------------


def searched(pictures):
    """What the search says of each of them, in full frame."""
    support = Support(np.ones((28, 28), bool))
    return described(pictures, support, *best_fits(pictures, support))


def test_a_planted_edge_is_found_where_it_lies():
    pictures = np.array([5 - 3 * make(*where) for make, *where in PLANTED])  # any scale, any level
    for picture, planted, found in zip(pictures, PLANTED, searched(pictures), strict=True):
        make, row, column, angle, *_ = planted
        assert found.fit > 0.78  # it is of another form, and lies between the templates
        assert found.kind == {slope: "edge", line: "bar"}[make]
        off = abs(found.angle - angle) % 180
        assert min(off, 180 - off) <= 10
        assert np.hypot(found.row - row, found.column - column) < 2.5
        explained = np.corrcoef(found.picture.ravel(), picture.ravel())[0, 1] ** 2
        assert found.fit - 1e-5 <= explained < found.fit + 0.2


def test_a_perfect_edge_fits_perfectly():
    places = [
        (8 + 2 * k, 18 - 2 * k, 30 * k, (4, 6.5, 10)[k % 3], (1, 2.2)[k % 2]) for k in range(6)
    ]
    for where, found in zip(
        places, searched(np.array([5 - 2 * perfect(*where) for where in places])), strict=True
    ):
        assert found.fit == pytest.approx(1, abs=1e-5)
        assert found[2:7] == pytest.approx(where)
        assert found.kind == "edge"


def test_the_fit_is_the_best_of_least_squares_over_the_family():
    """Every template of a small picture by numpy's lstsq."""
    rng = np.random.default_rng(0)
    mask = np.ones((9, 10), bool)
    mask[0, :4] = mask[7:, 8:] = False
    pictures = rng.normal(size=(3, 9, 10))
    fits, _ = best_fits(pictures, Support(mask))
    i, j = np.mgrid[:9, :10].astype(float)
    best = np.zeros(3)
    for size in (one * 9 / 28 for one in (4, 5, 6.5, 8, 10, 13, 16) if one * 9 / 28 >= 3):
        for stretch in (1, 1.5, 2.2):
            for angle in np.arange(12) * np.pi / 12:
                for row, column in np.argwhere(mask):
                    u = np.cos(angle) * (i - row) - np.sin(angle) * (j - column)
                    v = np.sin(angle) * (i - row) + np.cos(angle) * (j - column)
                    hill = np.exp(
                        -((u / (0.4 * size)) ** 2 + (v / (0.4 * stretch * size)) ** 2) / 2
                    )
                    wave = 2 * np.pi * u / size
                    parts = [np.ones_like(u), hill * np.cos(wave), hill * np.sin(wave)]
                    M = np.stack([part[mask] for part in parts], axis=1)
                    Y = pictures[:, mask].T
                    rest = Y - M @ np.linalg.lstsq(M, Y, rcond=None)[0]
                    best = np.maximum(best, 1 - rest.var(axis=0) / Y.var(axis=0))
    np.testing.assert_allclose(fits, best, atol=1e-5)


def test_nothing_outside_the_support_and_no_constant_counts(spread):
    mask = (spread > 0.1 * spread.max()).reshape(28, 28)
    picture = slope(14, 14, 30, 2, 4)
    loud = np.where(mask, picture, 1e6 * np.random.default_rng(0).normal(size=(28, 28)))
    support = Support(mask)
    np.testing.assert_array_equal(
        best_fits(picture[None], support)[0], best_fits(loud[None], support)[0]
    )
    assert best_fits(np.full((1, 28, 28), 0.3), support)[0].tolist() == [0]


# The nulls -------------------------------------------------------------------------------------


def test_random_phases_have_the_spectrum_and_the_support(spread):
    mask = (spread > 0.1 * spread.max()).reshape(28, 28)
    rng = np.random.default_rng(0)
    for smooth in (0, 1, 2):
        picture = ndimage.gaussian_filter(rng.normal(size=(28, 28)), smooth)
        inside = np.where(mask, picture - picture[mask].mean(), 0)
        amplitude = np.abs(np.fft.fft2(inside))
        drawn = random_phase(picture, mask, 20, rng)
        assert (drawn[:, ~mask] == 0).all()
        for one in drawn:
            off = np.abs(np.fft.fft2(one)) - amplitude
            assert np.linalg.norm(off) < 0.13 * np.linalg.norm(amplitude)
        # and nothing else in common
        r = [np.corrcoef(one[mask], picture[mask])[0, 1] for one in drawn]
        assert abs(np.mean(r)) < 0.25
        assert np.abs(np.corrcoef(drawn[:, mask])[np.triu_indices(20, 1)]).mean() < 0.4


def test_shuffled_weights_are_the_same_weights_elsewhere(spread):
    mask = (spread > 0.1 * spread.max()).reshape(28, 28)
    pictures = np.random.default_rng(0).normal(size=(2, 28, 28))
    mixed = shuffled(pictures, mask, np.random.default_rng(1))
    for one, other in zip(pictures, mixed, strict=True):
        assert sorted(one[mask]) == sorted(other[mask])
        assert (one[mask] != other[mask]).mean() > 0.9
        assert (other[~mask] == 0).all()


# The verdict on edges --------------------------------------------------------------------------


def test_a_network_of_planted_edges_is_found_to_be_edges(spread):
    net = tt.Network(LESSON)
    net.layers[0].W = [make(*where).ravel() for make, *where in PLANTED]
    found = edge_evidence(net, (28, 28), spread)
    assert found.verdict == "mostly"
    assert found.mean_fit > 0.85
    assert found.difference.low > 0.2
    assert (found.p <= 2 / 40).all()
    assert found.n_above == 16


def test_one_planted_edge_among_chance_is_the_one_that_is_found(spread):
    net = tt.Network(LESSON, seed=3)
    net.layers[0].W[5] = perfect(12, 16, 45, 8, 1.5).ravel()
    found = edge_evidence(net, (28, 28), spread, n_nulls=9)
    assert found.of(5)[0].fit > 0.999
    assert found.of(5)[2] == 1 / 10
    others = [found.of(j)[0].fit for j in range(16) if j != 5]
    assert max(others) < 0.1
    assert found.verdict == "no"  # one neuron does not make the layer


@pytest.mark.parametrize("seed", range(4))
def test_a_network_of_chance_is_not(seed, spread):
    net = tt.Network(LESSON, seed=seed)
    found = edge_evidence(net, (28, 28), spread, seed=seed, n_nulls=9)
    assert found.verdict == "no"
    assert (found.p > 0.1).sum() >= 12
    assert found.mean_fit < 0.05


@pytest.mark.parametrize("smooth", [1.0, 2.0])
def test_smooth_chance_is_not_either(smooth, spread):
    """It looks like edges, and far more so than shuffled or untrained weights: the last null."""
    rng = np.random.default_rng(7)
    net = tt.Network([784, 32, 10])
    noise = ndimage.gaussian_filter(rng.normal(size=(32, 28, 28)), (0, smooth, smooth))
    net.layers[0].W = noise.reshape(32, -1)
    found = edge_evidence(net, (28, 28), spread, n_nulls=9)
    assert found.mean_fit > 3 * found.shuffled.mean()
    assert found.mean_fit > 3 * found.untrained.mean()
    assert found.verdict == "no"


def test_the_lesson_network_is_between(mnist):
    """The measured answer; see docs/explain.md. Two starts, two epochs each."""
    for seed in range(2):
        net = tt.Network(LESSON, seed=seed)
        tt.fit(net, mnist.train, optimizer=tt.SGD(1.5), batch_size=32, epochs=2, seed=seed)
        found = features(net, mnist.train[:2000], removal_rows=0, n_nulls=9)
        e = found.edges
        assert e.shuffled.mean() < 0.06
        assert e.untrained.mean() < 0.06
        assert 0.15 < e.random_phase.mean() < e.mean_fit < 0.45
        assert e.verdict == "partly"
        percent = f"{100 * e.mean_fit:.0f} %"
        assert percent in found.verdict("en")
        assert percent in found.verdict("zh")
        assert "Only in part" in found.verdict("en")


def test_few_neurons_get_no_interval_and_dead_ones_are_left_out(spread):
    found = edge_evidence(tt.Network([784, 3, 10]), (28, 28), spread, n_nulls=3)
    assert (found.verdict, found.difference.low) == ("too_few", None)
    net = tt.Network([784, 6, 10])
    net.layers[0].W[2] = 0.25
    found = edge_evidence(net, (28, 28), spread, n_nulls=3)
    assert found.neurons.tolist() == [0, 1, 3, 4, 5]
    assert found.of(2) is None
    assert edge_evidence(net, (), spread) is None
    assert edge_evidence(tt.Network([12, 3]), (3, 4), np.ones(12)) is None
    assert edge_evidence(tt.Network([784, 2], initializer="zeros"), (28, 28), spread) is None


# Loops and strokes -----------------------------------------------------------------------------


def holes(picture):
    """How many regions of paper a picture has that do not touch its border."""
    return ndimage.label(np.pad(picture < 0.5, 1, constant_values=True))[1] - 1


def test_loops_have_a_hole_strokes_have_none_and_ink_tells_nothing():
    loops, strokes = drawn_shapes(28, 28)
    assert [holes(one) for one in loops] == [1] * 216
    assert [holes(one) for one in strokes] == [0] * 216
    for one in (*loops, *strokes):
        assert ndimage.label(one > 0.5, np.ones((3, 3)))[1] == 1
    ink = loops.sum(axis=(1, 2)), strokes.sum(axis=(1, 2))
    np.testing.assert_allclose(*ink, rtol=0.03)
    area = areas_under_curve(ink[0][:, None], ink[1][:, None])[0]
    assert abs(2 * area - 1) < 0.06
    large = drawn_shapes(70, 60)
    assert large.loops.shape == (216, 70, 60)
    assert holes(large.loops[100]) == 1


def test_the_area_is_sklearns():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, (40, 5)) / 9, rng.integers(1, 10, (30, 5)) / 9
    labels = [1] * 40 + [0] * 30
    for k, area in enumerate(areas_under_curve(a, b)):
        assert area == pytest.approx(roc_auc_score(labels, np.concatenate([a[:, k], b[:, k]])))


def test_a_layer_that_learnt_loops_is_found_to():
    loops, strokes = drawn_shapes(28, 28)
    X = np.concatenate([loops, strokes]).reshape(432, -1).astype(np.float32)
    y = np.repeat([0, 1], 216)
    net = tt.Network([784, 32, 8, 2], activation="tanh", output="softmax", loss="cross_entropy")
    tt.fit(net, (X, y), optimizer=tt.Adam(0.003), epochs=60)
    _, second = loop_evidence(net, range(1, 3), (28, 28), 0.0, 1.0)
    assert second.mean > 0.8
    assert second.verdict == "more"
    assert second.difference.low > 0.5
    assert second.permuted < 0.1
    a = values_inside(net, X)[1][2]
    for j in range(8):
        area = roc_auc_score(1 - y, a[:, j])
        assert second.separations[j] * second.directions[j] == pytest.approx(2 * area - 1)
    # on white paper the same, with the weights turned over
    net.layers[0].b = net.layers[0].b + net.layers[0].W.sum(axis=1)
    net.layers[0].W = -net.layers[0].W
    white = loop_evidence(net, range(2, 3), (28, 28), 1.0, 0.0)[0]
    np.testing.assert_allclose(white.separations, second.separations, atol=1e-3)


@pytest.mark.parametrize("seed", [40, 41, 42, 43])
def test_untrained_layers_are_like_untrained_layers(seed):
    found = loop_evidence(tt.Network(LESSON, seed=seed), range(1, 3), (28, 28), 0.0, 1.0)
    assert [one.verdict for one in found] == ["same", "same"]


def test_each_verdict_is_a_sentence_of_its_own(spread):
    from types import SimpleNamespace

    from tongtou.explanation.intervals import Interval
    from tongtou.explanation.seeing_verdict import verdict_of

    net = network([784, 6, 6, 10])
    edges = edge_evidence(net, (28, 28), spread, n_nulls=3)
    loops = loop_evidence(net, range(1, 3), (28, 28), 0.0, 1.0)
    ends = [(-0.2, -0.1), (-0.1, 0.1), (0.1, 0.2), (None, None)]
    for language in ("en", "zh"):
        said = {verdict_of(None, (), 1, language), verdict_of(edges, loops[:1], 1, language)}
        for low, high in ends:
            for fit in (0.2, 0.7):
                one = SimpleNamespace(
                    **vars(edges) | {"difference": Interval(0.1, low, high)},
                    mean_fit=fit,
                    n_above=2,
                )
                one.verdict = type(edges).verdict.fget(one)
                second = SimpleNamespace(**vars(loops[1]), mean=0.3)
                second.difference = Interval(0.1, low, high)
                second.verdict = type(loops[1]).verdict.fget(second)
                said.add(verdict_of(one, [loops[0], second], 2, language))
        assert len(said) == 2 + 8
        for one in said:
            assert "{" not in one


# By hand ---------------------------------------------------------------------------------------


def test_without_the_negatives_a_blob_fools_it(mnist):
    seen = edge_lesson(mnist.train[:4000])
    good, fooled = seen.with_surround, seen.without
    assert (good.fires_on_edge, good.fires_on_blob) == (True, False)
    assert (fooled.fires_on_edge, fooled.fires_on_blob) == (True, True)
    assert (good.perfect, fooled.perfect) == (1, 1)
    assert (good.blob, fooled.blob) == (0, 1)
    assert (good.digits_with_blob, fooled.digits_with_blob) == (0, 1)
    assert 0.02 < good.digits < fooled.digits < 0.6
    # a 7 and a 5 have a bar on top, a 1, a 4 and a 6 have none
    with_bar, without = seen.by_class[0][[2, 3]], seen.by_class[0][[1, 4, 6]]
    assert with_bar.min() > 10 * without.max()
    assert str(seen).count("\n") == 1
    assert seen.to_dict()["weights"][0][6][13] == 1
    assert seen.to_dict(pictures=False)["blob"] is None


def test_the_edge_neuron_does_what_a_sum_by_hand_says(mnist):
    for surround in (True, False):
        net = edge_neuron(surround, row=20, column=12, length=6, width=2)
        X = mnist.train.X[:300].reshape(-1, 28, 28) / 255
        z = X[:, 19:22, 9:16][:, [0, 1, 2]].sum(axis=(1, 2))
        plus = X[:, 19:22, 9:16].sum(axis=(1, 2))
        minus = X[:, 17:19, 9:16].sum(axis=(1, 2)) + X[:, 22:24, 9:16].sum(axis=(1, 2))
        z = plus - surround * minus * 21 / 28 - 0.5 * 21
        mine = net.weighted_sums(mnist.train.X[:300])[:, 0]
        np.testing.assert_allclose(mine, z, atol=1e-4)
        sure = abs(z) > 1e-3
        np.testing.assert_array_equal(net.predict_proba(mnist.train.X[:300])[sure, 0], z[sure] >= 0)


def test_turned_it_is_found_by_the_search():
    angles = (0, 45, 90, 120)
    nets = [edge_neuron(row=13, column=14, angle=angle) for angle in angles]
    w = np.array([net.layers[0].W.reshape(28, 28) for net in nets])
    assert np.abs(w.sum(axis=(1, 2))).max() < 1e-4
    for angle, found in zip(angles, searched(w), strict=True):
        assert (found.kind, found.angle) == ("bar", pytest.approx(angle, abs=16))
        assert found.fit > 0.6


def test_wrong_places_are_refused(mnist):
    with pytest.raises(ValueError, match="must lie within 28×28 pixels"):
        edge_neuron(row=2)
    with pytest.raises(ValueError, match="must cover a pixel"):
        edge_neuron(row=9.5, column=9.5, length=0.2, width=0.2)
    with pytest.raises(ValueError, match="width"):
        edge_neuron(width=0)
    with pytest.raises(ShapeError, match="784 pixels"):
        edge_lesson((np.zeros((2, 9)), np.zeros(2)))
