"""The time machine: states kept along a run, and what it takes to make any of its steps again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou.settings import checked_whole
from tongtou.training.legs import Kept, Leg
from tongtou.training.trail import Mark

if TYPE_CHECKING:
    from tongtou.network import Network


class Recording:
    """The states of one run, or of several that follow each other, at any step.

    `fit` keeps copies of the engine's state (parameters, and what the optimiser remembers) that it
    makes anyway to be able to undo a slice. Any other step is made once more from the copy before
    it, by the same engine with the same examples, rates and random numbers: bit for bit.

    Parameters
    ----------
    max_bytes : int
        What the copies may take together. When they would take more every second one is let go,
        so that they lie twice as far apart.

    Attributes
    ----------
    legs : list of Leg
        One for each call of `fit` that was given this recording: a change of settings on the way
        is a leg of its own.

    Raises
    ------
    ValueError
        max_bytes is no whole number from 1 on.

    Notes
    -----
    *Cost*: no copy is made for it, so training takes as long as without, within a few per cent.
    *Memory*: at most `max_bytes`, and the examples, which it holds on to; replaying packs them once
    more. A state is ``4 (1 + n_slots) n`` bytes in float32 with n the parameters and padding: 52 KB
    for the lesson's network and SGD. *Edits*: when a callback changes parameters, that is noticed,
    and a copy is kept at that step. *Not kept* by pickling, by `Network.save` and by checkpoints; a
    resumed run is recorded from where it was taken up.

    Examples
    --------
    >>> import tongtou as tt
    >>> from tongtou.training.tape import Recording
    >>> net, data = tt.Network([2, 3, 2]), ([[0.0, 1.0], [1.0, 0.0]], [0, 1])
    >>> tape = Recording()
    >>> first = tt.fit(net, data, optimizer=tt.SGD(1.0), batch_size=1, epochs=3, recording=tape)
    >>> second = tt.fit(net, data, optimizer=tt.SGD(0.1), batch_size=1, epochs=2, recording=tape)
    >>> tape.n_steps, bool((tape.at(10).layers[0].W == net.layers[0].W).all())
    (10, True)
    >>> [change["step"] for change in tape.changes()]
    [0, 6]
    """

    def __init__(self, max_bytes: int = 1 << 26) -> None:
        self.max_bytes = checked_whole("max_bytes", max_bytes, 1)
        self.legs: list[Leg] = []
        self._spacing = 0

    # ------------------------------------------------------------------ what it holds

    @property
    def n_steps(self) -> int:
        """Steps of all legs together."""
        return self.legs[-1].first + self.legs[-1].n_steps if self.legs else 0

    @property
    def n_bytes(self) -> int:
        """What the copies take."""
        return sum(mark.n_bytes for leg in self.legs for mark in leg.marks)

    @property
    def steps(self) -> list[int]:
        """The steps whose states are kept, counted over all legs."""
        return sorted({leg.first + mark.step for leg in self.legs for mark in leg.marks})

    @property
    def earliest(self) -> int:
        """The first step that can be gone back to."""
        return self.steps[0] if self.legs else 0

    def changes(self) -> list[dict[str, Any]]:
        """Return what changed on the way, ready for JSON, in the order of the steps.

        Each has "step", and one of: "settings", those of `fit` that differ from the leg before (all
        of them at the start); "learning_rate", the new one, where a schedule reduced it for what
        it had observed; "edited", True, where a callback (or somebody between two calls of
        `fit`) set parameters by hand.
        """
        found: list[dict[str, Any]] = []
        before: dict[str, Any] = {}
        for leg in self.legs:
            now = leg.recipe
            other = {k: now.get(k) for k in {**before, **now} if before.get(k) != now.get(k)}
            here = [{"step": leg.first + leg.start, "settings": other}]
            if leg.edited_before:
                here.append({"step": leg.first + leg.start, "edited": True})
            here += [{"step": leg.first + m.step, "edited": True} for m in leg.marks if m.edited]
            here += [
                {"step": leg.first + step, "learning_rate": rate} for step, rate in leg.reductions()
            ]
            found += sorted(here, key=lambda one: int(one["step"]))
            before = now
        return found

    # ------------------------------------------------------------------ going back

    def at(self, step: int) -> Network:
        """Return the network as it was after this many steps, counted over all legs.

        Raises
        ------
        ValueError
            There is no such step, or nothing was kept of it, or another kernel is in use.
        DataError
            The examples are not what they were while training.
        """
        leg = self._leg_of(checked_whole("step", step, 0))
        return leg.at(step - leg.first)

    def _leg_of(self, step: int) -> Leg:
        """Return the last leg that has begun at this step."""
        for leg in reversed(self.legs):
            if step >= leg.first + leg.start or leg is self.legs[0]:
                return leg
        raise ValueError("nothing was recorded yet; give the recording to tt.fit first.")

    def walk(
        self, every: int = 1, first: int | None = None, last: int | None = None
    ) -> Iterator[tuple[int, Network]]:
        """Go through the run: every so many steps, the step and the network as it was after it.

        The first and the last are visited, and between them the multiples of `every`.

        Parameters
        ----------
        every : int
            1 for each step.
        first, last : int, optional
            By default the earliest there is, and the end.

        Yields
        ------
        step, network
            It is the same Network each time, moved on: take a `copy` of what is to stay.
        """
        every = checked_whole("every", every, 1)
        begin = self.earliest if first is None else checked_whole("first", first, 0)
        end = self.n_steps if last is None else checked_whole("last", last, begin)
        steps = [begin, *range(begin - begin % every + every, end, every), end]
        for step in dict.fromkeys(steps):
            leg = self._leg_of(step)
            yield step, leg.player.go(step - leg.first)

    def course_of(
        self, layer: int, name: str, index: tuple[int, ...]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the steps whose states are kept, and the last; what one parameter was at each.

        Parameters
        ----------
        layer : int
            1 … L.
        name : "W" or "b"
        index : tuple of int
            (j, i) of a weight, (j,) of a bias.

        Notes
        -----
        Read from the states as they are, nothing is made again; `walk` goes from step to step.
        """
        found = {}
        for leg in self.legs:
            for mark in leg.marks:
                theta = mark.snapshot[0]
                pair = leg.net.blueprint.views(theta)[layer - 1]
                found[leg.first + mark.step] = float(pair[0 if name == "W" else 1][index])
        last = self.legs[-1] if self.legs else None
        if last and last.final == last.now():
            theta = getattr(last.net.layers[layer - 1], name)
            found[self.n_steps] = float(theta[index])
        steps = sorted(found)
        return np.array(steps, np.int64), np.array([found[step] for step in steps], np.float64)

    def verify(self) -> int:
        """Make the whole run once more and compare it with every copy; return the steps made.

        Raises
        ------
        DataError
            A copy differs: the examples, or the machine, are not what they were.
        """
        return sum(leg.player.verify() for leg in self.legs)

    def __repr__(self) -> str:
        return (
            f"Recording({self.n_steps:,} steps in {len(self.legs)} legs, {len(self.steps)} states, "
            f"{self.n_bytes:,} of {self.max_bytes:,} bytes)"
        )

    # ------------------------------------------------------------------ while training

    def begin(self, leg: Leg, snapshot: Any) -> None:
        """Take up a new leg, whose state this is."""
        mark = Kept(leg.history.n_steps, snapshot)
        if mark.n_bytes > self.max_bytes:
            raise ValueError(
                f"max_bytes of the recording must be at least {mark.n_bytes:,}, what one state of "
                f"this network takes; it is {self.max_bytes:,}."
            )
        if self.legs:
            leg.first = self.n_steps
            leg.edited_before = self.legs[-1].final != leg.now()
        leg.start, leg.tape = mark.step, self
        leg.marks.append(mark)
        self.legs.append(leg)
        self._make_room()

    def keep(self, mark: Mark) -> None:
        """Keep a state of the leg under way, if it is time to."""
        leg = self.legs[-1]
        if mark.step >= leg.marks[-1].step + max(1, self._spacing):
            leg.marks.append(Kept(mark.step, mark.snapshot))
            self._make_room()

    def edited(self, step: int, snapshot: Any) -> None:
        """Keep the state of this step, whose parameters somebody has set."""
        leg = self.legs[-1]
        leg.drop_from(step)
        leg.marks.append(Kept(step, snapshot, edited=True))
        self._make_room()

    def _make_room(self) -> None:
        """Let states go until what is left takes at most `max_bytes`; the last one stays."""
        while self.n_bytes > self.max_bytes:
            loose = [(leg, mark) for leg in self.legs for mark in leg.marks[1:] if not mark.edited]
            if len(loose) > 1:
                for leg, mark in loose[::2]:
                    leg.marks.remove(mark)
                room = max(1, self.max_bytes // loose[-1][1].n_bytes)
                self._spacing = -(-2 * (self.n_steps - self.earliest) // room)
            else:  # starts and edits alone: what came first is forgotten
                oldest = next(leg for leg in self.legs if leg.marks)
                oldest.marks.pop(0)
