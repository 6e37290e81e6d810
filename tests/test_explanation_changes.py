"""What would change its mind: strokes against brute force, flips against other people's attacks."""

import json
import math
import time
import warnings

import numpy as np
import pytest
from small_networks import LESSON, SWITCHED, network

import tongtou as tt
from tongtou import evaluation
from tongtou.explanation import flips, strokes
from tongtou.explanation.flips import flip
from tongtou.explanation.questions import question
from tongtou.explanation.strokes import stroke
from tongtou.i18n import use_language


@pytest.fixture(scope="module")
def digits():
    return tt.datasets.mnist()


@pytest.fixture(scope="module")
def lesson(digits):
    net = tt.Network(LESSON, seed=3)
    tt.fit(net, digits.train, optimizer=tt.SGD(learning_rate=1.5), batch_size=32, epochs=3, seed=1,
           progress=False, threads=1)  # fmt: skip
    return net


@pytest.fixture(scope="module")
def switched(digits):
    net = tt.Network([784, 32, 24, 10], seed=3, **SWITCHED)
    tt.fit(net, digits.train[:20000], optimizer=tt.Adam(learning_rate=2e-3), batch_size=64,
           epochs=2, seed=1, progress=False, threads=1)  # fmt: skip
    return net


@pytest.fixture(scope="module")
def saturated(lesson):
    """The lesson's network with all sums three times as large: slopes nearly vanish."""
    net = lesson.copy()
    for layer in net.layers:
        layer.W, layer.b = layer.W * 3, layer.b * 3
    return net


@pytest.fixture(params=["en", "zh"])
def in_language(request):
    use_language(request.param)
    yield request.param
    use_language(None)


def right_ones(net, data, n, first=0):
    """The first n digits from `first` on that the network gets right."""
    rows = np.arange(first, first + 4 * n)
    return rows[net.predict(data.X[rows]) == data.y[rows]][:n]


# ---------------------------------------------------------------- strokes


def family(height, width):
    """Every stroke by the definition in docs/explain.md: (start, end, cover 0 … 255)."""
    unit = min(height, width) / 28
    pen = max(1, 2.2 * unit)
    step = max(1, round(2 * unit))
    pixels = np.stack(np.mgrid[:height, :width], axis=-1).astype(float)
    for length in (0, 3, 6, 9, 12):
        for k in range(8 if length else 1):
            way = np.array([math.sin(k * math.pi / 8), math.cos(k * math.pi / 8)])
            for row in range(step // 2, height, step):
                for column in range(step // 2, width, step):
                    p = np.array([row, column]) - way * length * unit / 2
                    q = np.array([row, column]) + way * length * unit / 2
                    ends = np.array([p, q])
                    inside = (ends > -1e-9) & (ends < np.array([height, width]) - 1 + 1e-9)
                    if not inside.all():
                        continue
                    t = (pixels - p) @ (q - p) / max((q - p) @ (q - p), 1e-300)
                    nearest = p + np.clip(t, 0, 1)[..., None] * (q - p)
                    distance = np.sqrt(((pixels - nearest) ** 2).sum(axis=-1))
                    yield p, q, np.round(255 * np.clip(pen / 2 + 0.5 - distance, 0, 1))


def brute_force(net, picture, to):
    """The number of strokes, of those that turn the answer, and the least change of these."""
    rows = []
    light = 255 if picture.dtype == np.uint8 else 1
    for _, _, cover in family(*picture.shape[:2]):
        cover = cover.astype(np.uint8)
        if light == 1:
            cover = (cover * (1 / 255)).astype(picture.dtype)
        if picture.ndim == 3:
            cover = cover[..., None]
        rows += [np.maximum(picture, cover).ravel(), np.minimum(picture, light - cover).ravel()]
    rows = np.array(rows)
    said = net.predict(rows)
    turning = said == to if to is not None else said != net.predict(picture.ravel())
    change = np.sqrt((((rows[turning] - 1.0 * picture.ravel()) / light) ** 2).sum(axis=1))
    return len(rows), turning.sum(), change.min(initial=math.inf)


@pytest.mark.parametrize(("was", "to"), [(4, 9), (9, 4), (7, 1), (3, None)])
def test_a_stroke_is_the_least_of_its_family(lesson, digits, was, to):
    row = next(r for r in right_ones(lesson, digits.test, 100) if digits.test.y[r] == was)
    picture = digits.test.X[row].reshape(28, 28)
    found = stroke(lesson, picture, to)
    n, n_turning, l2 = brute_force(lesson, picture, to)
    assert (found.n_tried, found.n_turning, found.found) == (n, n_turning, n_turning > 0)
    if found.found:
        assert found.l2 == pytest.approx(l2, rel=1e-9)
        assert found.picture.dtype == np.uint8
        answer = lesson.predict(found.picture.ravel())
        assert answer == found.answer != was
        assert to is None or answer == to


@pytest.mark.parametrize(
    ("shape", "dtype", "dark_ink"),
    [
        ((28, 28), np.float32, False),
        ((20, 36), np.uint8, False),
        ((9, 8), np.uint8, True),
        ((12, 10, 3), np.float64, True),
    ],
    ids=["float", "wide", "dark ink", "colour"],
)
def test_strokes_on_other_pictures(shape, dtype, dark_ink):
    kind = "float32" if dtype == np.uint8 else dtype
    net = network([math.prod(shape), 12, 4], seed=5, dtype=kind)
    rng = np.random.default_rng(2)
    picture = np.zeros(shape)
    picture[2:7, 3:6] = rng.uniform(0.4, 1, (5, 3, *shape[2:]))
    picture = 1 - picture if dark_ink else picture
    picture = (
        np.round(picture * 255).astype(np.uint8) if dtype == np.uint8 else picture.astype(dtype)
    )
    # It wavers: a stroke can make the difference.
    net.layers[-1].b = net.layers[-1].b - net.weighted_sums(picture.ravel()) + [0.1, 0, 0, 0]
    found = stroke(net, picture)
    n, n_turning, l2 = brute_force(net, picture, None)
    assert (found.n_tried, found.n_turning) == (n, n_turning)
    assert 0 < n_turning < n
    assert found.l2 == pytest.approx(l2, rel=1e-6)
    assert found.picture.shape == shape
    assert found.picture.dtype == dtype
    change = found.picture.astype(float) - picture
    assert (change >= 0).all() or (change <= 0).all()
    assert (change.sum() > 0) == (found.drawn != dark_ink)  # ink is dark where paper is light
    assert net.predict(found.picture.ravel()) == found.answer != found.was


def test_a_stroke_lies_where_it_says(lesson, digits):
    covers = {(tuple(np.round(p, 6)), tuple(np.round(q, 6))): c for p, q, c in family(28, 28)}
    for row in right_ones(lesson, digits.test, 12):
        picture = digits.test.X[row].reshape(28, 28)
        found = stroke(lesson, picture)
        cover = covers[tuple(np.round(found.start, 6)), tuple(np.round(found.end, 6))]
        drawn, erased = np.maximum(picture, cover), np.minimum(picture, 255 - cover)
        assert (found.picture == (drawn if found.drawn else erased)).all()


def test_most_fours_and_nines_turn_by_one_stroke(lesson, digits):
    for was, to in ((4, 9), (9, 4)):
        rows = [r for r in right_ones(lesson, digits.test, 400) if digits.test.y[r] == was][:25]
        assert sum(stroke(lesson, digits.test.X[r], to).found for r in rows) >= 20


@pytest.mark.skipif(evaluation.kernel is None, reason="the reference is slow")
def test_a_stroke_takes_less_than_50_ms(lesson, digits):
    stroke(lesson, digits.test.X[0])
    times = []
    for row in range(8):
        start = time.perf_counter()
        stroke(lesson, digits.test.X[row])
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05


def test_none_in_this_family():
    net = network([64, 3], initializer="zeros")
    net.layers[0].b = [0.0, 5.0, 0.0]
    found = stroke(net, np.zeros((8, 8), np.uint8), 2)
    assert not found.found
    assert (found.was, found.answer, found.n_turning) == (1, 1, 0)
    assert found.picture is found.after is found.l2 is None
    assert "none in this family" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["start"] is None


def test_of_strokes_nearly_equal_the_least_is_taken():
    base = np.zeros((2, 2))
    rows = np.array([[1, 0, 0, 0], [0, 0.99999, 0, 0], [0, 0, 0.99999, 0], [0.5, 0, 0, 0]])
    assert strokes._least(rows, base, np.array([0, 1, 2])) == (1, pytest.approx(0.99999))


# ---------------------------------------------------------------- flips


KINDS = [
    ([12, 5], {}),
    ([12, 7, 4], {"activation": "tanh", "output": "softmax", "loss": "cross_entropy"}),
    ([12, 8, 8, 8, 4], SWITCHED),
    ([12, 8, 4], {"activation": "leaky_relu"}),
    ([12, 8, 6, 4], {"activation": "gelu", "dtype": "float64"}),
    ([12, 8, 1], {"activation": "tanh"}),
    ([12, 8, 3], {"activation": "relu", "loss": "binary_cross_entropy"}),
    ([12, 8, 4], {"activation": "step"}),
    ([12, 9, 25], {"activation": "sigmoid", "dtype": "float64"}),
]


@pytest.mark.parametrize(("sizes", "settings"), KINDS)
def test_a_flip_changes_the_answer_of_any_network(sizes, settings):
    n_found = 0
    for seed in range(6):
        net = network(sizes, seed=seed, **settings)
        for layer in net.layers:
            layer.W = layer.W * 3
        x = np.random.default_rng(seed).random(12)
        for bounds in ((0, 1), None):
            found = flip(net, x, bounds=bounds)
            n_found += found.found
            if not found.found:
                continue
            assert not np.array_equal(net.predict(found.picture), net.predict(x))
            assert np.array_equal(net.predict(found.picture), found.answer)
            assert found.picture.dtype == net.dtype
            assert found.l2 == pytest.approx(np.linalg.norm(found.picture - x), rel=1e-4)
            if bounds:
                assert found.picture.min() >= 0
                assert found.picture.max() <= 1
    assert n_found >= 9  # of 12: some have one answer to everything in the range


def test_a_flip_to_a_class_gives_that_class(lesson, digits):
    for row in right_ones(lesson, digits.test, 3):
        x = digits.test.X[row]
        every = [flip(lesson, x, to) for to in range(10) if to != digits.test.y[row]]
        assert [lesson.predict(one.picture.ravel()) for one in every] == [one.to for one in every]
        assert flip(lesson, x).l2 <= min(one.l2 for one in every) * 1.02
        assert every[0].picture.shape == (28, 28)


def test_a_flip_of_a_linear_network_is_the_distance_to_its_plane():
    net = network([6, 3], seed=4, dtype="float64", output="softmax", loss="cross_entropy")
    rng = np.random.default_rng(0)
    for _ in range(5):
        x = rng.normal(size=6)
        W, z = net.layers[0].W, net.weighted_sums(x)
        now = z.argmax()
        planes = [(z[now] - z[k]) / np.linalg.norm(W[now] - W[k]) for k in range(3) if k != now]
        assert flip(net, x, bounds=None).l2 == pytest.approx(min(planes), rel=1e-4)


def test_a_flip_keeps_to_the_range():
    net = network([2, 1], initializer="zeros", dtype="float64")
    net.layers[0].W, net.layers[0].b = [[2.0, 1.0]], [-2.5]  # yes where 2 x0 + x1 >= 2.5
    found = flip(net, [0.9, 0.1])
    assert found.bounds == (0.0, 1.0)
    # to the line it is 0.6 / sqrt 5, at (1.14, 0.22); within the range the nearest is (1, 0.5)
    assert found.picture == pytest.approx([1.0, 0.5], abs=1e-3)
    wide = flip(net, [0.9, 0.1], bounds=None)
    assert wide.l2 == pytest.approx(0.6 / math.sqrt(5), rel=1e-4)
    assert wide.bounds is None
    each = flip(net, [0.9, 0.1], bounds=([0.9, 0.0], [0.9, 2.0]))
    assert each.picture == pytest.approx([0.9, 0.7], abs=1e-3)


def test_a_flip_is_as_near_as_an_independent_optimiser_finds():
    """SciPy's SLSQP from many starts, on its own forward pass, one class after the other."""
    optimize = pytest.importorskip("scipy.optimize")
    for seed in range(4):
        net = network([5, 6, 6, 3], seed=seed, dtype="float64", activation="tanh")
        for layer in net.layers:
            layer.W = layer.W * 3
        rng = np.random.default_rng(seed)
        x = rng.random(5)
        W, b = [l.W for l in net.layers], [l.b for l in net.layers]  # noqa: E741

        def scores(v, W=W, b=b):
            a = np.tanh(W[1] @ np.tanh(W[0] @ v + b[0]) + b[1])
            return W[2] @ a + b[2]

        now, best = int(scores(x).argmax()), math.inf
        for to in {0, 1, 2} - {now}:
            ahead = {
                "type": "ineq",
                "fun": lambda v, to=to: scores(v)[to] - np.delete(scores(v), to),
            }
            for start in rng.random((15, 5)):
                end = optimize.minimize(lambda v, x=x: (v - x) @ (v - x), start, method="SLSQP",
                                        bounds=[(0, 1)] * 5, constraints=[ahead])  # fmt: skip
                if end.success and ahead["fun"](end.x).min() > -1e-7:
                    best = min(best, math.sqrt(end.fun))
        found = flip(net, x)
        assert found.found == math.isfinite(best)
        if found.found:
            assert found.l2 <= 1.1 * best


@pytest.mark.parametrize("which", ["lesson", "saturated", "switched"])
def test_a_flip_is_as_near_as_an_attack_library_finds(which, digits, request):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Foolbox takes a name from SciPy that has moved
        foolbox = pytest.importorskip("foolbox")
    net = request.getfixturevalue(which)
    modules = []
    for layer in net.layers:
        linear = torch.nn.Linear(*layer.W.shape[::-1])
        linear.weight.data = torch.tensor(np.ascontiguousarray(layer.W))
        linear.bias.data = torch.tensor(np.ascontiguousarray(layer.b))
        modules += [linear, {"relu": torch.nn.ReLU}.get(layer.activation.name, torch.nn.Sigmoid)()]
    model = torch.nn.Sequential(*modules[:-1]).eval()  # up to the weighted sums
    rows = right_ones(net, digits.test, 24, first=5000)
    x = torch.tensor(digits.test.X[rows] / 255, dtype=torch.float32)
    y = torch.tensor(digits.test.y[rows])
    best = np.full(len(rows), np.inf)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
        for attack in (
            foolbox.attacks.DDNAttack(steps=300),
            foolbox.attacks.L2FMNAttack(steps=200),
            foolbox.attacks.L2DeepFoolAttack(steps=50),
            foolbox.attacks.L2CarliniWagnerAttack(steps=100, binary_search_steps=5),
        ):
            _, changed, turned = attack(known, x, y, epsilons=None)
            l2 = (changed - x).norm(dim=1).numpy()
            best = np.minimum(best, np.where(turned.numpy(), l2, np.inf))
    assert np.isfinite(best).all()
    ours = np.array([flip(net, digits.test.X[row]).l2 for row in rows])
    assert (ours / best).max() <= 1.1
    assert (ours / best).mean() <= 1.01


def test_searches_left_out_would_have_gained_nothing(saturated, digits, monkeypatch):
    rows = right_ones(saturated, digits.test, 16, first=5000)
    some = [flip(saturated, digits.test.X[row]).l2 for row in rows]
    monkeypatch.setattr(flips, "FIRST_SLIDE", 40)
    monkeypatch.setattr(flips, "N_SLIDES", 27)  # all of three starts for nine classes
    every = [flip(saturated, digits.test.X[row]).l2 for row in rows]
    assert (np.array(some) / every).max() < 1.01


def test_a_flip_beyond_the_boundary_of_the_kernel_stays_in_the_range():
    """A change that the kernel does not find large enough is stretched, but not out of range."""
    net = network([2, 1], initializer="zeros")
    net.layers[0].W, net.layers[0].b = [[2.0, 1.0]], [-2.5]
    asked = question(net, [0.9, 0.1])
    short = np.array([[0.1, 0.395]])
    row = flips._settled(asked, short, np.zeros(2), np.ones(2))
    assert asked.turned(row[None])[0]
    assert row[0] == 1
    assert row[1] == pytest.approx(0.5, abs=1e-4)


def test_a_flip_is_the_same_every_time(lesson, digits):
    x = digits.test.X[0]
    assert flip(lesson, x, seed=5).picture.tobytes() == flip(lesson, x, seed=5).picture.tobytes()


def test_a_flip_that_is_not_there():
    net = network([4, 3], initializer="zeros")
    net.layers[0].b = [0.0, 5.0, 0.0]
    found = flip(net, [0.1, 0.2, 0.3, 0.4], 0)
    assert (found.found, found.answer, found.picture, found.l2) == (False, 1, None, None)
    assert "no change was found" in str(found)
    json.dumps(found.to_dict(), allow_nan=False)


# ---------------------------------------------------------------- both


def test_what_is_found_is_plain_data(lesson, digits, in_language):
    x = digits.test.X[0]
    for found in (stroke(lesson, x), flip(lesson, x)):
        said = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert np.shape(said["picture"]) == (28, 28)
        assert said["answer"] == found.answer
        sentence = str(found)
        assert str(found.was) in sentence
        assert str(found.answer) in sentence
        assert ("turns" in sentence) == (in_language == "en")


def test_classes_go_by_their_names():
    net = network([16, 3], seed=2)
    net.classes = ("cat", "dog", "hen")
    x = np.full((4, 4), 40, np.uint8)
    others = [name for name in net.classes if name != net.predict(x.ravel())]
    for to in others:
        found = flip(net, x, to, bounds=(-50, 50))
        assert found.answer == to == net.predict(found.picture.ravel())
    by_number = flip(net, x, net.classes.index(others[0]), bounds=(-50, 50))
    assert by_number.answer == others[0]


def test_an_estimator_and_a_table_row():
    pytest.importorskip("sklearn")
    from tongtou.estimators import MLPClassifier

    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)).astype(np.float32)
    y = np.where(X[:, 0] + X[:, 1] > 0, "up", "down")
    model = MLPClassifier((8,), max_iter=300, random_state=0, tol=1e-2).fit(X, y)
    found = flip(model.network_, X[0])
    assert model.predict(found.picture.reshape(1, -1))[0] == found.answer != found.was
    with pytest.raises(ValueError, match="shape="):
        stroke(model.network_, X[0])


@pytest.mark.parametrize("change", [stroke, flip])
@pytest.mark.parametrize(
    ("settings", "x", "to", "said"),
    [
        pytest.param({}, np.zeros(16), 1, "already", id="the answer"),
        pytest.param({}, np.zeros(16), 7, "no class is called 7", id="no class"),
        pytest.param({}, np.zeros(16), "two", "no class is called 'two'", id="no name"),
        pytest.param({}, np.zeros((2, 16)), 2, "one example", id="two"),
        pytest.param({}, np.zeros(15), 2, "one example of 16", id="too short"),
        pytest.param({}, np.full(16, np.nan), 2, "finite", id="nan"),
        pytest.param(
            {"output": "linear", "loss": "mse"}, np.zeros(16), None, "predicts numbers", id="number"
        ),
    ],
)
def test_refusals_say_what_to_do(change, settings, x, to, said):
    net = network([16, 3], initializer="zeros", **settings)
    net.layers[0].b = [0.0, 2.0, 0.0]
    with pytest.raises(ValueError, match=said):
        change(net, x, to)


def test_refusals_of_a_range():
    net = network([16, 3])
    with pytest.raises(ValueError, match="value 3 is 2"):
        flip(net, [0.5, 0, 1, 2, *[0] * 12], bounds=(0, 1))
    for bounds in ((0,), 5, (np.zeros(3), 1)):
        with pytest.raises(ValueError, match="bounds must be"):
            flip(net, np.zeros(16), bounds=bounds)
    with pytest.raises(ValueError, match='or "auto"'):
        flip(net, np.zeros(16), bounds="none")
    with pytest.raises(ValueError, match=r"0 … 1, or uint8"):
        stroke(net, np.full(16, 3.0))
    with pytest.raises(ValueError, match="of 16 values"):
        stroke(net, np.zeros(16), shape=(5, 3))
