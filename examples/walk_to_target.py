"""A figure walks to its target, down the gradient of its distance, and obstacles get in its way.

    U(p) = |p - target| + sum over the obstacles of h · exp(-|p - o|² / 2 s²)
    p = p - eta · dU/dp

Without obstacles every way leads there. Obstacles that stand close together make a pocket: a local
minimum, where the pull of the target and the push of the obstacles are equal. There is no network
here; the valley is two-dimensional, so that one can see what descent does in 13,002 dimensions.

    python examples/walk_to_target.py [--lang zh] [--out picture.png]
"""

from __future__ import annotations

import numpy as np
from page import BLUE, GREEN, INK, ORANGE, Page

TARGET = np.array([9.0, 5.0])
# A wall bent around the way, open to the left: a pocket.
WALL = np.array([[4.6, 3.2], [5.5, 3.7], [5.9, 4.6], [5.9, 5.6], [5.5, 6.5], [4.6, 7.0]])
HEIGHT, WIDTH = 1.6, 0.55
PACE, STEPS, ARRIVED = 0.05, 1500, 0.3


def height(p: np.ndarray, wall: np.ndarray) -> np.ndarray:
    """Return U at points (…, 2)."""
    away = np.linalg.norm(p - TARGET, axis=-1)
    for o in wall:
        away = away + HEIGHT * np.exp(-np.square(p - o).sum(-1) / (2 * WIDTH**2))
    return away


def slope(p: np.ndarray, wall: np.ndarray) -> np.ndarray:
    """Return dU/dp at points (n, 2). The distance itself has a slope of 1 everywhere."""
    away = p - TARGET
    total = away / np.maximum(np.linalg.norm(away, axis=-1, keepdims=True), 1e-12)
    for o in wall:
        from_o = p - o
        push = HEIGHT * np.exp(-np.square(from_o).sum(-1, keepdims=True) / (2 * WIDTH**2))
        total = total - push * from_o / WIDTH**2
    return total


def walk(
    start: np.ndarray, wall: np.ndarray, *, momentum: float = 0.0, shaking: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the ways (STEPS + 1, n, 2) from n starts, and which of them came to the target.

    v = momentum · v - PACE · (slope + shaking that dies away);  p = p + v
    """
    rng = np.random.default_rng(0)
    p, v = start.copy(), np.zeros_like(start)
    there = np.zeros(len(p), bool)
    way = [p]
    for step in range(STEPS):
        noise = shaking * (1 - step / STEPS) * rng.normal(size=p.shape)
        v = momentum * v - PACE * (slope(p, wall) + noise)
        p = np.where(there[:, None], p, p + v)
        there |= np.linalg.norm(p - TARGET, axis=1) < ARRIVED
        way.append(p)
    return np.array(way), there


def main(arguments: list[str] | None = None) -> dict:
    """Compute, print, draw; return the numbers."""
    page = Page(arguments, __file__)
    t = page.t
    n = 100 if page.quick else 400
    start = np.random.default_rng(1).uniform([0, 0], [4, 10], (n, 2))
    nothing = WALL[:0]
    cases = {
        "free": (t("no obstacles", "没有障碍"), nothing, {}),
        "wall": (t("obstacles", "有障碍"), WALL, {}),
        "momentum": (t("obstacles, momentum 0.95", "有障碍，动量 0.95"), WALL, {"momentum": 0.95}),
        "shaking": (t("obstacles, shaken", "有障碍，加抖动"), WALL, {"shaking": 5.0}),
    }
    walks = {key: walk(start, wall, **how) for key, (_, wall, how) in cases.items()}
    page.say(
        f"\n{n} figures set out from the left of the plane, down the gradient of U.",
        f"\n{n} 个小人从平面左边出发，沿 U 的梯度往下走。",
    )
    head = [
        t("way of walking", "走法"),
        t("arrived", "走到"),
        t("stuck in the pocket", "困在口袋里"),
    ]
    head += [t("steps of those who arrived", "走到的人用的步数")]
    lines, result = [], {}
    for key, (name, wall, _) in cases.items():
        way, there = walks[key]
        took = (np.linalg.norm(way - TARGET, axis=2) >= ARRIVED).sum(0)[there]
        # Stuck: at rest, the slope gone, and still far from the target.
        at_rest = np.linalg.norm(slope(way[-1], wall), axis=1) < 0.1
        stuck = float((~there & at_rest).mean())
        result[key] = {"arrived": float(there.mean()), "stuck": stuck}
        lines.append([name, f"{there.mean():.0%}", f"{stuck:.0%}", f"{np.median(took):.0f}"])
    page.table(head, lines)
    page.say(
        "  A local minimum holds whoever only ever goes down. Momentum rolls some out of it, and\n"
        "  shaking that dies away frees more. In networks of many weights bad pockets are rarer\n"
        "  than in this plane: with so many directions, one usually still goes down.\n",
        "  只会往下走的人，会被局部最低点困住。动量能让一部分人滚出来，慢慢减弱的抖动救出更多。\n"
        "  权重很多的网络里，坏的口袋比平面上少：方向那么多，总有一个还能往下。\n",
    )
    draw(page, walks, start)
    result["stuck_at"] = walks["wall"][0][-1][~walks["wall"][1]].mean(0).tolist()
    return result


def draw(page: Page, walks: dict, start: np.ndarray) -> None:
    """Draw the valley, and the ways of a few."""
    t = page.t
    across, up = np.linspace(-0.5, 10.5, 221), np.linspace(0, 10, 201)
    plane = np.stack(np.meshgrid(across, up), -1)
    titles = {
        "free": t("No obstacles", "没有障碍"),
        "wall": t("Obstacles: a pocket", "有障碍：一个口袋"),
        "momentum": t("With momentum", "带动量"),
    }
    few = np.argsort(np.abs(start[:, 0] - 1.2))[:60]
    few = few[np.argsort(start[few, 1])][::6]  # ten, from the bottom to the top
    with page.picture(9.5, 3.3) as figure:
        for ax, (key, title) in zip(
            figure.subplots(1, 3, sharey=True), titles.items(), strict=True
        ):
            wall = WALL[:0] if key == "free" else WALL
            U = height(plane, wall)
            ax.contourf(across, up, U, 24, cmap="Greys", alpha=0.5)
            way, there = walks[key]
            for one in few:
                colour = BLUE if there[one] else ORANGE
                ax.plot(*way[:, one].T, color=colour, linewidth=1.2, alpha=0.9)
                ax.plot(*way[0, one], "o", color="white", markeredgecolor=INK, markersize=4)
                if not there[one]:
                    ax.plot(*way[-1, one], "X", color=ORANGE, markersize=8, markeredgecolor="white")
            ax.plot(*TARGET, "*", color=GREEN, markersize=18, markeredgecolor="white", zorder=5)
            share = f"{there.mean():.0%}"
            ax.set_title(t(f"{title}: {share} arrive", f"{title}：走到 {share}"), fontsize=11)
            ax.set_aspect("equal")
            ax.set_xlim(-0.5, 10.5)
            ax.set_ylim(0, 10)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.grid(False)


if __name__ == "__main__":
    main()
