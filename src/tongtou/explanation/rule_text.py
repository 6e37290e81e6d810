"""The chain rule of one parameter with its numbers put in, as text and as LaTeX.

Figures add up as shown: each product is the rounded product of its factors as they are shown, and
what is left over stands in a line of its own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from tongtou.explanation.equations import others_text
from tongtou.explanation.formulas import (
    decimals_for,
    number,
    rounded,
    shown_product,
    significant,
)

if TYPE_CHECKING:
    from tongtou.explanation.rule import ChainRule


def formula(rule: ChainRule, example: int, n_terms: int, latex: bool) -> str:
    """Return `ChainRule.formula`."""
    write = _Latex() if latex else _Text()
    layer, j = rule.layer, rule.j
    lines = []
    slope, arriving = rule.slope(example), rule.arriving(example)
    delta, a = float(rule.delta[example]), float(rule.a[example])
    terms = rule.terms(example)
    if terms:
        decimals = decimals_for([t.product for t in terms], arriving)
        products = [shown_product("", t.w, t.delta, decimals) for t in terms[:n_terms]]
        total = rounded(arriving, decimals)
        rest = total - sum((one.product for one in products), Decimal(0))
        rows = [
            (one.product, f"{write.times(one.w, one.a)} = {write.back(layer, t.k, j)}")
            for one, t in zip(products, terms, strict=False)
        ]
        n_left = len(terms) - len(products)
        if n_left or rest:
            n_zero = sum(t.product == 0 for t in terms[n_terms:])
            rows.append((rest, write.words(others_text(n_left, n_zero))))
        lines += write.total(write.dC("a", layer, j), rows, total)
    elif slope is not None:
        lines.append(f"{write.dC('a', layer, j)} {write.equals} {write.figure(_short(arriving))}")
    if slope is not None:
        product = shown_product("", slope, arriving, decimals_for([delta], delta))
        shown = f"{write.times(product.w, product.a)} = {write.figure(product.product)}"
        meaning = f"f'({write.z(layer, j)}) {write.dot} {write.dC('a', layer, j)}"
        lines.append(f"{write.delta(layer, j)} {write.equals} {meaning} = {shown}")
    else:
        joint = f"{write.dC('z', layer, j)} = {write.figure(_short(delta))}"
        lines.append(f"{write.delta(layer, j)} {write.equals} {joint}")
    name = write.dC(rule.name, layer, *rule.index)
    if rule.name == "b":
        shown = write.figure(_short(delta))
        lines.append(f"{name} {write.equals} {write.delta(layer, j)} = {shown}")
    else:
        push = float(rule.pushes[example])
        product = shown_product("", delta, a, decimals_for([push], push))
        meaning = f"{write.delta(layer, j)} {write.dot} {write.a(layer - 1, rule.index[1])}"
        shown = f"{write.times(product.w, product.a)} = {write.figure(product.product)}"
        lines.append(f"{name} {write.equals} {meaning} = {shown}")
    return write.whole(lines)


def _short(value: float) -> Decimal:
    return significant(value, 4)


class _Text:
    equals, dot = "=", "·"

    def figure(self, value: Decimal) -> str:
        return number(value)

    def times(self, one: Decimal, other: Decimal) -> str:
        return " × ".join(f"({number(v)})" if v < 0 else number(v) for v in (one, other))

    def words(self, said: str) -> str:
        return said

    def dC(self, what: str, layer: int, *index: int) -> str:
        return f"dC/d{what}[{layer}][{', '.join(map(str, index))}]"

    def delta(self, layer: int, j: int) -> str:
        return f"delta[{layer}][{j}]"

    def z(self, layer: int, j: int) -> str:
        return f"z[{layer}][{j}]"

    def a(self, layer: int, i: int) -> str:
        return f"a[{layer}][{i}]"

    def back(self, layer: int, k: int, j: int) -> str:
        return f"W[{layer + 1}][{k}, {j}] · delta[{layer + 1}][{k}]"

    def total(self, name: str, rows: list[tuple[Decimal, str]], total: Decimal) -> list[str]:
        signed = [number(value, "+" if k else "") for k, (value, _) in enumerate(rows)]
        width = max(map(len, [*signed, number(total)]))
        head = f"{name} = "
        lines = [
            f"{head if k == 0 else ' ' * len(head)}{figure:>{width}}   {words}"
            for k, (figure, (_, words)) in enumerate(zip(signed, rows, strict=True))
        ]
        return [*lines, f"{'= ':>{len(head)}}{number(total):>{width}}"]

    def whole(self, lines: list[str]) -> str:
        return "\n".join(lines)


class _Latex(_Text):
    equals, dot = "&=", r"\cdot"

    def figure(self, value: Decimal) -> str:
        mantissa, _, power = number(value).replace("−", "-").partition("e")
        return mantissa + (rf" \times 10^{{{power}}}" if power else "")

    def times(self, one: Decimal, other: Decimal) -> str:
        both = [f"({self.figure(v)})" if v < 0 else self.figure(v) for v in (one, other)]
        return r" \cdot ".join(both)

    def words(self, said: str) -> str:
        return rf"\text{{{said}}}"

    def dC(self, what: str, layer: int, *index: int) -> str:
        below = rf"{what}^{{({layer})}}_{{{','.join(map(str, index))}}}"
        return rf"\frac{{\partial C}}{{\partial {below}}}"

    def delta(self, layer: int, j: int) -> str:
        return rf"\delta^{{({layer})}}_{{{j}}}"

    def z(self, layer: int, j: int) -> str:
        return f"z^{{({layer})}}_{{{j}}}"

    def a(self, layer: int, i: int) -> str:
        return f"a^{{({layer})}}_{{{i}}}"

    def back(self, layer: int, k: int, j: int) -> str:
        return rf"W^{{({layer + 1})}}_{{{k},{j}}} {self.delta(layer + 1, k)}"

    def total(self, name: str, rows: list[tuple[Decimal, str]], total: Decimal) -> list[str]:
        summands = [
            rf"\underbrace{{{f'({self.figure(v)})' if v < 0 else self.figure(v)}}}_{{{words}}}"
            for v, words in rows
        ]
        return [f"{name} &= {' + '.join(summands)} = {self.figure(total)}"]

    def whole(self, lines: list[str]) -> str:
        body = " \\\\\n".join(lines)
        return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"
