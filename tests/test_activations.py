"""Activations: known values, exact derivatives, stability, PyTorch, names and descriptions."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from tongtou.activations import ACTIVATIONS, LeakyReLU, activation, from_description

LN2, LN3, LN5 = math.log(2), math.log(3), math.log(5)

# The equations at places where they can be done by hand; gelu by tables of the normal distribution.
KNOWN = [
    ("linear", [-2.0, 0.0, 3.5], [-2.0, 0.0, 3.5]),
    ("step", [-1e-300, -0.0, 0.0, 2.0], [0.0, 1.0, 1.0, 1.0]),
    ("sigmoid", [0.0, LN3, -LN3, LN2], [0.5, 0.75, 0.25, 2 / 3]),
    ("tanh", [0.0, LN2, -LN3], [0.0, 0.6, -0.8]),
    ("relu", [-2.0, 0.0, 3.5], [0.0, 0.0, 3.5]),
    ("leaky_relu", [-2.0, 0.0, 3.5], [-0.02, 0.0, 3.5]),
    ("gelu", [0.0, 1.0, -1.0], [0.0, 0.8413447460685429, -0.15865525393145707]),
    ("softmax", [0.0, LN2, LN5], [1 / 8, 2 / 8, 5 / 8]),
    ("exp", [0.0, LN2, -LN5], [1.0, 2.0, 0.2]),
]

# name: PyTorch's function of the same name. Its step has no gradient at all, ours is 0.
PEERS = {
    "linear": lambda z: z * 1,
    "step": lambda z: torch.heaviside(z.detach(), torch.ones((), dtype=z.dtype)) + 0 * z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "gelu": torch.nn.functional.gelu,
    "softmax": lambda z: torch.softmax(z, dim=-1),
    "exp": torch.exp,
}

ELEMENTWISE = [name for name, f in ACTIVATIONS.items() if f.elementwise]


def test_every_activation_is_tested() -> None:
    assert list(ACTIVATIONS) == [name for name, _, _ in KNOWN] == list(PEERS)


def test_the_codes_are_those_of_the_kernel() -> None:
    codes = {name: f.code for name, f in ACTIVATIONS.items()}
    assert codes == {
        "linear": 0,
        "step": 1,
        "sigmoid": 2,
        "tanh": 3,
        "relu": 4,
        "leaky_relu": 5,
        "gelu": 6,
        "softmax": 7,
        "exp": 8,
    }


@pytest.mark.parametrize(("name", "z", "a"), KNOWN)
def test_known_values(name: str, z: list[float], a: list[float]) -> None:
    np.testing.assert_allclose(ACTIVATIONS[name](np.array(z)), a, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivative_against_central_differences(name: str) -> None:
    f, step = ACTIVATIONS[name], 2.0**-17
    grid = np.linspace(-6, 6, 481)
    on_kink = np.array([any(abs(z - kink) <= step for kink in f.kinks) for z in grid])
    # In the open: 0 lies on the grid, and is left out exactly where the function has its kink.
    assert on_kink.sum() == (name in ("step", "relu", "leaky_relu"))
    z = grid[~on_kink]
    numeric = (f(z + step) - f(z - step)) / (2 * step)
    atol = 2e-8 if name == "exp" else 3e-10  # it reaches e^6 = 403 here, and so does its error
    np.testing.assert_allclose(f.derivative(z, f(z)), numeric, rtol=0, atol=atol)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_backward_is_the_chain_rule(name: str) -> None:
    f, z, g = ACTIVATIONS[name], np.array([[-1.5, 0.25], [0.5, 3.0]]), np.array([[2.0, -1], [0, 7]])
    a = f(z)
    np.testing.assert_array_equal(f.backward(z, a, g), g * f.derivative(z, a))


def test_softmax_backward_against_its_jacobian_by_central_differences() -> None:
    f, step = ACTIVATIONS["softmax"], 2.0**-17
    z, g = np.array([0.3, -1.2, 2.0, 0.0]), np.array([1.0, -2.0, 0.5, 3.0])
    jacobian = np.array([(f(z + e) - f(z - e)) / (2 * step) for e in step * np.eye(4)])
    # jacobian[j, k] = da[k] / dz[j]
    np.testing.assert_allclose(f.backward(z, f(z), g), jacobian @ g, rtol=0, atol=1e-10)


def test_softmax_sums_to_one_and_ignores_a_common_shift() -> None:
    f, z = ACTIVATIONS["softmax"], np.random.default_rng(1).normal(size=(5, 7))
    np.testing.assert_allclose(f(z).sum(axis=-1), 1, rtol=1e-14)
    np.testing.assert_allclose(f(z + 700), f(z), rtol=1e-12)


def test_softmax_has_no_elementwise_derivative() -> None:
    f, z = ACTIVATIONS["softmax"], np.zeros(3)
    with pytest.raises(TypeError, match=r"no elementwise derivative.*Use backward"):
        f.derivative(z, f(z))


# float32: where PyTorch computes 1 + erf(z / sqrt 2) its rounding is larger than ours.
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-14), (np.float32, 2e-6)])
@pytest.mark.parametrize("name", PEERS)
def test_value_and_gradient_against_torch(name: str, dtype: type, tolerance: float) -> None:
    f, rng = ACTIVATIONS[name], np.random.default_rng(2)
    z = (4 * rng.normal(size=(40, 6))).astype(dtype)
    z[0] = 0  # the kink, where both take the same side
    g = rng.normal(size=z.shape).astype(dtype)
    z_torch = torch.from_numpy(z).requires_grad_()
    a_torch = PEERS[name](z_torch)
    a_torch.backward(torch.from_numpy(g))

    a = f(z)
    delta = f.backward(z, a, g)
    assert a.dtype == delta.dtype == dtype
    np.testing.assert_allclose(a, a_torch.detach().numpy(), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(delta, z_torch.grad.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_finite_and_silent_far_out(name: str, dtype: type) -> None:
    f = ACTIVATIONS[name]
    far = np.finfo(dtype).max / 4
    z = np.array([-far, -1000, -100, -1e-30, 0, 1e-30, 100, 1000, far], dtype)
    with np.errstate(all="raise", under="ignore"):
        a = f(z)
        delta = f.backward(z, a, np.ones_like(a))
    assert np.isfinite(a).all()
    assert np.isfinite(delta).all()


def test_gelu_keeps_its_digits_in_the_left_tail() -> None:
    # Phi(-10) = 7.619853024160527e-24; 1 + erf(-10/sqrt 2) would be 0.
    a = ACTIVATIONS["gelu"](np.array([-10.0]))
    np.testing.assert_allclose(a, -7.619853024160527e-23, rtol=1e-12)


def test_the_sigmoid_saturates() -> None:
    f, z = ACTIVATIONS["sigmoid"], np.array([0.0, 10.0, 1000.0])
    slope = f.derivative(z, f(z))
    assert slope[0] == 0.25
    assert slope[1] == pytest.approx(4.5396e-5, rel=1e-4)
    assert slope[2] == 0


@pytest.mark.parametrize(("dtype", "limit"), [(np.float32, 80), (np.float64, 690)])
def test_exp_stops_before_it_overflows_and_leads_back(dtype: type, limit: float) -> None:
    f, z = ACTIVATIONS["exp"], np.array([-10_000, -limit, limit, limit + 1, 10_000], dtype)
    a = f(z)
    assert (a[0] == a[1]) & (a[1] > 0)
    assert (a[2] == a[3]) & (a[3] == a[4])
    np.testing.assert_allclose(np.log(a[1:3].astype(np.float64)), [-limit, limit], rtol=1e-6)
    np.testing.assert_array_equal(f.derivative(z, a), a)


def test_linear_returns_a_copy() -> None:
    z = np.zeros(2)
    ACTIVATIONS["linear"](z)[0] = 1
    assert z[0] == 0


@pytest.mark.parametrize("f", [*ACTIVATIONS.values(), LeakyReLU(slope=0.2), LeakyReLU(slope=1)])
def test_description_round_trip_through_json(f: object) -> None:
    assert from_description(json.loads(json.dumps(f.describe()))) == f


def test_a_slope_of_ones_own() -> None:
    f = activation(LeakyReLU(slope=0.2))
    assert f.parameter == 0.2
    assert ACTIVATIONS["leaky_relu"].parameter == 0.01
    assert ACTIVATIONS["relu"].parameter == 0
    assert f != ACTIVATIONS["leaky_relu"]
    z = np.array([-5.0, 5.0])
    np.testing.assert_array_equal(f(z), [-1.0, 5.0])
    np.testing.assert_array_equal(f.derivative(z, f(z)), [0.2, 1.0])


@pytest.mark.parametrize("slope", [-0.1, math.nan, math.inf, "0.1", True, None])
def test_a_wrong_slope_is_refused(slope: object) -> None:
    with pytest.raises(ValueError, match="finite number from 0 on"):
        LeakyReLU(slope=slope)


def test_activations_cannot_be_altered() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ACTIVATIONS["leaky_relu"].slope = 0.5
    with pytest.raises(TypeError):
        ACTIVATIONS["mine"] = ACTIVATIONS["relu"]


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"unknown activation 'sigmod'.*Did you mean 'sigmoid'"):
        activation("sigmod")
    with pytest.raises(ValueError, match="unknown activation"):
        activation(LeakyReLU)  # the class, not an object


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("relu", "mapping"),
        ({}, "unknown activation None"),
        ({"name": ["relu"]}, "unknown activation"),
        ({"name": "relu", "parameter": 1.0}, "may hold"),
        ({"name": "leaky_relu", "slope": 1.0}, "may hold"),
        ({"name": "leaky_relu", "parameter": "steep"}, "finite number"),
    ],
)
def test_a_wrong_description_is_refused(description: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_description(description)
