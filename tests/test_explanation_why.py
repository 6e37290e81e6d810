"""Why this and not that: hand-worked, exact for any network, honest about cancellation."""

import json
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_networks import LESSON, network
from test_explanation_trace import networks

import tongtou as tt
from tongtou import estimators
from tongtou.activations import ACTIVATIONS
from tongtou.errors import DataError, ShapeError
from tongtou.explanation.attributions import attribution
from tongtou.explanation.flips import flip
from tongtou.explanation.opening import secant
from tongtou.explanation.pulls import Pulls
from tongtou.explanation.strokes import stroke
from tongtou.explanation.trace import explain
from tongtou.explanation.why_figures import ShownPulls
from tongtou.i18n import use_language

UNFINISHED = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # few steps are enough


@pytest.fixture(autouse=True)
def _in_english():
    use_language("en")
    yield
    use_language(None)


@pytest.fixture(scope="module")
def trained(mnist):
    """The lesson network after an epoch."""
    net = tt.Network(LESSON)
    tt.fit(net, mnist.train, optimizer=tt.SGD(learning_rate=1.5), batch_size=32, epochs=1)
    return net


def by_hand():
    """2-2-2 on paper: z[1] = (2 - 1 - 0.5, -2 + 3), a[1] = (0.5, 1); a black page has (0, 0)."""
    net = tt.Network([2, 2, 2], activation="relu", output="sigmoid", dtype="float64")
    net.layers[0].W, net.layers[0].b = [[1.0, -1.0], [-1.0, 3.0]], [-0.5, 0.0]
    net.layers[1].W, net.layers[1].b = [[4.0, 1.0], [2.0, 3.0]], [0.25, 0.0]
    return net, np.array([2.0, 1.0])


# ---------------------------------------------------------------- by hand


def test_the_hand_worked_network():
    w = explain(*by_hand()).why(0, over=1)
    # z_0 - z_1 = 0.25 + (4 - 2) 0.5 + (1 - 3) 1
    assert (w.answer, w.over) == (0, 1)
    assert (w.biases, w.bias) == ((0.25, 0.0), 0.25)
    assert [(one.j, one.value, one.rest) for one in w.blocks] == [(1, -2.0, 0.0), (0, 1.0, 0.0)]
    assert (w.net, w.kernel_net, w.weighted_sums) == (-0.75, -0.75, (3.25, 4.0))
    assert (w.pull_for, w.pull_against, w.gross) == (1.25, -2.0, 3.25)
    # Neuron 0 went from z = -0.5, a = 0 on the black page to z = 0.5, a = 0.5: slope 0.5.
    assert w.blocks[1].inputs.values.tolist() == [2.0, -1.0]  # 2 (0.5) (1, -1) (2, 1)
    assert w.blocks[0].inputs.values.tolist() == [4.0, -6.0]  # -2 (1) (-1, 3) (2, 1)
    assert w.inputs.values.tolist() == [6.0, -7.0]
    assert w.on_reference == 0.25
    assert [(one.layer, one.j, one.value) for one in w.blocks[0].open()] == [(0, 1, -6), (0, 0, 4)]
    assert w.blocks[0].open()[0].open() == ()


def test_the_hand_worked_lines():
    assert str(explain(*by_hand()).why(0, over=1)).splitlines() == [
        "why 0 and not 1: weighted sums 3.250 − 4.000 = −0.750",
        "  −2.000   a[1][1]",
        "  +1.000   a[1][0]",
        "  +0.250   the difference of the two biases",
        "for 0 +1.250, for 1 −2.000: together 3.250, which is 4.3 times what is left (−0.750)",
        "opened down to the inputs: for 0 +6.000, for 1 −7.000: together 13.000, which is 13 times "
        "what is left (−1.000); the reference input gives +0.250 by itself",
    ]


def test_another_reference():
    e = explain(*by_hand())
    w = e.why(0, over=1, reference=[2.0, 0.0])  # there z[1] = (1.5, -2), a = (1.5, 0)
    assert w.on_reference == 0.25 + 2 * 1.5
    # Neuron 0: slope 1 between 1.5 and 0.5; neuron 1: 1/3 between -2 and 1; only x_1 moved, by 1.
    np.testing.assert_allclose(w.inputs.values, [0, 2 * 1 * -1 + -2 / 3 * 3], rtol=1e-15)
    assert w.net == -0.75
    same = e.why(0, over=1, reference=[2.0, 1.0])
    assert not same.inputs.values.any()
    assert same.on_reference == -0.75
    with pytest.raises(ShapeError, match="one example of 2 values"):
        e.why(0, over=1, reference=[1.0])


# ---------------------------------------------------------------- sums that must be exact


@given(networks(), st.integers(0, 10**6))
@settings(max_examples=80, deadline=None)
def test_any_network_is_split_exactly(both, which):
    net, x = both
    e = explain(net, x)
    n_out = net.sizes[-1]
    if n_out == 1 and not net.is_classifier:
        return
    p = which % max(n_out, 2)
    q = (p + 1 + which // 7 % (max(n_out, 2) - 1)) % max(n_out, 2)
    w = e.why(p, over=q)

    # The split itself, in exact arithmetic: float32 products have 48 bits and lose nothing.
    last = net.layers[-1]
    rows = [last.W[p], last.W[q]] if n_out > 1 else [last.W[0] * (1 if p else -1), None]
    a = e.a[-2].astype(np.float64)
    if net.dtype == np.float32 and e.a[-2].dtype == np.float32:
        bias = Fraction(float(last.b[p])) - Fraction(float(last.b[q])) if n_out > 1 else None
        if bias is None:
            bias = Fraction(float(last.b[0])) * (1 if p else -1)
        exact = bias + sum(
            (Fraction(float(rows[0][k])) - (Fraction(float(rows[1][k])) if n_out > 1 else 0))
            * Fraction(a[k])
            for k in range(len(a))
        )
        assert abs(Fraction(w.net) - exact) <= Fraction(w.gross) / 2**49
    assert abs(w.net - w.kernel_net) <= w.bound
    assert math.isclose(w.net, math.fsum([w.bias, *(one.value for one in w.blocks)]), abs_tol=0)

    # Down to the inputs. The arithmetic is float64's, so exact up to its rounding.
    def close(total, parts):
        size = max(sum(abs(one) for one in parts), abs(total))
        assert abs(math.fsum(parts) - total) <= 2e-13 * size + 1e-290

    close(w.net, [w.on_reference, *w.inputs.values])
    for block in w.blocks[:3]:
        at, rest = block, block.rest
        close(block.value, [block.rest, *block.inputs.values])
        while at.open():
            close(at.value, [rest, *(one.value for one in at.open())])
            at, rest = at.open()[0], 0.0
            close(at.value, at.inputs.values)
        assert at.layer == 0
    total = sum(one.inputs.values for one in w.blocks)
    size = max(np.abs(one.inputs.values).max() for one in w.blocks) * len(w.blocks)
    np.testing.assert_allclose(total, w.inputs.values, atol=1e-12 * size + 1e-290)
    json.dumps(w.to_dict())
    assert str(w)


@given(networks(dtypes=("float64",)))
@settings(max_examples=40, deadline=None)
def test_what_is_on_the_reference_is_what_the_network_says_of_it(both):
    net, x = both
    if net.sizes[-1] == 1 or any(one.activation.name == "step" for one in net.layers):
        return  # step has no slope to speak of beside its threshold
    w = explain(net, x).why(0, over=1)
    z = net.weighted_sums(np.zeros(net.sizes[0]))
    np.testing.assert_allclose(w.on_reference, z[0] - z[1], atol=1e-9 * (1 + w.gross))


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks")
def test_captum_opens_it_to_the_same_pixels(trained, mnist):
    torch = pytest.importorskip("torch")
    attr = pytest.importorskip("captum.attr")
    for activation in ("sigmoid", "relu"):
        net = trained if activation == "sigmoid" else network(LESSON, activation="relu")
        modules = []
        for number, layer in enumerate(net.layers):
            linear = torch.nn.Linear(layer.n_in, layer.n_out).double()
            linear.weight.data = torch.tensor(np.array(layer.W, np.float64))
            linear.bias.data = torch.tensor(np.array(layer.b, np.float64))
            modules.append(linear)
            if number < 2:
                modules.append(torch.nn.Sigmoid() if activation == "sigmoid" else torch.nn.ReLU())
        x = mnist.test.X[0]
        inputs = torch.tensor(x / 255)[None].requires_grad_()
        lift = attr.DeepLift(torch.nn.Sequential(*modules))
        theirs = lift.attribute(inputs, torch.zeros_like(inputs), target=7)
        theirs = theirs - lift.attribute(inputs, torch.zeros_like(inputs), target=3)
        ours = explain(net, x).why(7, over=3).inputs.values
        np.testing.assert_allclose(ours, theirs[0].detach().numpy(), atol=1e-9)
        assert np.abs(ours).max() > 0.05


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - {"softmax"}))
def test_the_slope_times_the_way_is_the_rise(name):
    f = ACTIVATIONS[name]
    rng = np.random.default_rng(0)
    z, z0 = rng.normal(size=(2, 500)) * 3
    rise = f(z) - f(z0)
    np.testing.assert_allclose(secant(f, z, z0) * (z - z0), rise, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(secant(f, z, z), f.derivative(z, f(z)))


# ---------------------------------------------------------------- honest about cancellation


def test_close_fours_and_nines_cancel_and_it_says_so(trained, mnist):
    z = trained.weighted_sums(mnist.test.X)
    close = (np.abs(z[:, 9] - z[:, 4]) < 0.5) & np.isin(mnist.test.y, (4, 9))
    rows = np.flatnonzero(close & (np.maximum(z[:, 4], z[:, 9]) == z.max(axis=1)))
    assert len(rows) >= 5
    found = [explain(trained, mnist.test.X[k]).why(9, over=4) for k in rows]
    assert np.median([w.cancellation for w in found]) > 10
    assert np.median([w.inputs.cancellation for w in found]) > 3
    for w in found:
        top = w.inputs.largest(5)
        # five pixels are far from being the reason
        assert sum(abs(value) for _, value in top.terms) < 0.4 * w.inputs.gross
        assert top.n_others == 779
        assert math.isclose(sum(v for _, v in top.terms) + top.others, w.inputs.net, abs_tol=1e-12)
        said = w.figures()
        assert said.pulls.gross > 3 * abs(said.pulls.net)
        assert "the other 12 terms" in str(w)


@given(networks(), st.integers(0, 8), st.integers(2, 8))
@settings(max_examples=60, deadline=None)
def test_shown_figures_add_up_as_with_a_pencil(both, n_terms, digits):
    net, x = both
    if net.sizes[-1] == 1 and not net.is_classifier:
        return
    w = explain(net, x).why()
    said = w.figures(n_terms, digits)
    assert said.z_p - said.z_q == said.net
    assert sum((value for _, value in said.terms), Decimal(0)) + said.others == said.net
    assert len(said.terms) + said.n_others == w.terms.n
    for pulls, net_shown in (
        (said.pulls, said.net),
        (said.inputs, said.net - said.on_reference),
    ):
        assert isinstance(pulls, ShownPulls)
        assert pulls.pull_for + pulls.pull_against == pulls.net == net_shown
        assert pulls.pull_for - pulls.pull_against == pulls.gross
    step = Decimal(1).scaleb(said.net.as_tuple().exponent)
    size = 1e-6 * w.gross + w.bound
    assert abs(float(said.net) - w.kernel_net) <= 1.001 * float(step)
    assert abs(float(said.pulls.pull_for) - w.pull_for) <= 2 * float(step) + size
    assert abs(float(said.inputs.pull_for) - w.inputs.pull_for) <= 3 * float(step) + size


def test_sums_do_not_depend_on_the_order_of_terms():
    values = np.array([1e16, 1.0, -1e16, 2.0**-30])
    pulls = Pulls(values)
    assert pulls.net == Pulls(values[::-1]).net == 1 + 2.0**-30
    assert pulls.largest(2).others == 1 + 2.0**-30
    assert Pulls(np.array([1.0, -1.0])).cancellation == math.inf
    assert Pulls(np.array([1.0, -1.0])).to_dict()["cancellation"] is None
    assert Pulls(np.zeros(3)).cancellation == 1
    with pytest.raises(ValueError, match="got -1"):
        pulls.largest(-1)


# ---------------------------------------------------------------- which two


def test_by_default_the_two_largest(trained, mnist):
    e = explain(trained, mnist.test.X[0])
    first, second, third = np.argsort(-e.z[-1])[:3]
    assert (e.why().answer, e.why().over) == (first, second)
    assert e.why(over=first).answer == second
    assert e.why(first).over == second
    assert e.why(third).over == first
    assert e.why(9, over=4).net == pytest.approx(-e.why(4, over=9).net, rel=1e-12)
    assert e.why("9", over="4").answer == 9
    assert e.why().picture.shape == (28, 28)


@pytest.mark.parametrize(
    ("answer", "over", "said"),
    [
        (10, None, "there is no class 10; the classes are 0, 1, 2"),
        (4, 4, "two different classes; got 4 twice"),
        (0, "cat", "there is no class 'cat'"),
    ],
)
def test_classes_that_are_not_there(answer, over, said, mnist):
    with pytest.raises(ValueError, match=said):
        explain(tt.Network(LESSON), mnist.test.X[0]).why(answer, over)


def test_one_output_of_yes_and_no():
    net = tt.Network([2, 1], output="sigmoid", loss="binary_cross_entropy", dtype="float64")
    net.layers[0].W, net.layers[0].b = [[2.0, -1.0]], [0.5]
    net.classes = ("no", "yes")
    e = explain(net, [1.0, 1.0])
    w = e.why()
    assert (w.answer, w.over, w.net, w.bias) == ("yes", "no", 1.5, 0.5)
    assert w.inputs.values.tolist() == [2.0, -1.0]
    other = e.why("no")
    assert (other.over, other.net, other.pull_for) == ("yes", -1.5, 1.0)
    assert str(w).startswith("why yes and not no: weighted sum for yes 1.500\n  +2.000   a[0][0]")


def test_one_number_stands_above_no_other():
    with pytest.raises(ValueError, match=r"predicts one number.* neuron\(1, 0\)"):
        explain(tt.Network([2, 1], output="linear", loss="mse"), [1.0, 1.0]).why()


# ---------------------------------------------------------------- tables and estimators


def table():
    rng = np.random.default_rng(0)
    size = rng.uniform(30, 120, 80)
    town = np.where(rng.random(80) < 0.5, "Ulm", "Bonn")
    return {
        "size": size.tolist(),
        "town": town.tolist(),
        "kind": np.where((size > 70) ^ (town == "Ulm"), "house", "flat").tolist(),
    }


def test_a_raw_row_of_a_table():
    train = tt.datasets.table(table(), target="kind").prepared()
    net = tt.Network([train.n_in, 4, len(train.classes)])
    tt.fit(net, train, epochs=3, batch_size=8)
    row = {"size": 55.0, "town": "Ulm"}
    e = explain(net, row)
    X = net.preprocessing.transform({"size": [55.0], "town": ["Ulm"]}, dtype=net.dtype)
    assert e.answer == net.predict(X)[0]
    assert e.a[-1].tolist() == net.predict_proba(X)[0].tolist()
    assert [e.input(i).label for i in range(3)] == ["size", "town = Bonn", "town = Ulm"]
    assert "size" in e.neuron(1, 0).formula()
    assert {e.why().answer, e.why().over} == {"house", "flat"}
    with pytest.raises(ShapeError, match="expected one row of the table; got 2"):
        explain(net, {"size": [55.0, 60.0], "town": ["Ulm", "Ulm"]})
    with pytest.raises(DataError, match="'Ulmm'"):
        explain(net, {"size": 55.0, "town": "Ulmm"})


def test_a_row_of_prices_answers_in_its_own_units():
    rows = table()
    rows["price"] = [1000 * one for one in rows["size"]]
    del rows["kind"]
    train = tt.datasets.table(rows, target="price").prepared()
    net = tt.Network([train.n_in, 4, 1], activation="tanh", output="linear", loss="mse")
    tt.fit(net, train, epochs=30, batch_size=8)
    e = explain(net, {"size": 80.0, "town": "Bonn"})
    assert isinstance(e.answer, float)
    assert 40_000 < e.answer < 120_000


@UNFINISHED
def test_estimators():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4))
    y = np.array(["a", "b", "c"])[np.abs(X[:, :3]).argmax(axis=1)]
    clf = estimators.MLPClassifier((7, 5), random_state=0, max_iter=20, tol=0).fit(X, y)
    e = explain(clf, X[3])
    assert e.answer == clf.predict(X[3:4])[0]
    np.testing.assert_array_equal(e.outputs, clf.predict_proba(X[3:4])[0])
    assert e.why("a", over="b").net == pytest.approx(
        float(np.log(e.outputs[0] / e.outputs[1])), abs=1e-9
    )
    two = estimators.MLPClassifier((3,), random_state=0, max_iter=5, tol=0).fit(X, y == "a")
    assert explain(two, X[0]).why("True").net == pytest.approx(explain(two, X[0]).z[-1][0])
    number = estimators.MLPRegressor(hidden_layer_sizes=(3,), random_state=0, max_iter=5, tol=0)
    number.fit(X, X[:, 0])
    assert explain(number, X[0]).answer == number.predict(X[:1])[0]
    with pytest.raises(ValueError, match="MLPClassifier is not fitted yet"):
        explain(estimators.MLPClassifier(), X[0])


@UNFINISHED
def test_estimators_with_names_in_a_pipeline_and_coefficients_of_ones_own():
    pd = pytest.importorskip("pandas")
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["u", "v", "w"])
    y = (frame["u"] > 0).astype(int)
    clf = estimators.MLPClassifier((4,), random_state=0, max_iter=5, tol=0).fit(frame, y)
    expected = explain(clf, frame.iloc[[2]]).outputs
    assert explain(clf, frame.iloc[2]).input(1).name == "v"
    shuffled = frame[["w", "u", "v"]].iloc[2]
    assert (explain(clf, shuffled).outputs == expected).all()
    assert (explain(clf, shuffled.to_dict()).outputs == expected).all()
    with pytest.raises(DataError, match="missing are 'v'"):
        explain(clf, {"u": 1.0, "w": 2.0})
    clf.coefs_ = [2 * one for one in clf.coefs_]
    assert explain(clf, frame.iloc[2]).outputs == clf.predict_proba(frame.iloc[[2]])[0, 1]

    pipe = make_pipeline(
        StandardScaler(), estimators.MLPClassifier((4,), random_state=0, max_iter=5, tol=0)
    ).fit(frame.to_numpy(), y)
    x = frame.to_numpy()[5]
    assert explain(pipe, x).outputs == pipe.predict_proba(x[None])[0, 1]


# ---------------------------------------------------------------- what hangs on an explanation


def test_stroke_flip_and_attribution_are_asked_of_the_explained_network(trained, mnist):
    net, x = trained.copy(), mnist.test.X[0].reshape(28, 28)
    e = explain(net, x)
    to = e.why().over
    expected = stroke(net, x, to), flip(net, x, to), attribution(net, x, "occlusion")
    net.layers[2].W = -net.layers[2].W  # what comes later does not matter
    assert str(e.stroke(to=to)) == str(expected[0])
    assert str(e.flip(to=to)) == str(expected[1])
    assert e.attribution("occlusion").values.tobytes() == expected[2].values.tobytes()
