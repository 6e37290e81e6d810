"""Two gates: densities against scikit-learn, thresholds, answers, of pictures and of tables."""

import json

import numpy as np
import pytest
from sklearn.decomposition import PCA

import tongtou as tt
from tongtou import honesty, i18n
from tongtou.honesty.density import Density
from tongtou.honesty.gating import bounded, checked_risk, first_sums


@pytest.fixture(scope="module")
def digits(mnist):
    return mnist.train[:12000]


@pytest.fixture(scope="module")
def net(digits):
    """The lesson network, trained for a moment, with its gates."""
    one = tt.Network([784, 16, 16, 10], seed=0)
    tt.fit(one, digits, optimizer=tt.SGD(1.5), epochs=8, validation=2000, progress=False)
    one.gates = honesty.gates(one, digits)
    return one


@pytest.fixture(scope="module")
def sets():
    return honesty.test_sets(200, names=["noise", "noise_in_box", "constant"])


# Densities --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "d"), [(500, 30), (300, 1500)])
def test_a_density_is_scikit_learns_pca(n, d):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, d)) * np.geomspace(5, 0.1, d) + rng.normal(size=d)
    density = Density.of(x, 8)
    pca = PCA(8, svd_solver="full").fit(x)
    scale = np.sqrt(pca.explained_variance_ * (n - 1) / n)  # theirs divides by n - 1
    np.testing.assert_allclose(density.scale, scale, rtol=1e-5)
    along = np.abs((density.components * pca.components_).sum(axis=1))
    np.testing.assert_allclose(along, 1, atol=1e-5)
    others = rng.normal(size=(50, d)) * 3
    within, residual = density.distances(others)
    c = pca.transform(others)
    np.testing.assert_allclose(within, ((c / scale) ** 2).sum(axis=1), rtol=1e-4)
    left = others - pca.inverse_transform(c)
    np.testing.assert_allclose(residual, (left**2).sum(axis=1), rtol=1e-4)


def test_a_density_of_every_direction_leaves_nothing_over():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4))
    density = Density.of(x, 32)
    assert density.residual is None
    inverse = np.linalg.inv(np.cov(x.T, bias=True))  # Mahalanobis
    centred = x - x.mean(axis=0)
    np.testing.assert_allclose(
        density.distances(x)[0], np.einsum("ni,ij,nj->n", centred, inverse, centred), rtol=1e-3
    )


def test_directions_without_variance_are_left_to_the_residual():
    x = np.zeros((50, 3))
    x[:, 0] = np.linspace(-1, 1, 50)
    density = Density.of(x, 3)
    assert len(density.scale) == 1
    density = density.bounded([(0.0, 10.0), (0.0, 0.1)])
    excess = density.excess(np.array([[0.5, 0.0, 0.0], [0.5, 1.0, 0.0]]))
    assert excess[0] < 1
    assert excess[1] == pytest.approx(10)


def test_bounds_refuse_as_many_as_said_and_each_side_alike():
    rng = np.random.default_rng(2)
    columns = [rng.normal(size=10_000) ** 2 + 1 for _ in range(3)]
    found, novel = bounded(columns, [True, True, False], rng.normal(size=10_000), 0.02)
    assert 0.015 < novel.mean() <= 0.02
    sides = [(c < low).sum() for c, (low, _) in zip(columns, found, strict=False)]
    sides += [(c > high).sum() for c, (_, high) in zip(columns, found, strict=False)]
    assert sides[2] == 0  # it has no lower bound
    assert len({*sides} - {0}) == 1
    assert bounded(columns, [True] * 3, None, 1e-9)[1].sum() == 0
    pair = rng.normal(size=10_000)
    assert bounded(columns, [True] * 3, pair, 0.02)[0][-1][0] == np.sort(pair)[100]


def test_the_first_sums_are_those_of_the_trace(net, digits):
    x = digits.X[:3]
    traced = tt.explain(net, x[0]).z[1]
    np.testing.assert_array_equal(first_sums(net, x)[0], traced)


# Gates ------------------------------------------------------------------------------------------


def test_what_was_held_out_is_what_fit_held_out(digits):
    """The first epoch's validation loss is that of the rows which `split` calls held out."""
    one = tt.Network([784, 4, 10], seed=1)
    history = tt.fit(one, digits, epochs=1, validation=1500, seed=9, progress=False)
    (X, y), held = honesty.split(one, digits)
    assert one.loss(*held) == pytest.approx(history.epochs[0].val_loss)
    assert (len(y), len(held[1])) == (10_500, 1500)
    assert not {x.tobytes() for x in X} & {x.tobytes() for x in held[0]}


def test_noise_and_blank_pages_are_refused(net, sets):
    for X in sets.values():
        assert net.predict(X, abstain="5%").share("novel") == 1


def test_about_as_many_digits_are_refused_as_said(net, mnist):
    assert net.gates.refused <= 0.01
    assert net.predict(mnist.test.X, abstain="5%").share("novel") < 0.03


def test_what_is_promised_is_kept_on_test_digits(net, mnist):
    found = net.predict(mnist.test, abstain="3%")
    assert found.promise.kept
    assert (found.likeliest != mnist.test.y)[found.answered].mean() <= 0.03
    assert found.coverage > 0.5


def test_the_held_out_digits_behave_as_the_promise_says(net, digits):
    X, y = honesty.split(net, digits)[1]
    found = net.predict(X, abstain="3%")
    promise = found.promise
    assert found.answered.sum() == promise.answered
    assert (found.likeliest != y)[found.answered].sum() == promise.wrong
    assert (found.verdicts == "novel").sum() == 2000 - promise.n


def test_answers_are_those_without_abstaining_or_none(net, digits):
    found = net.predict(digits.X[:300], abstain="5%")
    plain = net.predict(digits.X[:300])
    said = np.asarray(found)
    assert [one for one in said if one is not None] == plain[found.answered].tolist()
    assert (found.names[found.likeliest] == plain).all()
    assert {one is None for one in said[~found.answered]} == {True}
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)


def test_a_risk_that_cannot_be_promised_is_answered_with_nothing(net, digits):
    found = net.predict(digits.X[:200], abstain=1e-6)
    assert not found.promise.kept
    assert found.coverage == 0
    assert all(one is None for one in np.asarray(found))


def test_the_verdicts_in_words(net, mnist, sets):
    found = net.predict(np.concatenate([mnist.test.X[:500], sets["noise"]]), abstain="2%")
    unsure = next(one for one in found if one.verdict == "ambiguous")
    for language, wavers, new in (
        ("en", "{} or {}, I can't tell", "this is not like the digits I learnt"),
        ("zh", "是 {} 还是 {}，我拿不准", "没见过：这不像我学过的数字"),
    ):
        i18n.use_language(language)
        try:
            assert unsure.words() == wavers.format(unsure.likeliest, unsure.next)
            assert found[-1].words() == new
            assert found.promise.words()
        finally:
            i18n.use_language(None)
    assert unsure.likeliest != unsure.next
    assert unsure.confidence >= unsure.next_confidence
    answered = next(one for one in found if one.verdict == "answered")
    assert str(answered) == str(answered.answer)


def test_everything_is_ready_for_json(net, sets):
    found = net.predict(sets["constant"], abstain="2%")
    for one in (found, net.gates, net.gates.promise(1e-9)):
        json.dumps(one.to_dict(), allow_nan=False)
    assert found.to_dict()["novel"] == 1


def test_one_digit_is_asked_about_as_many_are(net, mnist):
    X = mnist.test.X[:20]
    together = net.predict(X, abstain="2%")
    for row, one in enumerate(together):
        alone = net.predict(X[row], abstain="2%")[0]
        assert alone.words() == one.words()
        assert (alone.score, alone.novelty) == pytest.approx((one.score, one.novelty), rel=1e-9)


def test_a_copy_keeps_its_gates_and_a_network_that_learnt_on_does_not(net, digits):
    other = net.copy()
    assert other.predict(digits.X[:5], abstain=0.02).coverage >= 0
    tt.fit(other, digits[:100], epochs=1, progress=False)
    with pytest.raises(tt.DataError, match="changed after its gates were taken"):
        other.predict(digits.X[:5], abstain=0.02)
    double = net.astype("float64")
    assert double.predict(digits.X[:5], abstain=0.02).coverage >= 0


def test_without_gates_nobody_can_abstain(digits):
    with pytest.raises(tt.DataError, match=r"net\.gates = tt\.honesty\.gates"):
        tt.Network([784, 10]).predict(digits.X[:1], abstain="1%")


def test_gates_of_another_network_are_refused(net):
    other = tt.Network([4, 2])
    other.gates = net.gates
    with pytest.raises(tt.DataError, match="784 inputs and 16 neurons"):
        other.predict(np.zeros((1, 4)), abstain="1%")


@pytest.mark.parametrize(
    ("risk", "share"), [("1%", 0.01), ("0.3 %", 0.003), (" 5% ", 0.05), ("0.02", 0.02), (0.1, 0.1)]
)
def test_a_risk_is_a_share(risk, share):
    assert checked_risk(risk) == pytest.approx(share)


@pytest.mark.parametrize("risk", ["one", "%", "0%", "100%", 0, 1.5, -1, float("nan"), True])
def test_a_risk_that_is_none(risk):
    with pytest.raises(ValueError, match="the risk"):
        checked_risk(risk)


def test_without_held_out_examples_there_are_no_gates(digits):
    one = tt.Network([784, 4, 10])
    tt.fit(one, digits[:300], epochs=1, progress=False)
    with pytest.raises(tt.DataError, match="were not learnt from"):
        honesty.gates(one, digits[:300])
    with pytest.raises(tt.DataError, match="at least 100"):
        honesty.gates(one, digits[:300], 50)


# Other networks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("n_out", "output"), [(3, "softmax"), (1, "sigmoid"), (2, "softmax")])
def test_rows_of_a_table(n_out, output):
    """Any classifier: two numbers in, whatever the number of classes."""
    rng = np.random.default_rng(0)
    n_classes = max(2, n_out)
    y = rng.integers(0, n_classes, 3000)
    X = rng.normal(size=(3000, 6)) + 2.2 * (y[:, None] == np.arange(6))
    loss = "cross_entropy" if output == "softmax" else "sse"
    one = tt.Network([6, 8, n_out], activation="relu", output=output, loss=loss)
    data = tt.Dataset(X, y, classes=tuple("abc"[:n_classes]))
    tt.fit(one, data, optimizer=tt.Adam(0.01), epochs=10, validation=1000, progress=False)
    one.gates = honesty.gates(one, data)
    found = one.predict(X, abstain="10%")
    assert found.promise.kept
    assert 0.3 < found.coverage < 1
    assert set(np.asarray(found)) <= {*data.classes, None}
    strange = one.predict([[50.0, 0, 0, -40, 0, 9]], abstain="10%")[0]
    assert strange.verdict == "novel"
    assert strange.words() == "this is not like the examples I learnt"
    # The mean of all rows is where the density is largest: no row is too ordinary.
    middle = one.predict(X.mean(axis=0), abstain="10%")[0]
    assert middle.verdict != "novel"


def test_no_hidden_layer_and_double():
    one = tt.Network([784, 10], output="softmax", loss="cross_entropy", dtype="float64")
    digits = tt.datasets.mnist().train[:4000]
    tt.fit(one, digits, epochs=2, validation=1000, progress=False)
    one.gates = honesty.gates(one, digits, false_refusals=0.05, components=(10, 4))
    assert len(one.gates.input.scale) == 10
    assert len(one.gates.z1.scale) == 4
    assert one.predict(digits.X, abstain="15%").coverage > 0.3
