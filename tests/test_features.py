"""What each hidden neuron sees: against other libraries, and against networks really edited."""

import copy
import json

import numpy as np
import pytest
from scipy import optimize, stats
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from small_networks import LESSON, SWITCHED, network, pixels

import tongtou as tt
from tongtou.errors import ShapeError
from tongtou.estimators import MLPClassifier, MLPRegressor
from tongtou.explanation import features
from tongtou.explanation.excitation import Box, strongest_inputs
from tongtou.explanation.inside import values_inside
from tongtou.explanation.intervals import mean_interval
from tongtou.explanation.portraits import largest
from tongtou.i18n import use_language


@pytest.fixture(autouse=True)
def _in_english():
    use_language("en")
    yield
    use_language(None)


@pytest.fixture(scope="module")
def lesson(mnist):
    """The lesson's network after an epoch, and 3,000 digits that it did not learn."""
    net = tt.Network(LESSON, seed=0)
    tt.fit(net, mnist.train[:20000], optimizer=tt.SGD(1.5), batch_size=32, epochs=1)
    return net, mnist.train[20000:23000]


@pytest.fixture(scope="module")
def seen(lesson):
    """All that is to be seen of it."""
    return features(*lesson, n_nulls=4)


def neurons(found):
    """Every portrait."""
    return [one for layer in found.layers for one in layer]


def activations(net, data):
    """The kernel's, float64."""
    return [a.astype(np.float64) for a in values_inside(net, data.X)[1]]


# What excites it -------------------------------------------------------------------------------


def test_means_and_examples_are_those_of_the_activations(lesson, seen):
    net, data = lesson
    A = activations(net, data)
    for one in neurons(seen):
        a = A[one.layer][:, one.j]
        order = sorted(range(len(a)), key=lambda i, a=a: (-a[i], i))
        back = sorted(range(len(a)), key=lambda i, a=a: (a[i], i))
        assert [e.row for e in one.most] == order[:9]
        assert [e.row for e in one.least] == back[:9]
        assert [e.activation for e in one.most] == a[order[:9]].tolist()
        assert [e.answer for e in one.most] == data.y[order[:9]].tolist()
        expected = (a.mean(), a.std(), a.min(), a.max())
        assert (one.mean, one.spread, one.low, one.high) == pytest.approx(expected, rel=1e-12)
        assert one.weights.tolist() == net.layers[one.layer - 1].W[one.j].tolist()


def test_ties_fall_in_the_order_of_the_data():
    values = np.random.default_rng(0).integers(0, 4, 200).astype(float)
    expected = sorted(range(200), key=lambda i: (-values[i], i))
    for k in (0, 1, 50, 199, 200, 300):
        assert largest(values, k).tolist() == expected[:k]


def test_pictures_are_weights_or_the_mean_of_what_excites_most(lesson, seen):
    net, data = lesson
    assert seen.neuron(1, 3).picture_of == "weights"
    np.testing.assert_array_equal(seen.neuron(1, 3).picture, net.layers[0].W[3].reshape(28, 28))
    deep = seen.neuron(2, 5)
    assert deep.picture_of == "most_exciting"
    a = activations(net, data)[2][:, 5]
    top = np.argsort(-a, kind="stable")[:30]  # 1 % of 3,000
    np.testing.assert_allclose(deep.picture.ravel(), (data.X[top] / 255).mean(axis=0), atol=1e-12)


# For whom it speaks ----------------------------------------------------------------------------


def test_selectivity_is_scipys_analysis_of_variance(lesson, seen):
    net, data = lesson
    A = activations(net, data)
    for one in neurons(seen):
        a = A[one.layer][:, one.j]
        groups = [a[data.y == c] for c in range(10)]
        F = stats.f_oneway(*groups).statistic
        k, n = 10, len(a)
        assert one.eta_squared == pytest.approx(F * (k - 1) / (F * (k - 1) + n - k), rel=1e-9)
        means = [group.mean() for group in groups]
        np.testing.assert_allclose(one.by_class, means, rtol=1e-9)
        assert one.best_class == int(np.argmax(means))


def test_redundant_neurons_are_those_that_numpy_correlates(lesson, seen):
    net, data = lesson
    net = copy.deepcopy(net)
    net.layers[0].W[4], net.layers[0].b[4] = net.layers[0].W[9], net.layers[0].b[9]
    net.layers[0].W[6], net.layers[0].b[6] = -net.layers[0].W[2], -net.layers[0].b[2]
    net.layers[0].W[11], net.layers[0].b[11] = 0.0, 0.3
    found = features(net, data, same=0.6, removal_rows=0, n_nulls=1)
    A = activations(net, data)
    for layer, pairs in enumerate(found.redundant, start=1):
        moving = [j for j in range(16) if np.ptp(A[layer][:, j]) > 0]
        r = np.full((16, 16), np.nan)
        r[np.ix_(moving, moving)] = np.corrcoef(A[layer][:, moving].T)
        expected = {(j, k) for j in range(16) for k in range(j) if abs(r[k, j]) >= 0.6}
        assert {(one.k, one.j) for one in pairs} == expected
        for one in pairs:
            assert one.r == pytest.approx(r[one.j, one.k], abs=1e-9)
        assert [abs(one.r) for one in pairs] == sorted((abs(p.r) for p in pairs), reverse=True)
    assert [tuple(one)[:2] for one in found.redundant[0][:2]] == [(4, 9), (2, 6)]
    assert found.redundant[0][1].r == pytest.approx(-1.0, abs=1e-6)
    still = found.neuron(1, 11)
    assert still.is_constant
    assert (still.eta_squared, still.best_class, still.edge) == (None, None, None)
    assert found.neuron(1, 9).same_as[0].j == 4
    assert "says the same as neuron 4 (r = 1.000)" in str(found.neuron(1, 9))
    assert not any(one.is_constant for one in neurons(seen))


# What it is worth ------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{}, SWITCHED], ids=["lesson", "relu"])
def test_removal_costs_are_those_of_networks_really_edited(settings, mnist):
    net = network([784, 6, 5, 10], **settings)
    data = mnist.train[:700]
    tt.fit(net, data, optimizer=tt.SGD(0.5), epochs=2)
    A = activations(net, data)
    for one in neurons(features(net, data, n_nulls=1)):
        follower = one.layer
        zeroed, held = net.copy(), net.copy()
        for other, value in ((zeroed, 0.0), (held, A[one.layer][:, one.j].mean())):
            gone = other.layers[follower].W[:, one.j].copy()
            other.layers[follower].W[:, one.j] = 0
            other.layers[follower].b = other.layers[follower].b + gone * value
        cost = one.removal
        assert cost.n_rows == 700
        for outcome, shares, other in (
            (cost.now, cost.by_class_now, net),
            (cost.zeroed, cost.by_class_zeroed, zeroed),
            (cost.held, cost.by_class_held, held),
        ):
            assert outcome.loss == pytest.approx(other.loss(data), rel=2e-6)
            # a tie of float32 may fall otherwise where the mean went into the bias
            assert outcome.accuracy == pytest.approx(other.accuracy(data), abs=1.5 / 700)
            for c in range(10):
                right = other.predict(data.X)[data.y == c] == c
                assert shares[c] == pytest.approx(right.mean(), abs=1.5 / len(right))
        assert cost.zeroed.accuracy == zeroed.accuracy(data)


def test_removals_of_large_data_are_measured_on_rows_spread_evenly(lesson):
    net, data = lesson
    cost = features(net, data, removal_rows=100, n_nulls=1).neuron(2, 0).removal
    part = data[np.linspace(0, 2999, 100).round().astype(int)]
    assert cost.n_rows == 100
    assert cost.now.accuracy == net.accuracy(part)
    assert features(net, data[:50], removal_rows=0, n_nulls=1).neuron(2, 0).removal is None


# The strongest input ---------------------------------------------------------------------------


def test_the_strongest_input_of_the_first_layer_is_the_linear_programmes(seen):
    for one in seen.layers[0][:4]:
        w = one.weights
        best = optimize.linprog(-w, bounds=[(0, 1)] * 784)
        assert one.strongest.z == pytest.approx(one.bias - best.fun, rel=1e-5)
        np.testing.assert_array_equal(one.strongest.x, (w > 0).astype(float))
        assert one.strongest.exact
        assert one.strongest.a == pytest.approx(1 / (1 + np.exp(-one.strongest.z)), rel=1e-5)


def test_with_the_ink_of_a_digit_it_is_what_a_solver_finds(seen, lesson):
    _, data = lesson
    radius = np.median(np.linalg.norm(data.X / 255, axis=1))
    for one in seen.layers[0][:3]:
        x, w = one.strongest_inked.x, one.weights
        assert np.linalg.norm(x) == pytest.approx(radius, rel=2e-3)  # of 2,000 of the digits
        assert (x >= 0).all()
        assert (x <= 1).all()
        # the dual: min over m ≥ 0 of max_x w·x - m/2 (x·x - r²) bounds it from above

        def dual(m, w=w, x=x):
            best = np.clip(w / m, 0, 1)
            return w @ best - m / 2 * (best @ best - x @ x)

        bound = optimize.minimize_scalar(dual, bounds=(1e-4, 10), method="bounded").fun
        assert w @ x == pytest.approx(bound, rel=1e-4)


def test_deeper_neurons_are_climbed_beyond_every_example_and_stay_in_the_range(seen, lesson):
    net, _ = lesson
    for one in seen.layers[1]:
        for found in (one.strongest, one.strongest_inked):
            assert found.x.min() >= 0
            assert found.x.max() <= 1
            assert found.z <= found.bound * (1 + 1e-6) + 1e-6
            assert not found.exact
            Z, A = values_inside(net, found.x[None].astype(np.float32))
            assert (found.z, found.a) == (Z[2][0, one.j], A[2][0, one.j])
        assert one.strongest.a >= one.high
        random = np.random.default_rng(0).random((3000, 784)).round().astype(np.float32)
        assert one.strongest.z > values_inside(net, random)[0][2][:, one.j].max()


def test_where_all_is_linear_the_climb_reaches_the_optimum():
    net = network([6, 5, 4, 2], activation="linear", output="linear", loss="mse", dtype="float64")
    W, b = [one.W for one in net.layers], [one.b for one in net.layers]
    low, high = np.array([-1, 0, 0, -2, 0, 1.0]), np.array([1, 1, 3, 2, 0.5, 1.5])
    for box in (Box(low, high, (low + high) / 2), Box(low, high, low, 1.0)):
        found = strongest_inputs(net, 2, box, np.tile(low, (4, 1)))
        w = W[1] @ W[0]
        exact = box.furthest(w)
        for j, one in enumerate(found):
            assert one.z == pytest.approx(w[j] @ exact[j] + (W[1] @ b[0] + b[1])[j], abs=1e-4)


def test_the_nearest_allowed_input_is_a_solvers():
    rng = np.random.default_rng(1)
    low, high, paper = np.zeros(5), np.ones(5), np.zeros(5)
    box = Box(low, high, paper, 0.9)
    y = rng.normal(size=(6, 5)) * 2
    for mine, one in zip(box.nearest(y), y, strict=True):
        solved = optimize.minimize(
            lambda x, one=one: ((x - one) ** 2).sum(),
            np.full(5, 0.1),
            bounds=[(0, 1)] * 5,
            constraints={"type": "ineq", "fun": lambda x: 0.81 - x @ x},
            method="SLSQP",
            options={"ftol": 1e-12},
        )
        np.testing.assert_allclose(mine, solved.x, atol=1e-5)


# For any network -------------------------------------------------------------------------------


def json_ready(found):
    """Through JSON and back, with no NaN."""
    for pictures in (True, False):
        text = json.dumps(found.to_dict(pictures), allow_nan=False)
    assert '"picture": [' not in text
    return json.loads(json.dumps(found.to_dict(), allow_nan=False))


def test_a_network_for_tables_has_no_pictures():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4)).astype(np.float32)
    y = (X[:, 0] * X[:, 1] > 0).astype(int)
    net = tt.Network([4, 6, 3, 2], activation="relu", output="softmax", loss="cross_entropy")
    found = features(net, (X, y))
    assert (found.shape, found.edges, found.loops) == ((), None, ())
    assert found.verdict() == "The inputs are no picture, so there are no edges to look for."
    one = found.neuron(1, 2)
    assert (one.picture, one.strongest_inked) == (None, None)
    w = one.weights
    np.testing.assert_allclose(one.strongest.x, np.where(w > 0, X.max(axis=0), X.min(axis=0)))
    assert json_ready(found)["layers"][0]["neurons"][2]["picture"] is None


def test_a_network_that_predicts_numbers_has_no_classes():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    net = tt.Network([3, 5, 1], activation="gelu", output="linear", loss="mse", dtype="float64")
    found = features(net, (X, X[:, :1] ** 2))
    one = found.neuron(1, 0)
    assert (found.classes, one.eta_squared, len(one.by_class)) == ((), None, 0)
    assert one.removal.held.accuracy is None
    assert one.removal.held.loss > 0
    assert one.most[0].answer == [pytest.approx(X[one.most[0].row, 0] ** 2)]
    assert json_ready(found)["classes"] == []


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_estimators_and_pipelines_are_looked_into(mnist):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 5)) * 7
    names = np.where(X[:, 0] > 0, "up", "down")
    pipeline = make_pipeline(StandardScaler(), MLPClassifier((4, 3), max_iter=5, random_state=0))
    found = features(pipeline.fit(X, names), (X, names))
    assert found.classes == ("down", "up")
    assert found.neuron(2, 1).best_class in ("down", "up")
    assert found.neuron(1, 0).strongest.x.max() < 4  # standardised
    regressor = MLPRegressor(hidden_layer_sizes=(4,), max_iter=5, random_state=0).fit(X, X[:, 0])
    assert features(regressor, (X, X[:, 0])).classes == ()
    digits = mnist.train[:200]
    clf = MLPClassifier((6,), max_iter=2, random_state=0).fit(digits.X / 255, digits.y)
    found = features(clf, (digits.X / 255, digits.y), shape=(28, 28), n_nulls=3)
    assert found.neuron(1, 0).picture.shape == (28, 28)


def test_colour_white_paper_large_pictures_and_several_labels():
    rng = np.random.default_rng(0)
    X = 255 - pixels(60, 12 * 14 * 3)
    net = tt.Network([12 * 14 * 3, 6, 6, 2], output="sigmoid", loss="binary_cross_entropy")
    found = features(net, (X, rng.integers(0, 2, (60, 2))), shape=(12, 14, 3), n_nulls=3)
    assert found.neuron(1, 0).picture.shape == (12, 14, 3)
    assert found.neuron(1, 0).edge.picture.shape == (12, 14)
    assert len(found.loops) == 2
    assert found.classes == ()
    json_ready(found)
    large = pixels(40, 60 * 57)
    net = tt.Network([60 * 57, 5, 2])
    found = features(net, (large, rng.integers(0, 2, 40)), shape=(60, 57), n_nulls=1)
    assert found.edges.support.shape == (30, 28)


@pytest.mark.parametrize("activation", ["tanh", "leaky_relu", "gelu", "step", "linear", "exp"])
def test_any_activation_and_depth(activation, mnist):
    net = network([784, 5, 4, 6, 10], activation=activation)
    if activation == "exp":
        for layer in net.layers:
            layer.W = layer.W / 20
    found = features(net, mnist.train[:150], n_nulls=2, removal_rows=50)
    assert [len(layer) for layer in found.layers] == [5, 4, 6]
    for one in found.layers[2]:
        assert one.strongest.a >= one.high - 1e-5 * abs(one.high)
    json_ready(found)


def test_a_network_without_hidden_layers_shows_its_outputs(mnist):
    found = features(tt.Network([784, 10]), mnist.train[:200], n_nulls=2)
    assert len(found.layers[0]) == 10
    assert found.neuron(1, 9).removal is None
    assert "no second hidden layer" in found.verdict()
    json_ready(found)


def test_sparse_rows_and_one_output():
    sparse = pytest.importorskip("scipy.sparse")
    X = (pixels(50, 20) / 255).astype(np.float32)
    net = network([20, 4, 1])
    y = (X[:, 0] > 0).astype(int)
    mine = features(net, (sparse.csr_matrix(X), y)).to_dict()
    dense = features(net, (X, y)).to_dict()
    assert mine["classes"] == [0, 1]
    pairs = zip(*(one["layers"][0]["neurons"] for one in (mine, dense)), strict=True)
    for a, b in pairs:
        assert [e["row"] for e in a["most"]] == [e["row"] for e in b["most"]]
        assert (a["mean"], a["strongest"]["z"]) == pytest.approx((b["mean"], b["strongest"]["z"]))


# The whole -------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_and_the_network_is_left_alone(lesson, seen):
    net, data = lesson
    before = net._parameters.copy()
    again = features(net, data, n_nulls=4)
    assert again.to_dict() == seen.to_dict()
    np.testing.assert_array_equal(net._parameters, before)
    other = features(net, data, n_nulls=9, seed=1)
    assert other.edges.random_phase.tolist() != seen.edges.random_phase.tolist()
    assert str(other.neuron(2, 3)) == str(seen.neuron(2, 3))
    fits = [one.fit for one in seen.edges.fits]
    assert [one.fit for one in other.edges.fits] == fits


def test_it_is_said_shortly_in_both_languages(seen):
    json_ready(seen)
    said = str(seen)
    assert said.startswith("hidden neurons: 16-16, looked at with 3,000 examples")
    assert seen.verdict() in said
    assert len(str(seen.neuron(1, 0)).splitlines()) == 4
    use_language("zh")
    assert seen.verdict() == seen.verdict("zh") == seen.to_dict()["verdict"]["zh"]
    assert "边缘" in str(seen.neuron(1, 0)) or "条纹" in str(seen.neuron(1, 0))
    with pytest.raises(ValueError, match="language must be one of en, zh; got 'fr'"):
        seen.verdict("fr")


def test_what_is_not_there_is_refused(lesson, seen):
    net, data = lesson
    with pytest.raises(IndexError, match="layer must be 1 … 2; it is 3"):
        seen.neuron(3, 0)
    with pytest.raises(IndexError, match="layer 2 has the neurons 0 … 15; got 16"):
        seen.neuron(2, 16)
    with pytest.raises(ShapeError, match="of 784 inputs"):
        features(net, data, shape=(20, 20))
    with pytest.raises(ValueError, match="n_nulls"):
        features(net, data, n_nulls=0)
    with pytest.raises(ValueError, match="a Dataset or a tuple"):
        features(net, data.X)


def test_intervals_are_scipys_bootstrap():
    values = np.random.default_rng(3).normal(size=16)
    mine = mean_interval(values, np.random.default_rng(0))
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20000, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert mine.mean == pytest.approx(values.mean())
    assert (mine.low, mine.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)
    assert mean_interval(values[:4], np.random.default_rng(0)).low is None
