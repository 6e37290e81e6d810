"""What is asked of an explanation, and the answers, found before anything is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tongtou.explanation import Explanation
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.terminal.console import UserError, one_line
from tongtou.terminal.explain_example import Asked

_MOST_NAMES = 20


@dataclass(frozen=True)
class Wishes:
    """The options of `tongtou explain` that ask something."""

    answer: str | None = None
    over: str | None = None
    neuron: tuple[int, int] | None = None
    stroke: bool = False
    flip: bool = False
    to: str | None = None
    attribution: str | None = None

    @property
    def is_detailed(self) -> bool:
        """Whether something else is asked than why."""
        return self.neuron is not None or self.stroke or self.flip or self.attribution is not None


def answers_to(wishes: Wishes, e: Explanation, net: Network, asked: Asked) -> dict[str, Any]:
    """Return an answer for each question, in the order in which they are shown.

    Raises
    ------
    UserError
        There is no such class or neuron, or the question is not for this network.
    """
    if wishes.to is not None and not (wishes.stroke or wishes.flip):
        raise UserError(text("error.needs_change", option="--to"))
    found: dict[str, Any] = {}
    named = _named(wishes, net)
    first, second = named["--answer"], named["--over"]
    if net.is_classifier:
        if not wishes.is_detailed or wishes.answer is not None or wishes.over is not None:
            found["why"] = e.why(first, second)
    elif not wishes.is_detailed:
        found["attribution"] = e.attribution("integrated", of=first, quantity="a")
    if wishes.neuron is not None:
        _check_neuron(*wishes.neuron, net)
        found["neuron"] = e.neuron(*wishes.neuron)
    if named["--to"] is not None and str(named["--to"]) == str(e.answer):
        raise UserError(text("error.answer_already", name=one_line(e.answer)))
    if wishes.stroke:
        if not asked.is_picture:
            raise UserError(text("error.needs_picture", option="--stroke"))
        found["stroke"] = e.stroke(named["--to"])
    if wishes.flip:
        found["flip"] = e.flip(named["--to"])
    if wishes.attribution is not None:
        # one output says yes or no: there is none to subtract
        over = second if net.sizes[-1] > 1 else None
        found["attribution"] = e.attribution(wishes.attribution, of=first, over=over)
    return found


def _named(wishes: Wishes, net: Network) -> dict[str, Any]:
    """Return the classes that the options name, as the network has them."""
    given = {"--answer": wishes.answer, "--over": wishes.over, "--to": wishes.to}
    if not net.is_classifier:
        for option, wanted in (
            ("--over", wishes.over is not None),
            ("--stroke", wishes.stroke),
            ("--flip", wishes.flip),
        ):
            if wanted:
                raise UserError(text("error.needs_classes", option=option))
        return given | {"--answer": _target(wishes.answer, net)}
    known = net.classes or tuple(range(max(net.sizes[-1], 2)))
    found: dict[str, Any] = {}
    for option, name in given.items():
        same = [one for one in known if str(one) == name]
        if name is not None and not same:
            shown = ", ".join(one_line(one) for one in known[:_MOST_NAMES])
            raise UserError(text("error.no_such_answer", option=option, name=name, known=shown))
        found[option] = same[0] if same else None
    if found["--answer"] is not None and found["--answer"] == found["--over"]:
        raise UserError(text("error.same_answers", name=wishes.over))
    return found


def _target(name: str | None, net: Network) -> int | None:
    """Return the output that predicts this column of the table."""
    if name is None:
        return None
    target = getattr(net.preprocessing, "target", None)
    known = target.names if target is not None else tuple(map(str, range(net.sizes[-1])))
    if name not in known:
        shown = ", ".join(map(one_line, known))
        raise UserError(text("error.no_such_target", option="--answer", name=name, known=shown))
    return int(known.index(name))


def _check_neuron(layer: int, number: int, net: Network) -> None:
    if not 1 <= layer <= len(net.layers):
        raise UserError(text("error.no_such_layer", layer=layer, last=len(net.layers)))
    if number >= net.sizes[layer]:
        last = net.sizes[layer] - 1
        raise UserError(text("error.no_such_neuron", layer=layer, last=last, number=number))
