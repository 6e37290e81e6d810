"""One neuron by hand: two inputs, two weights, a sigmoid, and the chain rule with its numbers.

A cook asks guests how much they like a lemonade, from 0 to 1, by spoons of sugar and of lemon.

    z = w1 x1 + w2 x2        a = 1 / (1 + e^-z)        S(w) = sum over the guests of (a - y)²
    dS/dw1 = sum of 2 (a - y) · a (1 - a) · x1         Δw = -η S'(w)

Then a bias, and a second layer in front: the x of one layer is the output of the one before.

    python examples/one_neuron_by_hand.py [--lang zh] [--out picture.png]
"""

from __future__ import annotations

import math

import numpy as np
from page import BLUE, GREEN, INK, ORANGE, Page

import tongtou as tt

GUESTS = [  # spoons of sugar, spoons of lemon, liked
    (1, 1, 0.60),
    (2, 1, 0.80),
    (3, 2, 0.85),
    (1, 3, 0.20),
    (2, 3, 0.45),
    (4, 1, 0.70),
]
TOO_SWEET = [(6, 1, 0.25), (7, 2, 0.20)]
START = (-1.0, 1.0)
GRADIENT_SMALL, LOSS_FLAT, STEP_LIMIT = 5e-3, 2e-6, 2000


def sigmoid(z: float) -> float:
    """Return a = 1 / (1 + e^-z)."""
    return 1 / (1 + math.exp(-z))


def one_step(w1: float, w2: float) -> tuple[float, float, float, list[tuple[float, ...]]]:
    """Return S, dS/dw1, dS/dw2 and each guest's numbers on the way there."""
    S, slope1, slope2, rows = 0.0, 0.0, 0.0, []
    for x1, x2, y in GUESTS:
        z = w1 * x1 + w2 * x2
        a = sigmoid(z)
        dS_da = 2 * (a - y)
        da_dz = a * (1 - a)
        part1, part2 = dS_da * da_dz * x1, dS_da * da_dz * x2  # dz/dw1 = x1, dz/dw2 = x2
        S, slope1, slope2 = S + (a - y) ** 2, slope1 + part1, slope2 + part2
        rows.append((x1, x2, y, z, a, dS_da, da_dz, part1, part2))
    return S, slope1, slope2, rows


def descend(start: tuple[float, float], eta: float) -> tuple[str, list[tuple[float, float, float]]]:
    """Walk down S until one of the three exits of the loop; return which, and (w1, w2, S)."""
    (w1, w2), before, path = start, math.inf, []
    while True:
        S, slope1, slope2, _ = one_step(w1, w2)
        path.append((w1, w2, S))
        if math.hypot(slope1, slope2) < GRADIENT_SMALL:
            return "gradient small", path
        if abs(before - S) < LOSS_FLAT:
            return "loss flat", path
        if len(path) > STEP_LIMIT:
            return "step limit", path
        w1, w2, before = w1 - eta * slope1, w2 - eta * slope2, S


def layered() -> dict[str, float | str]:
    """Return S, and the exit, of two networks that learnt from all guests, the last two too."""
    table = np.array(GUESTS + TOO_SWEET)
    X, y = table[:, :2], table[:, 2:]
    reached = {}
    exits = [tt.GradientSmall(1e-4), tt.LossFlat(1e-9, patience=100), tt.StepLimit(6000)]
    for name, sizes in (("neuron", [2, 1]), ("layers", [2, 3, 1])):
        net = tt.Network(sizes, loss="sse", seed=1, dtype="float64")
        # C is the mean over the guests and S their sum: S = n C
        descent = tt.GradientDescent(1.0)  # every step sees all guests
        history = tt.fit(net, (X, y), optimizer=descent, epochs=6000, stop=exits, progress=False)
        reached[f"{name} left by"] = history.stopped_by
        reached[name] = len(X) * net.loss(X, y)
        if name == "layers":
            reached["disagreement"] = chain_rule_of_two_layers(net, X, y)
    return reached


def chain_rule_of_two_layers(net: tt.Network, X: np.ndarray, y: np.ndarray) -> float:
    """Return the largest difference between dS/dv written out and backpropagation's."""
    v, w = net.layers[0], net.layers[1].W[0]
    worst = 0.0
    found = len(X) * net.gradients(X, y)[0].W
    for j in range(v.n_out):
        for i in range(v.n_in):
            slope = 0.0
            for x, target in zip(X, y[:, 0], strict=True):
                h = [sigmoid(v.W[k] @ x + v.b[k]) for k in range(v.n_out)]  # the layer in front
                a = sigmoid(float(w @ h) + net.layers[1].b[0])
                slope += 2 * (a - target) * a * (1 - a) * w[j] * h[j] * (1 - h[j]) * x[i]
            worst = max(worst, abs(slope - found[j, i]))
    return worst


def main(arguments: list[str] | None = None) -> dict:
    """Compute, print, draw; return the numbers."""
    page = Page(arguments, __file__)
    t = page.t
    page.say(
        "\nOne neuron, no bias: how much is a lemonade liked? The first step from w = (-1, 1).",
        "\n一个神经元，没有偏置：柠檬水有多讨人喜欢？从 w = (-1, 1) 出发的第一步。",
    )
    S, slope1, slope2, rows = one_step(*START)
    head = [t("sugar x1", "糖 x1"), t("lemon x2", "柠檬 x2"), t("liked y", "喜欢 y")]
    head += ["z", "a", "2(a−y)", "a(1−a)", "dS/dw1", "dS/dw2"]
    page.table(head, [[*row[:3], *(f"{one:.3f}" for one in row[3:])] for row in rows])
    print(f"  S = {S:.4f}    dS/dw1 = {slope1:.4f}    dS/dw2 = {slope2:.4f}".replace("-", "−"))
    for name, slope in (("w1", slope1), ("w2", slope2)):
        print(f"  Δ{name} = −0.1 · ({slope:.4f}) = {-0.1 * slope:.4f}".replace("-", "−"))

    net = tt.Network([2, 1], dtype="float64")
    net.layers[0].W = [START]
    data = np.array(GUESTS)
    known = len(data) * net.gradients(data[:, :2], data[:, 2:])[0].W[0]
    said = f"({known[0]:.4f}, {known[1]:.4f})".replace("-", "−")
    page.say(f"  Tongtou's backpropagation says {said}.", f"  通透的反向传播算得 {said}。")

    runs = {
        "small": (t("η = 0.001, too small", "η = 0.001，太小"), START, 0.001),
        "right": (t("η = 0.1", "η = 0.1，合适"), START, 0.1),
        "large": (t("η = 2, too large", "η = 2，太大"), START, 2.0),
        "tiny": (t("η = 0.000001, far too small", "η = 0.000001，小得离谱"), START, 1e-6),
        "saturated": (t("η = 0.1, start saturated", "η = 0.1，起点饱和"), (5.0, 4.0), 0.1),
    }
    exits = {
        "gradient small": t("gradient small", "梯度够小"),
        "loss flat": t("loss flat", "损失不再变化"),
        "step limit": t("step limit", "到了步数上限"),
    }
    walked = {key: descend(start, eta) for key, (_, start, eta) in runs.items()}
    head = [t("rate", "学习率"), t("left the loop by", "怎样退出循环")]
    head += [t("steps", "步数"), t("S at the end", "最后的 S"), "w1", "w2"]
    lines = []
    for key, (name, _, _) in runs.items():
        left_by, path = walked[key]
        w1, w2, S_end = path[-1]
        lines.append(
            [name, exits[left_by], len(path) - 1, f"{S_end:.4f}", f"{w1:.3f}", f"{w2:.3f}"]
        )
    page.table(head, lines)
    page.say(
        "  The last two stop at once, far from the bottom: a tiny rate makes the loss look flat,\n"
        "  and where the sigmoid is saturated a(1−a) is almost 0: a large error, a tiny step.\n"
        "  Leaving the loop is not yet having arrived.",
        "  最后两次一开始就停了，离谷底还很远：学习率太小，损失看上去就像不变；\n"
        "  sigmoid 饱和的地方 a(1−a) 几乎是 0，误差再大，步子也很小。\n"
        "  退出循环不等于到了谷底。",
    )

    reached = layered()
    page.say(
        "\nTwo guests more had it far too sweet. One neuron can only like sugar or dislike it:",
        "\n又来了两位客人，觉得甜得过头。一个神经元对糖只能一味喜欢或一味讨厌：",
    )
    page.table(
        [
            t("network", "网络"),
            t("left the loop by", "怎样退出循环"),
            t("S at the end", "最后的 S"),
        ],
        [
            [
                t("one neuron with a bias", "一个神经元，有偏置"),
                exits[reached["neuron left by"]],
                f"{reached['neuron']:.4f}",
            ],
            [
                t("three neurons in front of it", "前面再加三个神经元"),
                exits[reached["layers left by"]],
                f"{reached['layers']:.4f}",
            ],
        ],
    )
    page.say(
        "  With a layer in front the chain rule has two factors more:\n"
        "  dS/dv = 2(a−y) · a(1−a) · w · h(1−h) · x, and agrees with backpropagation to "
        f"{reached['disagreement']:.0e}.\n",
        "  前面多一层，链式法则就多两个因子：\n"
        "  dS/dv = 2(a−y) · a(1−a) · w · h(1−h) · x，与反向传播相差不到 "
        f"{reached['disagreement']:.0e}。\n",
    )
    draw(page, {key: path for key, (_, path) in walked.items()})
    return {
        "first_step": (S, slope1, slope2),
        "backpropagation": tuple(map(float, known)),
        "exits": {key: left_by for key, (left_by, _) in walked.items()},
        "S": {key: path[-1][2] for key, (_, path) in walked.items()},
        "paths": {key: path for key, (_, path) in walked.items()},
        **reached,
    }


def draw(page: Page, paths: dict[str, list[tuple[float, float, float]]]) -> None:
    """Draw the valley of S over the two weights, and the ways down."""
    t = page.t
    with page.picture(9.5, 4.6) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
        across, up = np.linspace(-1.6, 5.6, 181), np.linspace(-4.2, 4.6, 181)
        W1, W2 = np.meshgrid(across, up)
        S = sum((1 / (1 + np.exp(-W1 * x1 - W2 * x2)) - y) ** 2 for x1, x2, y in GUESTS)
        left.contourf(W1, W2, S, 18, cmap="Greys", alpha=0.55)
        left.grid(False)
        styles = {
            "large": (ORANGE, t("η = 2: jumps past it", "η = 2：跳过了谷底")),
            "right": (BLUE, t("η = 0.1: arrives", "η = 0.1：走到谷底")),
            "small": (GREEN, t("η = 0.001: still on the way", "η = 0.001：还在路上")),
            "saturated": (INK, t("saturated: does not move", "饱和：走不动")),
        }
        for key, (colour, name) in styles.items():
            shown = np.array(paths[key][:26] if key == "large" else paths[key])
            width = 1.0 if key == "large" else 2.5
            left.plot(shown[:, 0], shown[:, 1], color=colour, linewidth=width, label=name)
            every = shown if key == "large" else shown[-1:]
            left.plot(every[:, 0], every[:, 1], "o", color=colour, markersize=4)
            losses = [S for _, _, S in paths[key]]
            if key in ("small", "right", "large"):
                right.plot(np.arange(len(losses)) + 1, losses, color=colour, linewidth=1.5)
        left.plot(*START, "o", color="white", markeredgecolor=INK, markersize=8, zorder=5)
        left.annotate(t("start", "起点"), START, (8, 4), textcoords="offset points", zorder=5)
        left.set_xlabel(t("weight of sugar, w1", "糖的权重 w1"))
        left.set_ylabel(t("weight of lemon, w2", "柠檬的权重 w2"))
        left.set_title(t("S(w): darker is worse", "S(w)：越深越差"))
        left.legend(loc="lower right", fontsize=8.5, framealpha=0.9)
        right.set_xscale("log")
        right.xaxis.set_major_formatter("{x:g}")
        right.set_ylim(bottom=0)
        right.set_xlabel(t("step", "步"))
        right.set_ylabel("S")
        right.set_title(t("The same runs, step by step", "同样几次，逐步看"))


if __name__ == "__main__":
    main()
