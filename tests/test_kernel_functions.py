"""The kernel's own exp, log, tanh … against NumPy in a wider type, for every instruction set."""

import math

import numpy as np
import pytest

from tongtou import evaluation
from tongtou.activations import ACTIVATIONS

kernel = evaluation.kernel
EXP, LOG, EXPM1, ACTIVATION = 0, 1, 2, 100

# longdouble has 64 bits of mantissa here: enough to judge float64
WIDE = {np.float32: np.float64, np.float64: np.longdouble}


def run(which, x, parameter=0.0):
    y = np.empty_like(x)
    kernel.function(which, parameter, x, y)
    return y


def ulps(found, exact, dtype):
    """Largest error in units in the last place of the exact value."""
    unit = np.spacing(np.abs(exact).astype(dtype)).astype(exact.dtype)
    return float(np.max(np.abs(found.astype(exact.dtype) - exact) / unit))


def spread(low, high, dtype, n=200_001):
    return np.linspace(low, high, n).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("which", "exact", "low", "high", "bound"),
    [
        pytest.param(EXP, np.exp, -86, 87, 2.0, id="exp"),
        pytest.param(EXP, np.exp, -1e-3, 1e-3, 1.0, id="exp near 0"),
        pytest.param(EXPM1, np.expm1, -80, 80, 3.0, id="expm1"),
        pytest.param(EXPM1, np.expm1, -1e-3, 1e-3, 3.0, id="expm1 near 0"),
        pytest.param(LOG, np.log, 1e-30, 1e-28, 2.0, id="log tiny"),
        pytest.param(LOG, np.log, 0.01, 20, 2.0, id="log"),
        pytest.param(LOG, np.log, 0.999, 1.001, 2.0, id="log near 1"),
        pytest.param(ACTIVATION + 3, np.tanh, -12, 12, 4.0, id="tanh"),
        pytest.param(ACTIVATION + 3, np.tanh, -1e-3, 1e-3, 4.0, id="tanh near 0"),
    ],
)
def test_function_is_within_its_stated_error(each_kernel, dtype, which, exact, low, high, bound):
    x = spread(low, high, dtype)
    assert ulps(run(which, x), exact(x.astype(WIDE[dtype])), dtype) <= bound


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "name", ["linear", "step", "sigmoid", "tanh", "relu", "leaky_relu", "gelu"]
)
def test_activation_agrees_with_the_reference(each_kernel, dtype, name):
    f = ACTIVATIONS[name]
    x = np.concatenate([spread(-60, 60, dtype), np.array([0.0, -0.0], dtype)])
    found = run(ACTIVATION + f.code, x, f.parameter)
    exact = f(x.astype(np.float64))
    tolerance = 4e-7 if dtype == np.float32 else 2e-15
    np.testing.assert_allclose(found, exact, rtol=tolerance * 3, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gelu_tail_keeps_its_digits(each_kernel, dtype):
    """1 + erf would lose them all; erfc does not."""
    x = spread(-5, -3, dtype, 2001)
    exact = np.array([float(z) * 0.5 * math.erfc(-float(z) / math.sqrt(2)) for z in x])
    bound = 3e-6 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(run(ACTIVATION + 6, x), exact, rtol=bound)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("which", [EXP, EXPM1, *(ACTIVATION + c for c in range(7))])
def test_nan_stays_nan(each_kernel, dtype, which):
    """A diverged run is found by its NaN: no function may swallow one."""
    x = np.zeros(33, dtype)
    x[[0, 7, 20, 32]] = np.nan
    found = run(which, x, 0.01)
    assert np.isnan(found[[0, 7, 20, 32]]).all()
    assert np.isfinite(np.delete(found, [0, 7, 20, 32])).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["sigmoid", "gelu"])
def test_saturated_activations_are_zero_or_normal_numbers(each_kernel, dtype, name):
    """Denormal numbers cost a hundred times a normal one."""
    x = spread(-900, 0, dtype)
    a = np.abs(run(ACTIVATION + ACTIVATIONS[name].code, x))
    smallest = 2.0**-40 if dtype == np.float32 else 2.0**-400
    assert (a[a > 0] >= smallest).all()
    assert (a == 0).any()


def test_infinities_saturate(each_kernel):
    x = np.array([-np.inf, np.inf], np.float32)
    assert run(ACTIVATION + 2, x).tolist() == [0.0, 1.0]
    assert run(ACTIVATION + 3, x).tolist() == [-1.0, 1.0]


def test_codes_are_the_same_on_both_sides():
    from tongtou.losses import LOSSES

    assert {name: one.code for name, one in ACTIVATIONS.items()} == kernel.ACTIVATIONS
    assert {name: one.code for name, one in LOSSES.items()} == kernel.LOSSES
