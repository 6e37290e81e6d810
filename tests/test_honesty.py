"""Calibration, exact bounds, and promises of a risk: against SciPy, scikit-learn and simulation."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import beta, binom, binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

import tongtou as tt
from tongtou.honesty import calibration, risk_coverage, upper_bound
from tongtou.honesty.binomial import at_most
from tongtou.honesty.confidence import logits, peaks, probabilities, temperature_of
from tongtou.honesty.risk import LEVEL, Curve, curve_of


def softmax_network(n_classes=10, seed=0, **settings):
    """A network of one layer that hands its inputs through to softmax."""
    given = {"output": "softmax", "loss": "cross_entropy"} | settings
    net = tt.Network([n_classes, n_classes], seed=seed, dtype="float64", **given)
    net.layers[0].W = np.eye(n_classes)
    return net


def wavering(n, n_classes=10, seed=0, sharper=1.0):
    """Weighted sums and answers that are as likely as softmax(z / sharper) says."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, n_classes)) * 2
    p = probabilities(z)
    y = (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return z * sharper, y


# Binomial ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "n", "level"),
    [
        (0, 1, 0.95),
        (0, 299, 0.95),
        (3, 10, 0.9),
        (26, 3704, 0.95),
        (7, 4864, 0.95),
        (500, 5000, 0.5),
    ],
)
def test_the_upper_bound_is_clopper_and_pearsons(k, n, level):
    assert upper_bound(k, n, level) == pytest.approx(beta.ppf(level, k + 1, n - k), rel=1e-9)
    test = binomtest(k, n, alternative="less").proportion_ci(level, method="exact")
    assert upper_bound(k, n, level) == pytest.approx(test.high, rel=1e-9)


def test_the_tail_is_scipys():
    for k, n, p in ((0, 5, 0.2), (2, 5, 0.2), (40, 100, 0.5), (30, 4000, 0.01), (5, 5, 0.3)):
        assert at_most(k, n, p) == pytest.approx(binom.cdf(k, n, p), rel=1e-9)
    assert at_most(3, 10, 0.0) == 1
    assert at_most(3, 10, 1.0) == 0


def test_all_wrong_may_be_all_wrong():
    assert upper_bound(7, 7) == 1


@pytest.mark.parametrize("wrong", [(3, 2), (-1, 4), (1.5, 4), (1, 4, 1.0)])
def test_impossible_counts_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        upper_bound(*wrong)


# Temperature ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sharper", [0.5, 1.0, 3.0])
def test_the_temperature_that_was_put_in_is_found(sharper):
    z, y = wavering(8_000, sharper=sharper)
    assert temperature_of(z, y) == pytest.approx(sharper, rel=0.05)


def test_the_temperature_is_the_best_by_scipys_search():
    z, y = wavering(500, sharper=2.0, seed=3)
    best = minimize_scalar(
        lambda t: log_loss(y, probabilities(z, t), labels=range(10)), bounds=(0.1, 20)
    )
    assert temperature_of(z, y) == pytest.approx(best.x, rel=1e-3)


def test_a_sigmoid_layer_shares_out_its_odds():
    """Given that exactly one of independent yes or no answers is yes, which?"""
    net = softmax_network(3, output="sigmoid", loss="sse")
    z = np.array([[0.3, -1.0, 2.0]])
    a = net.predict_proba(z)[0]
    alone = [a[j] * np.prod([1 - a[k] for k in range(3) if k != j]) for j in range(3)]
    np.testing.assert_allclose(probabilities(logits(net, z))[0], np.array(alone) / sum(alone))


def test_a_single_output_has_two_classes():
    net = tt.Network([1, 1], dtype="float64")
    p = probabilities(logits(net, [[0.7]]))[0]
    np.testing.assert_allclose(p[1], net.predict_proba([[0.7]])[0, 0])
    assert p.sum() == pytest.approx(1)


def test_scores_keep_apart_what_confidences_round_to_1():
    z = np.array([[60.0, 0.0, 1.0], [80.0, 0.0, 1.0]])
    assert (probabilities(z).max(axis=1) == 1).all()
    score, pair = peaks(z)
    assert score[1] - score[0] == pytest.approx(20)
    assert score[0] == pytest.approx(60 - math.log(1 + math.e))
    assert pair[0] == pytest.approx(math.log(math.exp(60) + math.e), rel=1e-12)


# Calibration ------------------------------------------------------------------------------------


def test_a_calibration_by_hand():
    """Four times 60 % sure and right twice; one 90 % sure and right; of two classes."""
    net = softmax_network(2)
    X = np.log([[0.6, 0.4]] * 4 + [[0.1, 0.9]])
    found = calibration(net, X, np.array([0, 0, 1, 1, 1]), bins=10, resamples=50)
    assert found.ece == pytest.approx((4 * 0.1 + 1 * 0.1) / 5)
    assert found.accuracy == pytest.approx(0.6)
    assert found.confidence == pytest.approx((4 * 0.6 + 0.9) / 5)
    # 2 (1-p)^2 where right, 2 p^2 where wrong
    assert found.brier == pytest.approx(2 * (2 * 0.4**2 + 2 * 0.6**2 + 0.1**2) / 5)
    assert [(one.n, one.accuracy) for one in found.bins if one.n] == [(4, 0.5), (1, 1.0)]


def test_the_reliability_curve_is_scikit_learns():
    z, y = wavering(3000, sharper=1.7)
    found = calibration(softmax_network(), z, y, resamples=20)
    p = probabilities(z)
    right = p.argmax(axis=1) == y
    share, mean = calibration_curve(right, p.max(axis=1), n_bins=15)
    full = [one for one in found.bins if one.n]
    np.testing.assert_allclose([one.accuracy for one in full], share)
    np.testing.assert_allclose([one.confidence for one in full], mean)
    weights = np.array([one.n for one in full]) / 3000
    assert found.ece == pytest.approx((weights * np.abs(share - mean)).sum())
    assert found.log_loss == pytest.approx(log_loss(y, p, labels=range(10)))


def test_brier_is_scikit_learns():
    """Of two classes, the sum over both is twice scikit-learn's."""
    z, y = wavering(500, 2)
    found = calibration(softmax_network(2), z, y, resamples=5)
    assert found.brier == pytest.approx(2 * brier_score_loss(y, probabilities(z)[:, 1]))


def test_a_calibrated_network_is_told_from_one_that_is_too_sure():
    net = softmax_network()
    true = calibration(net, *wavering(4000), resamples=200)
    assert true.ece == pytest.approx(true.ece_if_calibrated, rel=0.5)
    low, high = true.ece_interval
    assert low < true.ece_if_calibrated < high
    z, y = wavering(4000, sharper=3.0)
    sure = calibration(net, z, y, resamples=200)
    assert sure.ece_interval[0] > 3 * sure.ece_if_calibrated
    cooled = calibration(net, z, y, temperature=3.0, resamples=200)
    assert cooled.ece < 2 * cooled.ece_if_calibrated


def test_the_interval_holds_what_other_samples_show():
    """The bootstrap's width is that of samples drawn anew."""
    net = softmax_network()
    anew = [
        calibration(net, *wavering(800, sharper=2.0, seed=k), resamples=1).ece for k in range(60)
    ]
    low, high = calibration(net, *wavering(800, sharper=2.0), resamples=400).ece_interval
    assert (high - low) / 4 == pytest.approx(np.std(anew), rel=0.35)


def test_calibration_is_ready_for_json_and_the_same_again():
    import json

    given = wavering(50)
    first, second = (calibration(softmax_network(), *given, resamples=20) for _ in range(2))
    assert json.loads(json.dumps(first.to_dict(), allow_nan=False)) == second.to_dict()


def test_numbers_and_several_labels_have_no_confidence():
    numbers = tt.Network([2, 1], output="linear", loss="mse")
    labels = tt.Network([2, 3], output="sigmoid", loss="binary_cross_entropy")
    for net, said in ((numbers, "answers with numbers"), (labels, "several labels")):
        with pytest.raises(tt.DataError, match=said):
            calibration(net, np.zeros((1, 2)), np.zeros((1, net.sizes[-1])))


def test_targets_between_classes_are_refused():
    with pytest.raises(tt.DataError, match="between classes"):
        calibration(softmax_network(2), np.zeros((1, 2)), np.array([[0.5, 0.5]]))


# Risk and coverage ------------------------------------------------------------------------------


def test_risk_and_coverage_by_hand():
    score = np.array([1.0, 4.0, 3.0, 2.0])
    found = curve_of(score, np.array([True, False, True, False]))
    assert found.risk.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4])
    assert found.aurc == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert found.least_aurc == pytest.approx((0 + 0 + 1 / 3 + 2 / 4) / 4)
    assert (found.risk_at(0.5), found.risk_at(0.51), found.risk_at(0.0)) == (1 / 2, 1 / 3, 0)


def test_the_area_of_a_network():
    z, y = wavering(400)
    found = risk_coverage(softmax_network(), z, y)
    wrong = z.argmax(axis=1) != y
    order = np.argsort(-probabilities(z).max(axis=1))
    assert found.aurc == pytest.approx(np.mean([wrong[order[:m]].mean() for m in range(1, 401)]))
    assert found.to_dict()["coverage"][-1] == 1
    assert len(found.to_dict()["risk"]) == 101


# The promise ------------------------------------------------------------------------------------


def test_a_promise_by_hand():
    """Of 1,000 the 30 least sure are wrong: 5 % may be promised until too many of them are in."""
    score = np.linspace(10, 0, 1000)
    wrong = np.arange(1000) >= 970
    promise = Curve.of(score, wrong).promise(0.02)
    fits = [n for n in range(0, 1001, 2) if binom.cdf(max(0, n - 970), n, 0.02) <= 0.05]
    assert abs(promise.answered - max(fits)) <= 2
    assert promise.bound == pytest.approx(
        beta.ppf(0.95, promise.wrong + 1, promise.answered - promise.wrong)
    )
    assert promise.bound <= 0.02
    assert (score.astype(np.float32) > np.float32(promise.threshold)).sum() == promise.answered


def test_where_testing_begins_two_may_be_wrong():
    start = Curve.of(np.arange(5000.0), np.zeros(5000, bool)).promise(0.01).start
    assert binom.cdf(2, start, 0.01) <= 0.05 < binom.cdf(2, start - 1, 0.01)


def test_equal_scores_stay_together():
    score = np.repeat([3.0, 2.0, 1.0], 400)
    wrong = np.arange(1200) >= 800
    promise = Curve.of(score, wrong).promise(0.02)
    assert (promise.answered, promise.wrong, promise.threshold) == (800, 0, 1.0)


def test_what_cannot_be_promised_is_said():
    rng = np.random.default_rng(0)
    promise = Curve.of(rng.random(2000), rng.random(2000) < 0.3).promise(0.01)
    assert (promise.kept, promise.threshold, promise.answered, promise.bound) == (
        False,
        None,
        0,
        None,
    )
    assert "cannot be promised" in promise.words()
    few = Curve.of(rng.random(100), np.zeros(100, bool)).promise(0.001)
    assert not few.kept


SAMPLES = 200
MOST = 1 - LEVEL + 3 * math.sqrt((1 - LEVEL) * LEVEL / SAMPLES)
"""Of samples that break a promise which 95 % keep: three standard deviations of chance more."""


def test_a_promise_is_kept_in_19_of_20_samples():
    """Wrong with the chance 0.4 (1 - s) at score s; of those above t then 0.2 (1 - t) are."""
    broken, coverage = [], []
    for seed in range(SAMPLES):
        rng = np.random.default_rng(seed)
        score = rng.random(1500)
        curve = Curve.of(score, rng.random(1500) < 0.4 * (1 - score), rows=100)
        promise = curve.promise(0.1)
        broken.append(promise.kept and 0.2 * (1 - promise.threshold) > 0.1)
        coverage.append(promise.coverage)
    assert 0 < np.mean(broken) <= MOST
    assert 0.35 < np.median(coverage) < 0.5  # a half would be answered if all were known


def promised_where_nothing_holds(rule):
    """How often something is promised although of all, whatever the score, a bit more are wrong."""
    promised = []
    for seed in range(SAMPLES):
        rng = np.random.default_rng(seed)
        promised.append(rule(Curve.of(rng.random(1500), rng.random(1500) < 0.101)))
    return np.mean(promised)


def test_testing_in_a_fixed_order_breaks_no_more_promises_than_said():
    assert promised_where_nothing_holds(lambda curve: curve.promise(0.1).kept) <= MOST


def test_taking_the_best_of_all_thresholds_would_break_more():
    def best_of_all(curve):
        start = curve.promise(0.1).start
        return (binom.cdf(curve.wrong, curve.answered, 0.1)[curve.answered >= start] <= 0.05).any()

    assert promised_where_nothing_holds(best_of_all) > 2 * (1 - LEVEL)


def test_asking_for_more_than_a_share_is_refused():
    curve = Curve.of(np.arange(10.0), np.zeros(10, bool))
    for risk in (0, 1, -0.1, math.nan):
        with pytest.raises(ValueError, match="risk"):
            curve.promise(risk)
