"""A neuron's equation with its numbers, rounded so that a reader with a pencil finds it right.

Rounding each figure for itself would not do: three thirds, 0.33 + 0.33 + 0.33, are not 1.00. Here

- a product shown is the rounded product of the two factors as they are shown;
- "the other n terms" is what is missing from the figures shown to the sum shown, so that the
  figures add up to it; where no term is left over, what is missing is shown as rounding;
- the activation shown is what the function makes of the weighted sum as it is shown.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal

import numpy as np

from tongtou.activations import Activation

MINUS = "−"
_EXACT = Context(prec=2000)
"""Products and sums of shown figures are not to be rounded a second time."""


@dataclass(frozen=True)
class ShownTerm:
    """One product as it is shown: ``w · a = product``; `label` says which input a is."""

    label: str
    w: Decimal
    a: Decimal
    product: Decimal


@dataclass(frozen=True)
class Figures:
    """The figures of one neuron's equation: ``bias + sum of products + others = z``, exactly.

    Attributes
    ----------
    decimals : int
        Behind the point, of all that is summed.
    terms : tuple of ShownTerm
        The largest ones.
    n_others, n_zero : int
        How many terms are not shown, and how many of these are 0.
    others : Decimal
        What they come to; where there are none, what rounding left over.
    function, equals : str
        The activation function with the numbers put in, and "=", or "≈" where the figures shown
        are too coarse to find a by them.
    shift : Decimal or None
        Of softmax: log sum_k exp(z_k), so that a = exp(z - shift).
    """

    layer: int
    j: int
    decimals: int
    bias: Decimal
    terms: tuple[ShownTerm, ...]
    n_others: int
    n_zero: int
    others: Decimal
    z: Decimal
    a: Decimal
    activation: Activation
    equals: str
    shift: Decimal | None


def rounded(value: float, decimals: int) -> Decimal:
    """Return the value with so many decimals, halves to even; never -0.

    Examples
    --------
    >>> rounded(2.345, 2), rounded(-0.001, 2)
    (Decimal('2.35'), Decimal('0.00'))
    """
    return _quantized(Decimal(value), decimals)


def _quantized(value: Decimal, decimals: int) -> Decimal:
    found = value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN, _EXACT)
    return abs(found) if found.is_zero() else found


def significant(value: float, digits: int) -> Decimal:
    """Return the value with so many significant digits, none of them needlessly 0 at the end.

    Examples
    --------
    >>> significant(0.0123456, 3), significant(0.5, 3)
    (Decimal('0.0123'), Decimal('0.5'))
    """
    if value == 0:
        return Decimal(0)
    found = rounded(value, digits - 1 - _order(value))
    return found.normalize(_EXACT) if found == Decimal(value) else found


def _order(value: float) -> int:
    """Return the power of ten of the first digit."""
    return Decimal(value).adjusted()


def decimals_for(values: Sequence[float], z: float, digits: int = 4) -> int:
    """Return how many decimals give the largest value `digits` digits, and z two at the least.

    Examples
    --------
    >>> decimals_for([12.5, 0.3], 0.004), decimals_for([12.5, 0.3], 3.0)
    (4, 2)
    """
    largest = max((abs(one) for one in (*values, z)), default=0.0)
    if largest == 0:
        return 2
    wanted = digits - 1 - _order(largest)
    if z:
        # a small sum of large terms: where it cancels, its own digits come late
        wanted = max(wanted, min(1 - _order(z), wanted + 8))
    return max(wanted, 0)


def shown_product(label: str, w: float, a: float, decimals: int) -> ShownTerm:
    """Return a product with its factors in as few digits as give the right rounded product."""
    target = rounded(w * a, decimals)
    for digits in range(4, 10):
        shown_w, shown_a = significant(w, digits), significant(a, digits)
        product = _quantized(_EXACT.multiply(shown_w, shown_a), decimals)
        if product == target:
            break
    return ShownTerm(label, shown_w, shown_a, product)


def figures(
    layer: int,
    j: int,
    bias: float,
    terms: Sequence[tuple[str, float, float]],
    n_others: int,
    n_zero: int,
    z: float,
    a: float,
    activation: Activation,
    *,
    shift: float | None = None,
    digits: int = 4,
) -> Figures:
    """Return the figures to show for one neuron.

    Parameters
    ----------
    layer, j : int
    bias : float
    terms : sequence of (label, w, a)
        Those to show.
    n_others, n_zero : int
        How many are not shown; how many of them are 0.
    z, a : float
        The kernel's own.
    activation : Activation
    shift : float, optional
        log sum_k exp(z_k), for softmax.
    digits : int
        Of the largest figure.
    """
    decimals = decimals_for([bias, *(w * x for _, w, x in terms)], z, digits)
    shown = tuple(shown_product(label, w, x, decimals) for label, w, x in terms)
    shown_bias, shown_z = rounded(bias, decimals), rounded(z, decimals)
    others = shown_z - shown_bias
    for one in shown:
        others = _EXACT.subtract(others, one.product)
    shown_shift = None if shift is None else rounded(shift, decimals)
    pencil = _pencilled(activation, shown_z, shown_shift)
    equals = "≈"
    shown_a = significant(a, 2)
    for n in range(4, 0, -1):
        if math.isfinite(pencil) and significant(pencil, n) == significant(a, n):
            shown_a, equals = significant(a, n), "="
            break
    return Figures(
        layer,
        j,
        decimals,
        shown_bias,
        shown,
        n_others,
        n_zero,
        _quantized(others, decimals),
        shown_z,
        shown_a,
        activation,
        equals,
        shown_shift,
    )


def _pencilled(activation: Activation, z: Decimal, shift: Decimal | None) -> float:
    """Return what the function makes of the sum as it is shown."""
    if shift is not None:
        return math.exp(min(float(z - shift), 700.0))
    return float(activation(np.array([float(z)]))[0])


def number(value: Decimal, sign: str = "") -> str:
    """Return a figure for the eye: a real minus sign, powers of ten where it would be long."""
    plain = f"{abs(value):f}"
    if len(plain) > 14:
        mantissa, _, power = f"{abs(value):e}".partition("e")
        plain = f"{mantissa}e{power.lstrip('+')}"
    return (MINUS if value < 0 else sign) + plain
