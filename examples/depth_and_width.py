"""Depth and width are choices: the same digits, one to three hidden layers of 4 to 128 neurons.

python examples/depth_and_width.py [--lang zh] [--out picture.png]
"""

from __future__ import annotations

import numpy as np
from page import INK, QUIET, SERIES, Page

import tongtou as tt

WIDTHS = (4, 8, 16, 32, 64, 128)
DEPTHS = (1, 2, 3)
RATES = (0.05, 0.15)
HELD_OUT = 5000


def best_of(sizes: list[int], train: tt.Dataset, epochs: int) -> tt.Network:
    """Return the network trained at the rate that does best on the held-out digits."""
    nets = []
    for rate in RATES:
        net = tt.Network(sizes, activation="relu", output="softmax", loss="cross_entropy", seed=0)
        optimizer = tt.SGD(learning_rate=rate)
        tt.fit(net, train, optimizer=optimizer, epochs=epochs, validation=HELD_OUT, progress=False)
        nets.append(net)
    return max(nets, key=held_out)


def held_out(net: tt.Network) -> float:
    """Return the share of held-out digits right at the end."""
    return net.history.column("val_accuracy")[-1]


def main(arguments: list[str] | None = None) -> dict:
    """Compute, print, draw; return the numbers."""
    page = Page(arguments, __file__)
    t = page.t
    mnist = tt.datasets.mnist()
    train = mnist.train[:20_000]
    widths = (4, 16, 64) if page.quick else WIDTHS
    epochs = 2 if page.quick else 6
    nets = {
        (depth, width): best_of([784, *[width] * depth, 10], train, epochs)
        for depth in DEPTHS
        for width in widths
    }
    nets[0, 0] = best_of([784, 10], train, epochs)
    held = {shape: held_out(net) for shape, net in nets.items()}
    chosen = max(held, key=lambda shape: held[shape])
    test = nets[chosen].accuracy(mnist.test)

    page.say(
        f"\n15,000 digits to learn from, {epochs} epochs, 5,000 held out: share of these right.",
        f"\n用 15,000 个数字训练 {epochs} 轮，留出 5,000 个；表中是留出的数字里答对的比例。",
    )
    head = [t("neurons in each hidden layer", "每个隐藏层的神经元")]
    head += [t(f"{d} hidden", f"{d} 个隐藏层") for d in DEPTHS]
    head += [t(f"parameters, {d} hidden", f"{d} 个隐藏层的参数") for d in (1, 3)]
    lines = [[t("none: 784-10", "没有：784-10"), f"{held[0, 0]:.1%}", "", "", "7,850", ""]]
    lines += [
        [
            width,
            *(f"{held[depth, width]:.1%}" for depth in DEPTHS),
            *(f"{nets[depth, width].n_parameters:,}" for depth in (1, 3)),
        ]
        for width in widths
    ]
    page.table(head, lines)
    depth, width = chosen
    narrow, wide = widths[len(widths) // 2 - 1 if len(widths) > 3 else 1], widths[-1]
    wider = 100 * (held[1, wide] - held[1, narrow])
    deeper = 100 * (held[3, narrow] - held[1, narrow])
    page.say(
        f"  Best on the held-out digits: {depth} × {width}; the test digits, looked at once for\n"
        f"  it, say {test:.1%}. From {narrow} neurons to {wide}: {wider:+.1f} points; from one\n"
        f"  layer of {narrow} to three: {deeper:+.1f}. And 784-10, without any hidden layer, has "
        f"{held[0, 0]:.1%}:\n"
        "  that such a network cannot read digits is often said, and overstated.\n",
        f"  留出的数字选出 {depth} × {width}；测试数字只为它看一次：{test:.1%}。\n"
        f"  从 {narrow} 个神经元加宽到 {wide} 个：{wider:+.1f} 个百分点；"
        f"从一层 {narrow} 个加深到三层：{deeper:+.1f}。\n"
        f"  没有隐藏层的 784-10 也有 {held[0, 0]:.1%}：常听说没有隐藏层就认不了数字，"
        "这话夸大了。\n",
    )
    draw(page, nets, held, widths)
    return {"held": held, "chosen": chosen, "test": test}


def draw(page: Page, nets: dict, held: dict, widths: tuple[int, ...]) -> None:
    """Draw mistakes over parameters, one line a depth."""
    t = page.t
    with page.picture(7.5, 4.4) as figure:
        ax = figure.subplots()
        for depth, colour in zip(DEPTHS, SERIES, strict=False):
            n = [nets[depth, width].n_parameters for width in widths]
            wrong = [1 - held[depth, width] for width in widths]
            name = t(f"{depth} hidden", f"{depth} 个隐藏层")
            ax.plot(n, wrong, "o-", color=colour, alpha=0.9, markersize=6, label=name)
            if depth == 1:
                for width, x, y in zip(widths, n, wrong, strict=True):
                    ax.annotate(
                        str(width), (x, y), (-4, -16), textcoords="offset points", color=QUIET,
                        fontsize=9, ha="right",
                    )  # fmt: skip
        ax.plot(7850, 1 - held[0, 0], "D", color=INK, markersize=7)
        ax.annotate(
            t("no hidden layer", "没有隐藏层"), (7850, 1 - held[0, 0]), (8, 6),
            textcoords="offset points", color=INK, weight="bold",
        )  # fmt: skip
        ax.legend(frameon=False, labelcolor="linecolor")
        ax.set_xscale("log")
        ax.set_yscale("log")
        ticks = np.array([0.02, 0.03, 0.05, 0.1, 0.2, 0.3, 0.5])
        low, high = ax.get_ylim()
        ax.set_yticks(ticks[(ticks > low) & (ticks < high)], minor=False)
        ax.set_yticks([], minor=True)
        ax.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.set_xlabel(
            t("parameters (small numbers: neurons a layer)", "参数个数（小字：每层神经元）")
        )
        ax.set_title(t("Held-out digits wrong, by size of network", "网络大小与验证错误率"))


if __name__ == "__main__":
    main()
