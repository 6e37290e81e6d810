"""The figures of `Why` as they are shown: they add up as a reader with a pencil finds them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from tongtou.explanation.equations import others_text
from tongtou.explanation.formulas import (
    MINUS,
    decimals_for,
    number,
    rounded,
    significant,
)
from tongtou.i18n import text

if TYPE_CHECKING:
    from tongtou.explanation.pulls import Pulls
    from tongtou.explanation.why import Why


@dataclass(frozen=True)
class ShownPulls:
    """``pull_for + pull_against = net`` and ``pull_for - pull_against = gross``, as shown."""

    pull_for: Decimal
    pull_against: Decimal
    gross: Decimal
    net: Decimal


@dataclass(frozen=True)
class WhyFigures:
    """``z_p - z_q = net`` and ``sum of terms + others = net``, exactly, as shown.

    Attributes
    ----------
    z_p, z_q : Decimal
        The kernel's weighted sums; z_q is 0 where there is one output.
    terms : tuple of (str, Decimal)
        The bias and the largest blocks, by size.
    n_others, n_zero : int
        How many terms are not shown, and how many of these are 0.
    others : Decimal
        What they come to; where there are none, what rounding left over.
    pulls : ShownPulls
        Of the blocks and the bias.
    inputs : ShownPulls
        Of the inputs.
    on_reference : Decimal
        ``on_reference + inputs.net = net``.
    """

    z_p: Decimal
    z_q: Decimal
    net: Decimal
    terms: tuple[tuple[str, Decimal], ...]
    n_others: int
    n_zero: int
    others: Decimal
    pulls: ShownPulls
    inputs: ShownPulls
    on_reference: Decimal


def why_figures(why: Why, n_terms: int, digits: int) -> WhyFigures:
    """Return the figures of a `Why`; see there."""
    if n_terms < 0 or not 1 <= digits <= 12:
        raise ValueError(
            "expected n_terms from 0 on and digits from 1 to 12; "
            f"got n_terms={n_terms} and digits={digits}."
        )
    pulls, n_zero = why.terms, int((why.terms.values == 0).sum())
    if pulls.n == n_terms + 1 and n_terms:
        n_terms += 1  # one more line says more than "the other term"
    if n_terms < pulls.n:
        n_terms = min(n_terms, pulls.n - n_zero)  # terms of 0 need no lines
    largest = pulls.largest(n_terms)
    z_p, z_q = why.weighted_sums
    decimals = decimals_for([z_p, z_q, *(value for _, value in largest.terms)], z_p - z_q, digits)
    shown_p, shown_q = rounded(z_p, decimals), rounded(z_q, decimals)
    net = shown_p - shown_q
    terms = tuple((why.label(k), rounded(value, decimals)) for k, value in largest.terms)
    others = net - sum((value for _, value in terms), Decimal(0))
    n_zero_left = n_zero if largest.n_others else 0
    on_reference = rounded(why.on_reference, decimals)
    return WhyFigures(
        shown_p,
        shown_q,
        net,
        terms,
        largest.n_others,
        n_zero_left,
        others,
        _shown(pulls, net, decimals),
        _shown(why.inputs, net - on_reference, decimals),
        on_reference,
    )


def _shown(pulls: Pulls, net: Decimal, decimals: int) -> ShownPulls:
    # Where everything pulls against, net is all of it: no pull for is to come from rounding.
    against = rounded(pulls.pull_against, decimals) if pulls.pull_for else net
    return ShownPulls(net - against, against, net - 2 * against, net)


def as_text(why: Why, said: WhyFigures) -> str:
    """Return the lines that `str` shows of a `Why`."""
    names = {"answer": why.answer, "over": why.over}
    if why.has_one_output:
        lines = [text("explain.why_one", **names, net=number(said.net))]
    else:
        difference = f"{number(said.z_p)} {'+' if said.z_q < 0 else MINUS} {number(abs(said.z_q))}"
        lines = [text("explain.why", **names, difference=difference, net=number(said.net))]
    rows = [(number(value, "+"), label) for label, value in said.terms]
    if said.n_others or said.others:
        rows.append((number(said.others, "+"), others_text(said.n_others, said.n_zero)))
    width = max(len(figure) for figure, _ in rows) if rows else 0
    lines += [f"  {figure:>{width}}   {label}" for figure, label in rows]
    lines.append(_pulls_text("explain.pulls", said.pulls, **names))
    lines.append(
        _pulls_text("explain.pulls_inputs", said.inputs, **names)
        + text("explain.on_reference", value=number(said.on_reference, "+"))
    )
    return "\n".join(lines)


def _pulls_text(key: str, pulls: ShownPulls, answer: object, over: object) -> str:
    times = "∞"
    if pulls.net:
        times = number(significant(float(pulls.gross / abs(pulls.net)), 2))
    return text(
        key,
        answer=answer,
        over=over,
        pull_for=number(pulls.pull_for, "+"),
        pull_against=number(pulls.pull_against, "+"),
        gross=number(pulls.gross),
        net=number(pulls.net, "+"),
        times=times,
    )
