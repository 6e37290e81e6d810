"""Sigmoid against ReLU, two to eight layers deep: how large the gradient is in each layer.

    delta[l] = (W[l+1].T delta[l+1]) · f'(z[l])        one factor f' for every layer on the way back

The sigmoid's f' = a (1 - a) is 1/4 at the most, ReLU's is 1 wherever the neuron fires.

    python examples/vanishing_gradient.py [--lang zh] [--out picture.png]
"""

from __future__ import annotations

import numpy as np
from page import BLUE, ORANGE, QUIET, Page

import tongtou as tt

DEPTHS = (2, 3, 4, 5, 6, 7, 8)
WIDTH = 32
RATES = {"sigmoid": (0.3, 1.0, 3.0), "relu": (0.03, 0.1, 0.3)}
HELD_OUT = 2000


def network(activation: str, depth: int) -> tt.Network:
    """Return 784 inputs, depth - 1 hidden layers, ten outputs: `depth` layers of weights."""
    sizes = [784, *[WIDTH] * (depth - 1), 10]
    return tt.Network(sizes, activation=activation, output="softmax", loss="cross_entropy", seed=1)


def by_layer(net: tt.Network, data: tt.Dataset) -> list[float]:
    """Return the typical size (root mean square) of dC/dW in each layer, the first one first."""
    return [float(np.sqrt(np.square(one.W, dtype=float).mean())) for one in net.gradients(data)]


def learnt(activation: str, depth: int, train: tt.Dataset, epochs: int) -> float:
    """Return the held-out accuracy at the rate that does best on those same held-out digits."""
    best = 0.0
    for rate in RATES[activation]:
        net = network(activation, depth)
        optimizer = tt.SGD(learning_rate=rate)
        try:
            history = tt.fit(
                net, train, optimizer=optimizer, epochs=epochs, validation=HELD_OUT, progress=False
            )
        except tt.DivergedError:
            continue
        best = max(best, history.column("val_accuracy")[-1])
    return best


def main(arguments: list[str] | None = None) -> dict:
    """Compute, print, draw; return the numbers."""
    page = Page(arguments, __file__)
    t = page.t
    mnist = tt.datasets.mnist()
    few, train = mnist.train[:1000], mnist.train[:12_000]
    depths = (2, 5, 8) if page.quick else DEPTHS
    epochs = 2 if page.quick else 5
    sizes = {(f, d): by_layer(network(f, d), few) for f in ("sigmoid", "relu") for d in depths}
    accuracy = {(f, d): learnt(f, d, train, epochs) for f in ("sigmoid", "relu") for d in depths}
    page.say(
        "\nThe gradient of the first layer, divided by that of the last one, before learning;"
        f"\nand how many held-out digits are right after {epochs} epochs of 10,000.",
        "\n学习之前，第一层的梯度是最后一层的几分之几；"
        f"\n以及用 10,000 个数字训练 {epochs} 轮之后的验证准确率。",
    )
    head = [t("layers", "层数"), t("sigmoid: first/last", "sigmoid：第一层/最后层")]
    head += [t("ReLU: first/last", "ReLU：第一层/最后层")]
    head += [t("sigmoid right", "sigmoid 答对"), t("ReLU right", "ReLU 答对")]
    lines = []
    for d in depths:
        ratios = [sizes[f, d][0] / sizes[f, d][-1] for f in ("sigmoid", "relu")]
        rights = [accuracy[f, d] for f in ("sigmoid", "relu")]
        lines.append([d, *(f"{one:.1e}" for one in ratios), *(f"{one:.1%}" for one in rights)])
    page.table(head, lines)
    page.say(
        "  Each sigmoid layer on the way back takes its part of the gradient; the first layers of\n"
        "  a deep sigmoid network hardly learn. (Each network at the best of three rates,\n"
        "  chosen on the held-out digits, so the accuracies are a little flattered.)\n",
        "  往回每过一层 sigmoid，梯度就小一截；深的 sigmoid 网络，前面几层几乎学不动。\n"
        "  （每个网络取三种学习率中最好的，也是用留出的数字选的，所以准确率略微偏高。）\n",
    )
    draw(page, sizes, accuracy, depths)
    return {"sizes": sizes, "accuracy": accuracy}


def draw(page: Page, sizes: dict, accuracy: dict, depths: tuple[int, ...]) -> None:
    """Draw the gradient by layer for every depth, and the accuracy by depth."""
    t = page.t
    names = {"sigmoid": (ORANGE, "sigmoid"), "relu": (BLUE, "ReLU")}
    with page.picture(9.5, 4.0) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1.5, 1])
        for f, (colour, name) in names.items():
            for d in depths:
                strength = 0.25 + 0.75 * (d - depths[0]) / (depths[-1] - depths[0])
                left.plot(
                    range(1, d + 1), sizes[f, d], "o-", color=colour, alpha=strength,
                    markersize=4, linewidth=1.5,
                )  # fmt: skip
            left.annotate(
                name, (depths[-1], sizes[f, depths[-1]][-1]), (8, 0), textcoords="offset points",
                color=colour, weight="bold", va="center", annotation_clip=False,
            )  # fmt: skip
        left.set_yscale("log")
        left.set_xticks(range(1, depths[-1] + 1))
        left.set_xlabel(
            t(
                "layer, 1 next to the picture (strong colour: deep)",
                "层，第 1 层挨着图片（颜色深：网络深）",
            )
        )
        left.set_title(t("Typical size of ∂C/∂w before learning", "学习之前 ∂C/∂w 的典型大小"))
        for f, (colour, name) in names.items():
            rights = [accuracy[f, d] for d in depths]
            right.plot(depths, rights, "o-", color=colour, clip_on=False)
            right.annotate(
                name, (depths[-1], rights[-1]), (8, 0), textcoords="offset points",
                color=colour, weight="bold", va="center", annotation_clip=False,
            )  # fmt: skip
        right.axhline(0.1, color=QUIET, linewidth=0.8, linestyle=":")
        right.text(depths[0], 0.03, t("guessing", "瞎猜"), color=QUIET, fontsize=9)
        right.set_ylim(0, 1)
        right.set_xticks(depths)
        right.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
        right.set_xlabel(t("layers", "层数"))
        right.set_title(t("Held-out digits right", "验证准确率"))


if __name__ == "__main__":
    main()
