"""Forward evaluation on the kernel, and where the parameters of a network lie.

A leaf below `network`: nothing here knows the class. Where the kernel was not built everything
runs on the NumPy reference instead, several hundred times slower, and a warning says so once.
"""

from __future__ import annotations

import importlib
import os
import warnings
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tongtou import reference
from tongtou.activations import Activation
from tongtou.datasets.dataset import is_sparse
from tongtou.losses import Loss

LANES = 16
PIXEL_SCALE = 1 / 255
"""uint8 input u counts as u * PIXEL_SCALE, so that black is 0 and white 1."""

MAX_PACKED_INPUTS = 65536
"""Pixel numbers are 16 bits wide in the kernel; wider uint8 inputs go the dense way."""

KERNEL_VARIABLE = "TONGTOU_KERNEL"
"""Environment variable that names the kernel to use: sse2, avx2, avx512, or none."""


def _load_kernel() -> tuple[ModuleType | None, str]:
    """Return the compiled module or None, and what is wrong with the environment's wish."""
    wish = os.environ.get(KERNEL_VARIABLE, "")
    if wish == "none":
        return None, ""
    try:
        module = importlib.import_module("tongtou._kernel")
    except ImportError as error:
        warnings.warn(
            f"the compiled kernel is missing ({error}); Tongtou runs on the NumPy reference, "
            "several hundred times slower. Reinstall it where a C++ compiler is present.",
            RuntimeWarning,
            stacklevel=2,
        )
        return None, ""
    names = module.kernel_names()
    if wish and wish not in names:
        return module, (
            f"{KERNEL_VARIABLE} asks for the kernel {wish!r}; this machine has "
            f"{', '.join(names)}, or none for the reference. Unset it or choose one of these."
        )
    if wish:
        module.use_kernel(wish)
    return module, ""


kernel, _wrong_wish = _load_kernel()


def check_kernel() -> None:
    """Raise a ValueError when the environment asks for a kernel that is not there.

    Called by whatever computes, not while importing: a program can then say so in its own way.
    """
    if _wrong_wish:
        raise ValueError(_wrong_wish)


def kernel_name() -> str:
    """Return the name of the kernel in use: "avx512", "avx2", "sse2", or "reference"."""
    check_kernel()
    return str(kernel.kernel_in_use()) if kernel else "reference"


@dataclass(frozen=True)
class Blueprint:
    """What a network is, without its parameters.

    Parameters
    ----------
    sizes : tuple of int
        Inputs, neurons of each hidden layer, outputs.
    activations : tuple of Activation
        One for each layer after the input.
    loss : Loss
    dtype : numpy.dtype
        float32 or float64, of the parameters and all arithmetic.
    """

    sizes: tuple[int, ...]
    activations: tuple[Activation, ...]
    loss: Loss
    dtype: np.dtype[Any]

    @property
    def strides(self) -> tuple[int, ...]:
        """Neurons of each layer rounded up to whole groups of lanes."""
        return tuple(-(-n // LANES) * LANES for n in self.sizes[1:])

    def offsets(self) -> list[int]:
        """Where each layer's block of n_in + 1 rows begins, and at the end where all end."""
        at = [0]
        for n_in, stride in zip(self.sizes[:-1], self.strides, strict=True):
            at.append(at[-1] + (n_in + 1) * stride)
        return at

    def empty_parameters(self) -> NDArray[Any]:
        """Return zeros for all parameters, padding included, on a 64-byte boundary."""
        check_kernel()
        n = self.offsets()[-1]
        if kernel is None:
            return np.zeros(n, self.dtype)
        memory: NDArray[Any] = kernel.aligned_array(n * self.dtype.itemsize).view(self.dtype)
        return memory

    def views(self, parameters: NDArray[Any]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Return W (n_out, n_in) and b (n_out,) of each layer as views of `parameters`.

        Row i of a block holds the weights that leave input i, so W is a transposed view; the last
        row holds the biases.
        """
        pairs = []
        at = self.offsets()
        for i, (n_in, n_out) in enumerate(zip(self.sizes[:-1], self.sizes[1:], strict=True)):
            block = parameters[at[i] : at[i + 1]].reshape(n_in + 1, self.strides[i])
            pairs.append((block[:n_in, :n_out].T, block[n_in, :n_out]))
        return pairs

    def plan(self) -> Any:
        """Return the kernel's description of this network."""
        assert kernel is not None
        return kernel.Plan(
            list(self.sizes),
            [one.code for one in self.activations],
            [one.parameter for one in self.activations],
            self.loss.code,
            self.loss.parameter,
            PIXEL_SCALE,
            self.dtype == np.float64,
        )


def outputs(
    blueprint: Blueprint,
    plan: Any,
    parameters: NDArray[Any],
    X: Any,
    before_activation: bool = False,
) -> NDArray[Any]:
    """Return the outputs A[L] (n, n_out), or Z[L] when asked for what stands before activation.

    X (n, n_in) is C-ordered, uint8 or of the network's dtype, or a SciPy CSR matrix of the
    network's dtype; the result has the network's dtype.
    """
    if kernel is None:
        pairs = blueprint.views(parameters)
        Z, A = reference.forward(
            [W for W, _ in pairs], [b for _, b in pairs], blueprint.activations, as_float64(X)
        )
        return (Z if before_activation else A)[-1].astype(blueprint.dtype)
    out = np.empty((X.shape[0], blueprint.sizes[-1]), blueprint.dtype)
    if is_sparse(X):
        examples = kernel.Examples(plan, as_kernel_rows(X), None)
        rows = np.arange(X.shape[0], dtype=np.uint32)
        kernel.evaluate_rows(plan, parameters, examples, rows, out, before_activation)
    else:
        kernel.evaluate(plan, parameters, X, out, before_activation)
    return out


def as_kernel_rows(X: Any) -> Any:
    """Return X as the kernel takes it: dense as it is, CSR as (starts, columns, values)."""
    if not is_sparse(X):
        return X
    return (
        X.indptr.astype(np.uint64, copy=False),
        X.indices.astype(np.uint32, copy=False),
        np.ascontiguousarray(X.data),
    )


def as_float64(X: Any) -> NDArray[np.float64]:
    """Return the numbers the network sees, in float64: uint8 scaled, everything else as it is."""
    if is_sparse(X):
        X = X.toarray()
    wide: NDArray[np.float64] = X * PIXEL_SCALE if X.dtype == np.uint8 else X.astype(np.float64)
    return wide


def mean_loss(
    loss: Loss, activation: Activation, z: NDArray[Any], y: NDArray[Any], block: int = 4096
) -> float:
    """Return the mean loss in float64 from the last weighted sums z and dense targets y."""
    total = 0.0
    for at in range(0, len(z), block):
        z64 = z[at : at + block].astype(np.float64)
        y64 = y[at : at + block].astype(np.float64)
        total += float(loss.value_with(activation, z64, activation(z64), y64).sum())
    return total / len(z)
