"""Searches for the smallest change: towards the boundary, and along it.

``d`` is a change, ``x + d`` where it leads; rows are searches that run side by side. The margin
m(x + d) is above 0 where the answer is the goal: for rivals the goal's score minus the highest
other, for a yes or no its distance from the threshold, towards the other side. Scores are the
weighted sums Z[L], whose slope does not vanish where outputs saturate.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tongtou.explanation.questions import Question
from tongtou.explanation.slopes import Slopes, Wide

Goals = NDArray[np.int64]

WALK: Final = 50
"""Steps towards the boundary."""
SLIDE: Final = 40
"""Most steps along it, where no number is given."""
SHARES: Final = np.array([1.0, 0.6, 0.3, 0.1, 0.03])
"""Parts of the way to the projection that are tried."""
BISECTIONS: Final = 20
ENOUGH: Final = 2e-5
"""A slide ends when no search gains this share in length any more."""


class Ground:
    """The surface around one example.

    Parameters
    ----------
    asked : Question
    low, high : ndarray, shape (n_in,)
        The range; -inf and inf are none.
    """

    def __init__(self, asked: Question, low: Wide, high: Wide) -> None:
        self.x = asked.x
        self.least, self.most = low - asked.x, high - asked.x
        self._slopes = Slopes(asked.net, through_steps=True)
        self._z1 = self._slopes.first(asked.x[None])  # (1, n_1)
        self._candidates = np.array(asked.candidates, np.int64)
        self._rivals = asked.rivals
        last = asked.net.layers[-1].activation.name
        # argmax and threshold are the same before a rising activation as behind it.
        self._from_outputs = last == "gelu" if asked.rivals else last not in ("sigmoid", "step")
        self._threshold = 0.5 if self._from_outputs else 0.0
        self._signs = np.where(np.asarray(asked.before) >= 0.5, -1.0, 1.0)

    # ------------------------------------------------------------------ margins

    def margins(self, first: Wide, goals: Goals) -> Wide:
        """Return m (n,) from Z[1] (n, n_1)."""
        Z, A = self._slopes.onward(first)
        return self._margins(A[-1] if self._from_outputs else Z[-1], goals)[0]

    def margins_and_slopes(self, d: Wide, goals: Goals) -> tuple[Wide, Wide]:
        """Return m (n,) and dm/dx (n, n_in)."""
        Z, A = self._slopes.onward(self._first(d))
        m, g = self._margins(A[-1] if self._from_outputs else Z[-1], goals)
        delta = self._slopes.through_output(Z, A, g) if self._from_outputs else g
        return m, self._slopes.to_input(self._slopes.back(Z, A, delta))

    def _first(self, d: Wide) -> Wide:
        return self._slopes.first(self.x + d)

    def _margins(self, scores: Wide, goals: Goals) -> tuple[Wide, Wide]:
        rows = np.arange(len(goals))
        g = np.zeros_like(scores)
        own = scores[rows, goals]
        if not self._rivals:
            g[rows, goals] = self._signs[goals]
            return self._signs[goals] * (own - self._threshold), g
        others = scores.copy()
        others[rows, goals] = -np.inf
        highest = others.argmax(axis=1)
        g[rows, goals], g[rows, highest] = 1.0, -1.0
        return own - others[rows, highest], g

    def nearest_goals(self, most: int) -> Goals:
        """Return the candidates, or of many those that seem nearest from here: -m / |dm/dx|."""
        goals = self._candidates
        if len(goals) <= most:
            return goals
        m, g = self.margins_and_slopes(np.zeros((len(goals), self.x.size)), goals)
        distance = -m / np.maximum(np.linalg.norm(g, axis=1), 1e-300)
        nearest: Goals = goals[np.argsort(distance, kind="stable")[:most]]
        return nearest

    # ------------------------------------------------------------------ to the boundary

    def walk(self, d: Wide, goals: Goals) -> tuple[Wide, NDArray[np.bool_]]:
        """Return a change beyond the boundary for each row, and whether it was found.

        Each step goes up the margin's slope, then back to a sphere around x that shrinks while
        the goal is reached and grows while it is not.
        """
        d = np.clip(d, self.least, self.most)
        best, length = d.copy(), np.full(len(d), np.inf)
        radius = np.zeros(len(d))
        for step in range(WALK):
            m, g = self.margins_and_slopes(d, goals)
            norm = np.linalg.norm(g, axis=1)
            size = np.linalg.norm(d, axis=1)
            better = (m > 0) & (size < length)
            best[better], length[better] = d[better], size[better]
            if step == 0:
                # To first order the boundary is this far; where the slope is small, unknown.
                radius = np.clip(-m / np.maximum(norm, 1e-12), 0.1, math.sqrt(self.x.size))
            grow = np.where(np.isfinite(length), 1.05, 1.3)
            radius = radius * np.where(m > 0, 0.95, grow)
            share = 0.05 + 0.65 * (1 + math.cos(math.pi * step / WALK)) / 2
            d = d + (share * radius / np.maximum(norm, 1e-300))[:, None] * g
            size = np.linalg.norm(d, axis=1)
            d *= (radius / np.maximum(size, 1e-300))[:, None]
            d = np.clip(d, self.least, self.most)
        return best, np.isfinite(length)

    def far_points(self, seed: int, n: int = 256) -> tuple[Wide, Goals]:
        """Return changes to even and random inputs that reach a goal, where slopes lead nowhere."""
        rng = np.random.default_rng([seed, 1])
        bounded = bool(np.isfinite(self.least).all() and np.isfinite(self.most).all())
        level = rng.random((n, 1))
        if bounded:
            noise = rng.random((n, self.x.size)) < level
            noise[: n // 2] = rng.random((n // 2, self.x.size)) < 0.5
            part = np.where(np.arange(n)[:, None] % 2, noise, level)
            far = self.least + part * (self.most - self.least)
        else:
            far = rng.normal(size=(n, self.x.size)) * 10.0 ** (6 * level - 3)
            far = np.clip(far, self.least, self.most)
        first = self._first(far)
        changes, goals = [far[:0]], [self._candidates[:0]]
        for goal in self._candidates:
            reached = far[self.margins(first, np.full(n, goal)) > 0]
            nearest = np.argsort(np.linalg.norm(reached, axis=1), kind="stable")[:3]
            changes.append(reached[nearest])
            goals.append(np.full(len(nearest), goal))
        return np.concatenate(changes), np.concatenate(goals)

    # ------------------------------------------------------------------ along the boundary

    def slide(self, d: Wide, goals: Goals, steps: int = SLIDE) -> Wide:
        """Return changes at the boundary, each the least that can be reached along it.

        x is projected onto the boundary's tangent at x + d, within the range; of several parts of
        the way there, each brought back to the boundary, the shortest is taken.
        """
        if not len(d):
            return d
        d = self._to_boundary(d, self._first(d), goals)
        n, n_in = d.shape
        for _ in range(steps):
            m, g = self.margins_and_slopes(d, goals)
            wanted = np.einsum("ni,ni->n", g, d) - m
            nearest = self.project(g, wanted)
            trials = d[:, None] + SHARES[:, None] * (nearest - d)[:, None]
            # A curved boundary lies a little behind its tangent, or before it.
            trials = np.concatenate([trials * 1.002, trials * 1.03], axis=1)
            trials = np.clip(trials, self.least, self.most).reshape(-1, n_in)
            per = len(trials) // n
            many = np.repeat(goals, per)
            first = self._first(trials)
            reached = self.margins(first, many) > 0
            trials[reached] = self._to_boundary(trials[reached], first[reached], many[reached])
            size = np.where(reached, np.linalg.norm(trials, axis=1), np.inf).reshape(n, per)
            least, before = size.argmin(axis=1), np.linalg.norm(d, axis=1)
            rows = np.arange(n)
            better = size[rows, least] < before
            d[better] = trials.reshape(n, per, n_in)[rows, least][better]
            gain = 1 - np.linalg.norm(d, axis=1) / np.maximum(before, 1e-300)
            if gain.max() < ENOUGH:
                break
        return d

    def _to_boundary(self, d: Wide, first: Wide, goals: Goals) -> Wide:
        """Return t d with the least t in 0 … 1, by halving, that still reaches the goal.

        Z[1] is linear in t, so that the first layer need not be evaluated again.
        """
        below, above = np.zeros(len(d)), np.ones(len(d))
        for _ in range(BISECTIONS):
            t = (below + above) / 2
            reached = self.margins(self._z1 + t[:, None] * (first - self._z1), goals) > 0
            above = np.where(reached, t, above)
            below = np.where(reached, below, t)
        return above[:, None] * d

    def project(self, g: Wide, wanted: Wide) -> Wide:
        """Return the least d within the range with g·d ≥ wanted; where there is none, the best.

        d = clip(λ g): the sum g·d rises with λ, in straight pieces that get flatter, so that
        Newton's steps from 0 never pass the solution.
        """
        scale = np.zeros(len(g))
        d = np.zeros_like(g)
        wanted = np.maximum(wanted, 0)
        for _ in range(30):
            raw = scale[:, None] * g
            d = np.clip(raw, self.least, self.most)
            missing = wanted - np.einsum("ni,ni->n", g, d)
            rise = np.where((raw >= self.least) & (raw <= self.most), g * g, 0).sum(axis=1)
            if not (missing > 1e-12 * np.maximum(wanted, 1e-300)).any():
                break
            scale = scale + np.where(rise > 0, np.maximum(missing, 0) / np.maximum(rise, 1e-300), 0)
        return d
