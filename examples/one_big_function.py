"""One big function: 784 numbers in, 10 numbers out, 13,002 knobs; kin of y = kx + b.

    y = kx + b                                          1 in,  1 out,      2 knobs
    a = σ(W3 σ(W2 σ(W1 x + b1) + b2) + b3)            784 in, 10 out, 13,002 knobs

The picture's rows are peeled off one after the other into a column of 784. Then knobs are turned:
one at a time, to see what a single one is worth; by hand, a hundred a day; and all at once, by
gradient descent.

    python examples/one_big_function.py [--lang zh] [--out picture.png]
"""

from __future__ import annotations

import time

import numpy as np
from page import BLUE, GREEN, INK, LINE, ORANGE, QUIET, Page

import tongtou as tt

A_DAY = 100
N_KNOBS = 13_002
LOOKED_AT = 1000
"""Digits that who turns by hand looks at after each turn."""


def function(x: np.ndarray, knobs: np.ndarray) -> np.ndarray:
    """Return ten numbers for 784 numbers and 13,002 knobs, with nothing but + · and σ."""

    def sigma(z: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-z))

    a, used = x, 0
    for n_in, n_out in ((784, 16), (16, 16), (16, 10)):
        W = knobs[used : used + n_in * n_out].reshape(n_out, n_in)
        b = knobs[used + n_in * n_out : used + n_in * n_out + n_out]
        a, used = sigma(W @ a + b), used + n_in * n_out + n_out
    return a


def knobs_of(net: tt.Network) -> np.ndarray:
    """Return the 13,002 parameters in one row, in the order that `function` takes them."""
    parts = [one for layer in net.layers for one in (layer.W.ravel(), layer.b)]
    return np.concatenate(parts).astype(np.float64)


def lesson(seed: int) -> tt.Network:
    """Return the network of the lesson with random knobs."""
    return tt.Network(
        [784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="sse", seed=seed
    )


def one_at_a_time(net: tt.Network, data: tt.Dataset, n: int) -> list[np.ndarray]:
    """Return, a layer each, how much accuracy changes when one weight is set to 0."""
    random = np.random.default_rng(0)
    before, found = net.accuracy(data), []
    for layer in net.layers:
        changes = []
        for place in random.choice(layer.W.size, min(n, layer.W.size), replace=False):
            at = np.unravel_index(place, layer.W.shape)
            kept = float(layer.W[at])
            layer.W[at] = 0.0
            changes.append(net.accuracy(data) - before)
            layer.W[at] = kept
        found.append(np.array(changes))
    return found


def by_hand(data: tt.Dataset, days: int) -> tuple[tt.Network, list[float]]:
    """Return the network after so many days, 100 knobs a day, and its accuracy after each.

    Each knob is turned once: up or down, whichever makes the loss less, or back if neither does.
    """
    net = lesson(0)
    random = np.random.default_rng(1)
    places = [
        (layer, name, place)
        for layer, one in enumerate(net.layers)
        for name in ("W", "b")
        for place in range(getattr(one, name).size)
    ]
    order, loss = random.permutation(len(places)), net.loss(data)
    right = [net.accuracy(data)]
    for day in range(days):
        for number in order[day * A_DAY : (day + 1) * A_DAY]:
            layer, name, place = places[number]
            knob = getattr(net.layers[layer], name)
            at = np.unravel_index(place, knob.shape)
            kept = float(knob[at])
            best = kept
            for turned in (kept + 0.5, kept - 0.5):
                knob[at] = turned
                after = net.loss(data)
                if after < loss:
                    best, loss = turned, after
            knob[at] = best
        right.append(net.accuracy(data))
    return net, right


def main(arguments: list[str] | None = None) -> dict:
    """Compute, print, draw; return the numbers."""
    page = Page(arguments, __file__)
    t = page.t
    mnist = tt.datasets.mnist()
    few = mnist.train[:LOOKED_AT]
    days = 6 if page.quick else N_KNOBS // A_DAY

    net = lesson(0)
    started = time.perf_counter()
    tt.fit(net, mnist.train, optimizer=tt.SGD(1.5), epochs=10, validation=5000, progress=False)
    seconds = time.perf_counter() - started
    page.say("\nKin of a straight line:", "\n直线的亲戚：")
    page.table(
        [t("function", "函数"), t("in", "输入"), t("out", "输出"), t("knobs", "旋钮")],
        [
            ["y = kx + b", 1, 1, 2],
            [t("one neuron, σ(w·x + b)", "一个神经元，σ(w·x + b)"), 784, 1, 785],
            ["784-16-16-10", 784, 10, f"{net.n_parameters:,}"],
        ],
    )
    x = mnist.test.X[0]
    said = function(x / 255, knobs_of(net))
    difference = float(np.abs(said - net.predict_proba(x)).max())
    page.say(
        f"  Written out in a dozen lines it says the same as the network, to {difference:.0e}.",
        f"  用十几行写出来，与网络说的相同，相差 {difference:.0e}。",
    )

    changes = one_at_a_time(net, mnist.train[:10_000], 40 if page.quick else 150)
    page.say(
        "\nOne weight set to 0, the others left alone; accuracy on 10,000 training digits:",
        "\n把一个权重置为 0，其余不动；10,000 个训练数字上的准确率：",
    )
    names = [t("hidden 1", "隐藏层 1"), t("hidden 2", "隐藏层 2"), t("output", "输出层")]
    page.table(
        [
            t("layer", "层"),
            t("weights", "权重"),
            t("tried", "试了"),
            t("typical change", "通常变化"),
            t("largest", "最大变化"),
        ],
        [
            [
                name,
                f"{layer.W.size:,}",
                len(one),
                points(t, np.median(np.abs(one))),
                points(t, np.abs(one).max()),
            ]
            for name, layer, one in zip(names, net.layers, changes, strict=True)
        ],
    )

    started = time.perf_counter()
    turned, course = by_hand(few, days)
    hand_s = time.perf_counter() - started
    hand, descent = turned.accuracy(mnist.test), net.accuracy(mnist.test)
    page.say(
        f"All knobs, {A_DAY} a day by hand: {N_KNOBS:,} / {A_DAY} = {N_KNOBS / A_DAY:.0f} days.",
        f"所有旋钮，每天用手拧 {A_DAY} 个：{N_KNOBS:,} / {A_DAY} = {N_KNOBS / A_DAY:.0f} 天。",
    )
    page.table(
        [t("who turns", "谁来拧"), t("takes", "用时"), t("test digits right", "测试数字答对")],
        [
            [t("nobody: random knobs", "不拧：随机"), "", f"{lesson(0).accuracy(mnist.test):.1%}"],
            [
                t(f"by hand, {days} days, each knob once", f"用手，{days} 天，每个拧一次"),
                t(f"{days} days", f"{days} 天"),
                f"{hand:.1%}",
            ],
            [t("gradient descent, all at once", "梯度下降，同时拧所有的"), f"{seconds:.1f} s",
             f"{descent:.1%}"],
        ],
    )  # fmt: skip
    steps = 10 * -(-55_000 // 32)
    page.say(
        f"  (The machine played the hand in {hand_s:.0f} s.) By hand one finds out what a knob\n"
        "  does by turning it. The gradient says it of all of them at once, for about the price\n"
        f"  of three looks at the digits, and {steps:,} times over.\n",
        f"  （这只“手”由机器来演，用了 {hand_s:.0f} 秒。）用手，要拧一下才知道一个旋钮管什么；\n"
        f"  梯度一次说出所有旋钮该往哪边拧，代价不过是多看两遍数字，而且说了 {steps:,} 次。\n",
    )
    draw(page, mnist.test.X[0].reshape(28, 28), changes, names, course, descent, seconds)
    return {
        "difference": difference,
        "changes": [np.abs(one).tolist() for one in changes],
        "days": days,
        "course": course,
        "hand": hand,
        "descent": descent,
        "peeled": np.array_equal(x, mnist.test.X[0].reshape(28, 28).ravel()),
    }


def points(t: object, share: float) -> str:
    """Return a change of accuracy in points."""
    return t(f"{100 * share:.2f} points", f"{100 * share:.2f} 个百分点")


def draw(
    page: Page,
    digit: np.ndarray,
    changes: list[np.ndarray],
    names: list[str],
    course: list[float],
    descent: float,
    seconds: float,
) -> None:
    """Draw the rows peeled off into a column, what single knobs do, and days of turning."""
    t = page.t
    with page.picture(10, 4.2) as figure:
        left, middle, right = figure.subfigures(1, 3, width_ratios=[1.05, 1, 1.1])
        peel(left, digit, t)
        ax = middle.subplots()
        random = np.random.default_rng(0)
        for place, (one, colour) in enumerate(zip(changes, (BLUE, ORANGE, GREEN), strict=True)):
            y = place + random.uniform(-0.24, 0.24, len(one))
            ax.scatter(100 * np.abs(one), y, s=9, color=colour, alpha=0.5, linewidth=0)
        ax.set_yticks(range(3), names, color=INK)
        ax.invert_yaxis()
        ax.set_xscale("symlog", linthresh=0.1)
        ax.set_xlim(0, 30)
        ax.set_xticks([0, 0.1, 1, 10], ["0", "0.1", "1", "10"])
        ax.set_xlabel(t("points of accuracy it moves", "准确率变化（百分点）"))
        ax.grid(axis="x", color=LINE)
        ax.grid(axis="y", visible=False)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_title(t("One knob set to 0", "一个旋钮置为 0"))
        ax = right.subplots()
        ax.plot(range(len(course)), course, color=ORANGE)
        ax.axhline(descent, color=GREEN, linewidth=1.6, linestyle="--")
        said = t(f"gradient descent, {seconds:.1f} s", f"梯度下降，{seconds:.1f} 秒")
        ax.text(
            len(course) - 1, descent - 0.02, said, color=GREEN, ha="right", va="top", weight="bold"
        )
        ax.text(len(course) * 0.55, course[len(course) // 2] - 0.05, t("by hand", "用手"),
                color=ORANGE, weight="bold", va="top")  # fmt: skip
        ax.set_ylim(0, 1)
        ax.set_yticks([0, 0.5, 1], ["0", "50 %", "100 %"])
        ax.set_xlim(left=0)
        ax.set_xlabel(t("days of 100 knobs", "天数，每天 100 个旋钮"))
        ax.set_title(t("Right, by days", "答对的，逐天"))


def peel(figure: object, digit: np.ndarray, t: object) -> None:
    """Draw the picture, three rows of it, and where these stand in the column of 784."""
    ax = figure.subplots()
    ax.set_title(t("Rows become a column", "一行行变成一列"))
    ax.imshow(digit, cmap="gray_r", extent=(0, 28, 28, 0))
    column = np.repeat(digit.reshape(-1, 1), 3, axis=1)
    ax.imshow(column, cmap="gray_r", extent=(36, 38.4, 28, 0), aspect="auto")
    for row, colour in ((9, ORANGE), (14, BLUE), (22, GREEN)):
        ax.add_patch(box(0, row, 28, 1, colour))
        ax.add_patch(box(36, row, 2.4, 1, colour))
        ax.plot([28, 36], [row + 0.5, row + 0.5], color=colour, linewidth=1)
        ax.text(39, row + 0.5, f"{28 * row}…{28 * row + 27}", color=colour, va="center", fontsize=8)
    ax.add_patch(box(0, 0, 28, 28, QUIET))
    ax.add_patch(box(36, 0, 2.4, 28, QUIET))
    ax.text(14, 29.6, "28 × 28", ha="center", va="top", color=QUIET)
    ax.text(37.2, 29.6, "784", ha="center", va="top", color=QUIET)
    ax.set_xlim(-0.5, 48)
    ax.set_ylim(32, -0.5)
    ax.set_aspect("equal")
    ax.axis("off")


def box(x: float, y: float, width: float, height: float, colour: str) -> object:
    """Return a frame."""
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=1.2)


if __name__ == "__main__":
    main()
