"""How a network does on examples when it may say that it does not know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from tongtou.datasets import Dataset
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.terminal.console import LONGEST_LINE, heading, one_line, output, show, wrapped
from tongtou.terminal.tables import indented, names_and_values

if TYPE_CHECKING:
    from tongtou.honesty.risk import Promise


@dataclass(frozen=True)
class Abstaining:
    """What it said of n examples, and the promise that it was held to.

    Attributes
    ----------
    n_answered, n_wrong : int
        How many it answered, and how many of these wrongly.
    n_ambiguous, n_novel : int
        How many it would not tell apart, and how many it took for nothing that it had learnt.
    """

    n: int
    n_answered: int
    n_wrong: int
    n_ambiguous: int
    n_novel: int
    promise: Promise

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {**self.__dict__, "promise": self.promise.to_dict()}


def abstained(net: Network, data: Dataset, risk: float) -> Abstaining:
    """Put examples to a network behind its gates; their answers are known."""
    said = net.predict(data.X, abstain=risk)
    counts = {one: round(said.share(one) * len(said)) for one in ("ambiguous", "novel")}
    wrong = said.answered & (said.likeliest != data.y)
    return Abstaining(
        len(said),
        int(said.answered.sum()),
        int(wrong.sum()),
        counts["ambiguous"],
        counts["novel"],
        said.promise,
    )


def show_abstaining(found: Abstaining) -> None:
    """Show how many were answered, how many of these wrongly, and the two kinds of no answer."""
    heading(text("abstain.title", risk=f"{100 * found.promise.risk:g}"))
    share = found.n_wrong / found.n_answered if found.n_answered else 0.0
    rows = (
        (text("abstain.answered_name"), text(
            "abstain.answered",
            n=f"{found.n_answered:,}",
            share=f"{found.n_answered / found.n:.1%}",
            wrong=f"{found.n_wrong:,}",
            risk=f"{share:.2%}",
        )),
        (text("abstain.ambiguous_name"), _counted(found.n_ambiguous, found.n)),
        (text("abstain.novel_name"), _counted(found.n_novel, found.n)),
    )  # fmt: skip
    width = output().width
    show(names_and_values(rows, width))
    words = wrapped(one_line(found.promise.words()), min(width, LONGEST_LINE) - 2)
    show(indented(Text("\n".join(words), style="dim")))


def _counted(n: int, of: int) -> str:
    return text("abstain.counted", n=f"{n:,}", share=f"{n / of:.1%}")
