"""Optimisers beside those of PyTorch and scikit-learn: the same gradients, step by step."""

import numpy as np
import pytest
import torch
from sklearn.neural_network import _stochastic_optimizers as sklearn_optimizers

from tongtou.optimizers import SGD, Adam, AdamW, RMSprop, clip, norm_of, reference_step
from tongtou.schedules import Cosine

N_STEPS = 120
SHAPES = [(7, 5), (7,)]  # weights and biases of a layer


def gradients(seed=0):
    """Of all sizes, some of them 0; what they are does not matter, only that all get the same."""
    rng = np.random.default_rng(seed)
    sizes = 10.0 ** rng.integers(-6, 3, N_STEPS)
    drawn = [[size * rng.normal(size=shape) for shape in SHAPES] for size in sizes]
    for step in range(0, N_STEPS, 7):
        drawn[step][0][:3] = 0
    return drawn


def start(seed=1):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape) for shape in SHAPES]


def trajectory(optimizer, etas, l2=0.0, biases=True):
    """Both arrays after each step. `biases`: the second array counts as biases."""
    theta, found = start(), []
    slots = [[np.zeros(shape) for _ in range(optimizer.n_slots)] for shape in SHAPES]
    for g, row in zip(gradients(), optimizer.rates(0, etas), strict=True):
        theta = [
            reference_step(
                optimizer, theta[k], g[k], slots[k], row, l2=l2, is_bias=biases and k == 1
            )
            for k in range(2)
        ]
        found.append(theta)
    return found


def trajectory_of_torch(make, etas, l2=0.0, decay=0.0):
    """PyTorch with the weights in one group, the biases in another that does not decay."""
    theta = [torch.tensor(array, requires_grad=True) for array in start()]
    optimizer = make(
        [
            {"params": theta[:1], "weight_decay": l2 + decay},
            {"params": theta[1:], "weight_decay": 0},
        ]
    )
    found = []
    for g, eta in zip(gradients(), etas, strict=True):
        for one, slope in zip(theta, g, strict=True):
            one.grad = torch.tensor(slope)
        for group in optimizer.param_groups:
            group["lr"] = eta
        optimizer.step()
        found.append([one.detach().numpy().copy() for one in theta])
    return found


def assert_same(found, expected, tolerance=1e-12):
    """Within a relative 1e-12 of the largest parameter, after each step."""
    assert len(found) == len(expected) == N_STEPS
    for step, (mine, theirs) in enumerate(zip(found, expected, strict=True)):
        for one, other in zip(mine, theirs, strict=True):
            scale = np.abs(other).max()
            np.testing.assert_allclose(
                one, other, rtol=tolerance, atol=tolerance * scale, err_msg=f"step {step + 1}"
            )


ETAS = [
    pytest.param(np.full(N_STEPS, 0.05), id="constant"),
    pytest.param(Cosine(0.1, minimum=0.01, warmup_epochs=2).rates(0, 120, 10, 120), id="cosine"),
]


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("etas", ETAS)
@pytest.mark.parametrize(
    ("optimizer", "theirs"),
    [
        pytest.param(SGD(), torch.optim.SGD, id="sgd"),
        pytest.param(SGD(momentum=0.9), lambda p: torch.optim.SGD(p, momentum=0.9), id="momentum"),
        pytest.param(
            SGD(momentum=0.7, nesterov=True),
            lambda p: torch.optim.SGD(p, momentum=0.7, nesterov=True),
            id="nesterov",
        ),
        pytest.param(RMSprop(), torch.optim.RMSprop, id="rmsprop"),
        pytest.param(
            RMSprop(rho=0.8, epsilon=1e-3, momentum=0.6),
            lambda p: torch.optim.RMSprop(p, alpha=0.8, eps=1e-3, momentum=0.6),
            id="rmsprop with momentum",
        ),
        pytest.param(Adam(), torch.optim.Adam, id="adam"),
        pytest.param(
            Adam(beta1=0.7, beta2=0.9, epsilon=1e-2),
            lambda p: torch.optim.Adam(p, betas=(0.7, 0.9), eps=1e-2),
            id="adam with other constants",
        ),
    ],
)
def test_as_pytorch(optimizer, theirs, etas, l2):
    """L2 is PyTorch's weight_decay, but for AdamW."""
    assert_same(trajectory(optimizer, etas, l2=l2), trajectory_of_torch(theirs, etas, l2=l2))


@pytest.mark.parametrize("etas", ETAS)
@pytest.mark.parametrize("decay", [0.01, 2.0])
def test_decoupled_decay_as_pytorch(etas, decay):
    optimizer = AdamW(0.1, weight_decay=decay, beta1=0.8)
    expected = trajectory_of_torch(
        lambda p: torch.optim.AdamW(p, betas=(0.8, 0.999)), etas, decay=decay
    )
    assert_same(trajectory(optimizer, etas), expected)


def trajectory_of_sklearn(make):
    theta = start()
    optimizer, found = make(theta), []
    for g in gradients():
        optimizer.update_params(theta, [one.copy() for one in g])
        found.append([one.copy() for one in theta])
    return found


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("momentum", [0.5, 0.9])
def test_steps_summed_up_as_scikit_learn(momentum, nesterov):
    optimizer = SGD(0.05, momentum=momentum, nesterov=nesterov, velocity="step")
    expected = trajectory_of_sklearn(
        lambda theta: sklearn_optimizers.SGDOptimizer(
            theta, 0.05, momentum=momentum, nesterov=nesterov
        )
    )
    assert_same(trajectory(optimizer, np.full(N_STEPS, 0.05)), expected)


@pytest.mark.parametrize("epsilon", [1e-8, 1e-3])
def test_uncorrected_epsilon_as_scikit_learn(epsilon):
    optimizer = Adam(0.02, beta1=0.8, epsilon=epsilon, epsilon_placement="uncorrected")
    expected = trajectory_of_sklearn(
        lambda theta: sklearn_optimizers.AdamOptimizer(theta, 0.02, beta_1=0.8, epsilon=epsilon)
    )
    assert_same(trajectory(optimizer, np.full(N_STEPS, 0.02)), expected)


@pytest.mark.parametrize("nesterov", [False, True])
def test_both_velocities_take_one_path_at_a_constant_rate(nesterov):
    """And part when the rate changes."""
    forms = [SGD(0.1, momentum=0.8, nesterov=nesterov, velocity=v) for v in ("gradient", "step")]
    constant = np.full(N_STEPS, 0.1)
    assert_same(*(trajectory(form, constant) for form in forms))
    falling = np.linspace(0.1, 0.01, N_STEPS)
    with pytest.raises(AssertionError, match="step 2"):
        assert_same(*(trajectory(form, falling) for form in forms))


def test_where_epsilon_stands_matters():
    """Three placements, three paths; where epsilon is nothing beside the gradients they are one."""
    places = ("outside", "uncorrected", "inside")
    etas = np.full(N_STEPS, 0.01)
    large = [trajectory(Adam(epsilon=1e-2, epsilon_placement=one), etas) for one in places]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        with pytest.raises(AssertionError, match="step 1"):
            assert_same(large[a], large[b], 1e-6)
    tiny = [trajectory(Adam(epsilon=1e-40, epsilon_placement=one), etas) for one in places]
    assert_same(tiny[0], tiny[1])
    assert_same(tiny[0], tiny[2])


# Clipping -----------------------------------------------------------------------------------------


def clipped_by_torch(arrays, clip_value=None, clip_norm=None):
    theta = [torch.zeros(array.shape, dtype=torch.float64) for array in arrays]
    for one, array in zip(theta, arrays, strict=True):
        one.grad = torch.tensor(array)
    if clip_value is not None:
        torch.nn.utils.clip_grad_value_(theta, clip_value)
    norm = None
    if clip_norm is not None:
        norm = float(torch.nn.utils.clip_grad_norm_(theta, clip_norm))
    return [one.grad.numpy() for one in theta], norm


@pytest.mark.parametrize("limit", [1e5, 3e7, 1e9])
def test_clipping_as_pytorch(limit):
    """Gradients of about 1e7, beside which PyTorch's 1e-6 below the line is nothing."""
    rng = np.random.default_rng(3)
    arrays = [1e7 * rng.normal(size=shape) for shape in SHAPES]
    expected, norm = clipped_by_torch(arrays, clip_norm=limit)
    assert norm_of(arrays) == pytest.approx(norm, rel=1e-14)
    for mine, theirs in zip(clip(arrays, clip_norm=limit), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
    expected, _ = clipped_by_torch(arrays, clip_value=limit)
    for mine, theirs in zip(clip(arrays, clip_value=limit), expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    expected, _ = clipped_by_torch(arrays, clip_value=1e7, clip_norm=limit)
    for mine, theirs in zip(clip(arrays, 1e7, limit), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)
