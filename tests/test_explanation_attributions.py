"""What each input adds: against Captum, by hand, and by a fine sum."""

import json
import warnings

import numpy as np
import pytest
from small_networks import LESSON, SWITCHED, network

import tongtou as tt
from tongtou.explanation.attributions import attribution
from tongtou.i18n import use_language

METHODS = ["gradient", "gradient_x_input", "occlusion", "integrated"]


@pytest.fixture(params=["en", "zh"])
def in_language(request):
    use_language(request.param)
    yield request.param
    use_language(None)


def digit():
    """A uint8 picture with a bar and a hook, 28 by 28."""
    picture = np.zeros((28, 28), np.uint8)
    picture[5:22, 9:12] = 230
    picture[12:15, 9:20] = 255
    picture[5:9, 16:19] = 90
    return picture


# ---------------------------------------------------------------- against Captum


def as_torch(torch, net, quantity):
    """The same network in PyTorch, float64."""
    functions = {"sigmoid": torch.nn.Sigmoid(), "tanh": torch.nn.Tanh(), "relu": torch.nn.ReLU(),
                 "softmax": torch.nn.Softmax(dim=1)}  # fmt: skip
    modules = [torch.nn.Flatten()]
    for layer in net.layers:
        linear = torch.nn.Linear(*layer.W.shape[::-1], dtype=torch.float64)
        linear.weight.data = torch.tensor(layer.W.astype(np.float64))
        linear.bias.data = torch.tensor(layer.b.astype(np.float64))
        modules += [linear, functions[layer.activation.name]]
    return torch.nn.Sequential(*(modules if quantity == "a" else modules[:-1]))


@pytest.mark.parametrize("quantity", ["z", "a"])
@pytest.mark.parametrize(
    "settings",
    [{}, SWITCHED, {"activation": "tanh", "output": "softmax", "loss": "cross_entropy"}],
    ids=["lesson", "switched", "tanh"],
)
def test_captum_agrees(settings, quantity):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        captum = pytest.importorskip("captum.attr")
    net = network(LESSON, seed=6, **settings)
    net.input_shape = (28, 28)
    model = as_torch(torch, net, quantity)
    picture = digit()
    x = torch.tensor(picture[None] / 255)
    base = np.linspace(0, 0.4, 784).reshape(28, 28)
    theirs_base = torch.tensor(base[None])

    def ours(method, **more):
        return attribution(net, picture, method, of=4, quantity=quantity, **more).values

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Captum sets requires_grad on its inputs and says so
        theirs = {
            "gradient": captum.Saliency(model).attribute(x, target=4, abs=False),
            "gradient_x_input": captum.InputXGradient(model).attribute(x, target=4),
            "integrated": captum.IntegratedGradients(model).attribute(
                x, theirs_base, target=4, n_steps=4000, method="riemann_middle"
            ),
            "occlusion": captum.Occlusion(model).attribute(
                x, (5, 5), target=4, baselines=theirs_base, perturbations_per_eval=64
            ),
        }
    found = {
        "gradient": ours("gradient"),
        "gradient_x_input": ours("gradient_x_input"),
        "integrated": ours("integrated", baseline=base, tolerance=1e-6),
        "occlusion": ours("occlusion", baseline=base, patch=5),
    }
    for method, values in theirs.items():
        expected = values[0].detach().numpy()
        scale = np.abs(expected).max()
        # float64 both, but for occlusion, which the float32 kernel computes (its rounding of
        # scores of size 1 comes on top), and for the 4,000 steps of Captum's sum, 1/4000 at kinks
        allowed = {"occlusion": 2e-5, "integrated": 3e-4}.get(method, 1e-9)
        error = np.abs(found[method] - expected).max()
        assert error <= allowed * scale + (2e-6 if method == "occlusion" else 0), method


# ---------------------------------------------------------------- by hand


def test_occlusion_by_hand():
    """A linear F = 1 p + 2 q + 3 r on a row of three: hiding p alone costs p, and so on."""
    net = tt.Network([3, 1], output="linear", loss="mse", initializer="zeros", dtype="float64")
    net.layers[0].W, net.layers[0].b = [[1.0, 2.0, 3.0]], [0.5]
    found = attribution(net, [1.0, 1.0, 2.0], "occlusion")
    assert found.values == pytest.approx([1, 2, 6])
    assert found.value == pytest.approx(9.5)
    assert found.baseline_value == pytest.approx(0.5)
    # with the baseline 1 only the third value is hidden at all
    assert attribution(net, [1.0, 1.0, 2.0], "occlusion", baseline=1).values == pytest.approx(
        [0, 0, 3]
    )
    # patches of two: (p, q) costs 3, (q, r) costs 8, and q is covered by both
    pairs = attribution(net, [1.0, 1.0, 2.0], "occlusion", patch=2)
    assert pairs.values == pytest.approx([3, 5.5, 8])


def test_occlusion_of_a_picture_by_hand():
    """F = the sum of all pixels, each times its row number; 3 by 3, patches of 2."""
    net = tt.Network([9, 1], output="linear", loss="mse", initializer="zeros", dtype="float64")
    net.layers[0].W = [[1, 1, 1, 2, 2, 2, 3, 3, 3]]
    found = attribution(net, np.ones((3, 3)), "occlusion", patch=2)
    # rows 0-1 hidden: 1 + 1 + 2 + 2 = 6; rows 1-2: 2 + 2 + 3 + 3 = 10; the middle row: both
    assert found.values == pytest.approx(np.array([[6.0] * 3, [8.0] * 3, [10.0] * 3]))
    # by strides of 2 the second patch would end outside: it is moved back to the border
    assert attribution(
        net, np.ones((3, 3)), "occlusion", patch=2, stride=2
    ).values == pytest.approx(found.values)


def test_channels_of_a_pixel_are_hidden_together():
    net = tt.Network([12, 1], output="linear", loss="mse", initializer="zeros", dtype="float64")
    net.layers[0].W = [np.arange(12.0)]
    found = attribution(net, np.ones((2, 2, 3)), "occlusion", patch=1)
    # sums of 0 1 2, 3 4 5, 6 7 8, 9 10 11
    assert found.values[..., 0] == pytest.approx(np.array([[3.0, 12.0], [21.0, 30.0]]))
    assert (found.values == found.values[..., :1]).all()


def test_gradients_by_hand():
    """One sigmoid: dz/dx = w, da/dx = a (1 - a) w."""
    net = tt.Network([2, 1], initializer="zeros", dtype="float64")
    net.layers[0].W = [[2.0, -1.0]]
    x = [1.0, 2.0]  # z = 0, a = 1/2, which counts as yes
    assert attribution(net, x, "gradient").values == pytest.approx([2, -1])
    assert attribution(net, x, "gradient", quantity="a").values == pytest.approx([0.5, -0.25])
    assert attribution(net, x, "gradient_x_input").values == pytest.approx([2, -2])
    # the score of the first of two classes is that of the second with a minus
    no = attribution(net, x, "gradient", of=0)
    assert no.values == pytest.approx([-2, 1])
    assert (no.answer, attribution(net, x).answer) == (0, 1)


def test_integrated_by_hand():
    """a = relu(x - 1) from 0 to 3: 2 in all. And a product-like two-input sum splits evenly."""
    net = tt.Network([2, 1, 1], activation="relu", output="linear", loss="mse",
                     initializer="zeros", dtype="float64")  # fmt: skip
    net.layers[0].W, net.layers[0].b, net.layers[1].W = [[1.0, 1.0]], [-1.0], [[1.0]]
    found = attribution(net, [1.5, 1.5], "integrated", tolerance=1e-4)
    assert found.values == pytest.approx([1, 1], rel=1e-4)
    assert (found.value, found.baseline_value) == pytest.approx((2, 0))


# ---------------------------------------------------------------- by a theorem


@pytest.mark.parametrize(
    ("sizes", "settings"),
    [
        (LESSON, {}),
        ([784, 20, 20, 20, 5], SWITCHED),
        ([784, 12, 3], {"activation": "gelu"}),
        ([784, 8, 2], {"activation": "tanh", "output": "linear", "loss": "mse"}),
        ([784, 6], {"output": "softmax", "loss": "cross_entropy"}),
    ],
)
@pytest.mark.parametrize("quantity", ["z", "a"])
def test_integrated_gradients_add_up(sizes, settings, quantity):
    net = network(sizes, seed=8, **settings)
    for layer in net.layers:
        layer.W = layer.W * (1 if settings is SWITCHED else 4)  # sigmoids saturate on the way
    x = digit()
    answer = int(net.weighted_sums(x.ravel()).argmax())
    other = (answer + 1) % sizes[-1]
    found = attribution(net, x, "integrated", quantity=quantity, of=answer, over=other)
    ask = net.predict_proba if quantity == "a" else net.weighted_sums
    ends = ask(np.stack([np.zeros(784, np.uint8), x.ravel()])).astype(float)
    difference = np.diff(ends[:, answer] - ends[:, other])[0]
    assert abs(difference) > 0.001  # or rounding would be all there is
    missing = abs(found.values.sum() - difference) / abs(difference)
    assert found.complete
    assert found.gap < 0.001
    assert missing == pytest.approx(found.gap, abs=1e-4)  # the kernel rounds to float32
    assert found.value == pytest.approx(ends[1, answer] - ends[1, other], abs=1e-5)
    assert found.baseline_value == pytest.approx(ends[0, answer] - ends[0, other], abs=1e-5)
    assert found.values.shape == (28, 28)


def test_integrated_gradients_are_the_fine_sum_of_finite_differences():
    """Not one gradient formula: F by the kernel in float64 at 2,000 points, differences of it."""
    net = network([4, 6, 5, 3], seed=1, dtype="float64")
    x, base, h, n = np.array([0.9, -0.4, 1.3, 0.2]), np.array([0.1, 0.2, 0.0, -0.5]), 1e-5, 2000
    points = base + (np.arange(n) + 0.5)[:, None] / n * (x - base)
    expected = []
    for i in range(4):
        step = h * np.eye(4)[i]
        up, down = net.weighted_sums(points + step)[:, 2], net.weighted_sums(points - step)[:, 2]
        expected.append((x - base)[i] * ((up - down) / (2 * h)).mean())
    found = attribution(net, x, "integrated", of=2, baseline=base, tolerance=1e-7)
    assert found.values == pytest.approx(expected, rel=1e-5)


def test_steps_are_doubled_only_as_far_as_needed():
    net = network(LESSON, seed=8)
    for layer in net.layers:
        layer.W = layer.W * 8
    rough = attribution(net, digit(), "integrated", tolerance=0.5)
    fine = attribution(net, digit(), "integrated", tolerance=1e-6)
    assert rough.steps < fine.steps
    assert fine.steps & (fine.steps - 1) == 0  # 16, 32, 64, …
    half = attribution(net, digit(), "integrated", tolerance=1e-6, max_steps=fine.steps // 2)
    assert not half.complete
    assert half.gap >= 1e-6


def test_a_gap_that_cannot_close_is_said():
    """The slope of a step is 0 wherever it exists: nothing adds up, and that is reported."""
    net = network([4, 6, 3], seed=1, activation="step")
    x = np.array([3.0, -2.0, 4.0, 1.0])
    scores = net.weighted_sums(np.stack([np.zeros(4), x]))
    k = int(np.abs(scores[1] - scores[0]).argmax())
    found = attribution(net, x, "integrated", of=k, max_steps=64)
    assert (found.complete, found.steps) == (False, 64)
    assert found.gap == pytest.approx(1)
    assert "do not add up" in str(found)


def test_a_picture_that_is_its_own_baseline():
    found = attribution(network(LESSON), np.zeros(784), "integrated")
    assert (found.values == 0).all()
    assert (found.gap, found.complete) == (0.0, True)


# ---------------------------------------------------------------- what comes back


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("over", [None, 3])
def test_what_is_found_is_plain_data(method, over, in_language):
    net = network(LESSON, seed=6)
    net.input_shape = (28, 28)
    found = attribution(net, digit().ravel(), method, of=8, over=over)
    said = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert np.shape(said["values"]) == (28, 28)
    assert (said["answer"], said["over"], said["method"]) == (8, over, method)
    sentence = str(found)
    assert "8" in sentence
    assert ("3" in sentence.split(";")[0]) == (over is not None)
    assert sentence.isascii() == (in_language == "en" and "×" not in sentence)


@pytest.mark.parametrize("method", METHODS)
def test_over_is_the_difference(method):
    net = network(LESSON, seed=6)
    one, other = (attribution(net, digit(), method, of=k, tolerance=1e-7) for k in (8, 3))
    both = attribution(net, digit(), method, of=8, over=3, tolerance=1e-7)
    scale = np.abs(one.values).max()
    assert both.values == pytest.approx(one.values - other.values, abs=1e-4 * scale)
    assert both.value == pytest.approx(one.value - other.value, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_answer_is_what_is_explained(method):
    net = network(LESSON, seed=6)
    assert attribution(net, digit(), method).answer == net.predict(digit().ravel())


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"method": "gradients"}, "unknown attribution method 'gradients'.*Did you mean"),
        ({"quantity": "p"}, 'quantity must be "z" or "a"'),
        ({"of": 12}, "no output is called 12"),
        ({"of": 2, "over": 2}, "must be another output than 2"),
        ({"baseline": np.zeros(5)}, "one example of 784"),
        ({"baseline": float("nan")}, "baseline must be"),
        ({"method": "occlusion", "patch": 29}, "must fit into 28×28"),
        ({"method": "occlusion", "patch": 2, "stride": 3}, "at most the patch, 2"),
        ({"method": "occlusion", "patch": 0}, "patch must be"),
        ({"method": "integrated", "tolerance": 0}, "tolerance must be"),
    ],
)
def test_refusals_say_what_to_do(settings, said):
    with pytest.raises(ValueError, match=said):
        attribution(network(LESSON), digit(), **settings)


def test_one_output_has_none_to_subtract():
    with pytest.raises(ValueError, match="one output"):
        attribution(network([3, 1]), [1, 2, 3], of=1, over=0)
