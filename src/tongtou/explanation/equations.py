"""The figures of one neuron's equation written out, as text and as LaTeX."""

from __future__ import annotations

from decimal import Decimal

from tongtou.explanation.formulas import MINUS, Figures, number
from tongtou.i18n import text


def _bracketed(value: Decimal) -> str:
    return f"({number(value)})" if value < 0 else number(value)


def function_text(said: Figures) -> str:
    """Return the activation function with the weighted sum put in."""
    z, b = number(said.z), _bracketed(said.z)
    name = said.activation.name
    if name == "sigmoid":
        return f"1 / (1 + exp({number(-said.z)}))"
    if name == "relu":
        return f"max({z}, 0)"
    if name == "gelu":
        return f"{b} · Φ({z})"
    if name == "leaky_relu" and said.z <= 0:
        return f"{said.activation.parameter:g} · {b}"
    if name == "softmax" and said.shift is not None:
        return f"exp({z} {MINUS if said.shift >= 0 else '+'} {number(abs(said.shift))})"
    return z if name in ("linear", "leaky_relu") else f"{name}({z})"


def others_text(n: int, n_zero: int) -> str:
    """Return what stands beside the sum of the terms that are not shown."""
    if n == 0:
        return text("explain.rounding")
    if n_zero == 0:
        return text("explain.others", n=f"{n:,}")
    return text("explain.others_zero", n=f"{n:,}", n_zero=f"{n_zero:,}")


def as_text(said: Figures) -> str:
    """Return the equation as lines of text, one term a line."""
    head = f"z[{said.layer}][{said.j}] = "
    rows = [(number(said.bias), text("explain.bias"))]
    rows += [
        (number(one.product, "+"), f"= {_bracketed(one.w)} × {_bracketed(one.a)}   {one.label}")
        for one in said.terms
    ]
    if said.n_others or said.others:
        rows.append((number(said.others, "+"), others_text(said.n_others, said.n_zero)))
    width = max(len(figure) for figure, _ in rows)
    lines = [
        f"{head if k == 0 else ' ' * len(head)}{figure:>{width}}   {words}"
        for k, (figure, words) in enumerate(rows)
    ]
    lines.append(f"{'= ':>{len(head)}}{number(said.z):>{width}}")
    last = f"a[{said.layer}][{said.j}] = {function_text(said)}"
    lines.append(
        last if said.activation.name == "linear" else f"{last} {said.equals} {number(said.a)}"
    )
    return "\n".join(lines)


# ---------------------------------------------------------------- as LaTeX


def _tex(value: Decimal) -> str:
    mantissa, _, power = number(value).replace(MINUS, "-").partition("e")
    return mantissa + (rf" \times 10^{{{power}}}" if power else "")


def _tex_bracketed(value: Decimal) -> str:
    return f"({_tex(value)})" if value < 0 else _tex(value)


def function_latex(said: Figures) -> str:
    """Return the activation function with the weighted sum put in."""
    z, b = _tex(said.z), _tex_bracketed(said.z)
    name = said.activation.name
    if name == "sigmoid":
        return rf"\frac{{1}}{{1 + e^{{{_tex(-said.z)}}}}}"
    if name == "relu":
        return rf"\max({z}, 0)"
    if name == "gelu":
        return rf"{b} \cdot \Phi({z})"
    if name == "leaky_relu" and said.z <= 0:
        return rf"{said.activation.parameter:g} \cdot {b}"
    if name == "softmax" and said.shift is not None:
        return rf"e^{{{z} {'-' if said.shift >= 0 else '+'} {_tex(abs(said.shift))}}}"
    if name == "exp":
        return f"e^{{{z}}}"
    if name == "tanh":
        return rf"\tanh({z})"
    return z if name in ("linear", "leaky_relu") else rf"\operatorname{{{name}}}({z})"


def as_latex(said: Figures) -> str:
    """Return the equation in LaTeX, as MathJax and KaTeX take it: each value under its term."""
    index = f"^{{({said.layer})}}_{{{said.j}}}"
    summands = [rf"\underbrace{{{_tex(said.bias)}}}_{{\text{{{text('explain.bias')}}}}}"]
    for one in said.terms:
        factors = rf"{_tex_bracketed(one.w)} \cdot {_tex_bracketed(one.a)}"
        summands.append(rf"\underbrace{{{factors}}}_{{{_tex(one.product)}}}")
    if said.n_others or said.others:
        words = others_text(said.n_others, said.n_zero)
        summands.append(rf"\underbrace{{{_tex_bracketed(said.others)}}}_{{\text{{{words}}}}}")
    equals = r"\approx" if said.equals == "≈" else "="
    last = f"a{index} &= {function_latex(said)}"
    if said.activation.name != "linear":
        last += f" {equals} {_tex(said.a)}"
    return (
        r"\begin{aligned}"
        f"\nz{index} &= {' + '.join(summands)} = {_tex(said.z)} \\\\\n{last}\n"
        r"\end{aligned}"
    )
