"""No hidden layer: what ten weighted sums of the pixels can do, and what they cannot.

    a = softmax(W x + b)          784 inputs, 10 outputs, 7,850 parameters, nothing between

That such a network "cannot read digits" is often said, and overstated. What it cannot do is shown
on the same digits: printed in negative every second time, or moved about, they ask for more than
one picture of weights for each class.

    python examples/no_hidden_layer.py [--lang zh] [--out picture.png]
"""

from __future__ import annotations

import numpy as np
from page import GREEN, INK, LINE, ORANGE, Page

import tongtou as tt
from tongtou.plots import style

HELD_OUT = 5000
SIZES = {"none": (), "lesson": (16, 16), "wide": (128,)}


def best(hidden: tuple[int, ...], data: tt.Dataset, epochs: int) -> tt.Network:
    """Return a network trained on the data, as it was when it did best on held-out examples."""
    net = tt.Network(
        [784, *hidden, len(data.classes)],
        activation="relu",
        output="softmax",
        loss="cross_entropy",
        seed=0,
    )
    tt.fit(
        net,
        data,
        optimizer=tt.Adam(tt.schedules.OneCycle(0.004)),
        batch_size=64,
        epochs=epochs,
        validation=min(HELD_OUT, len(data) // 10),
        stop=tt.EarlyStopping(patience=epochs),
        progress=False,
    )
    return net


def three_or_eight(data: tt.Dataset) -> tt.Dataset:
    """Return the 3s and the 8s."""
    chosen = data[np.isin(data.y, (3, 8))]
    return tt.Dataset(
        chosen.X, (chosen.y == 8).astype(int), classes=("3", "8"), shape=(28, 28), name="3 or 8"
    )


def every_second_in_negative(data: tt.Dataset) -> tt.Dataset:
    """Return the same digits, each second one white where it was black."""
    X = data.X.copy()
    X[1::2] = 255 - X[1::2]
    return tt.Dataset(X, data.y, classes=data.classes, shape=(28, 28), name="negatives")


def moved(data: tt.Dataset, furthest: int = 4) -> tt.Dataset:
    """Return the same digits, each moved by up to 4 pixels across and down."""
    random = np.random.default_rng(4)
    pages = data.X.reshape(-1, 28, 28)
    down, across = random.integers(-furthest, furthest + 1, (2, len(data), 1, 1))
    rows = (np.arange(28)[:, None] - down) % 28  # the rim of a digit is empty: it may go round
    columns = (np.arange(28) - across) % 28
    X = pages[np.arange(len(data))[:, None, None], rows, columns].reshape(len(data), -1)
    return tt.Dataset(X, data.y, classes=data.classes, shape=(28, 28), name="moved")


TASKS = {
    "digits": (lambda data: data, "ten digits", "十个数字"),
    "three": (three_or_eight, "3 or 8", "3 还是 8"),
    "moved": (moved, "ten, moved by up to 4 pixels", "十个数字，移动至多 4 像素"),
    "negative": (every_second_in_negative, "ten, every second in negative", "十个数字，隔一个反白"),
}


def main(arguments: list[str] | None = None) -> dict:
    """Compute, print, draw; return the numbers."""
    page = Page(arguments, __file__)
    t = page.t
    mnist = tt.datasets.mnist()
    train = mnist.train[:10_000] if page.quick else mnist.train
    epochs = 4 if page.quick else 8
    right: dict[str, dict[str, float]] = {}
    linear = None
    for task, (change, _, _) in TASKS.items():
        data, test = change(train), change(mnist.test)
        right[task] = {}
        for name, hidden in SIZES.items():
            net = best(hidden, data, epochs)
            right[task][name] = net.accuracy(test)
            if task == "digits" and name == "none":
                linear = net
    page.say(
        f"\n{len(train):,} digits, {epochs} epochs, the best one chosen on held-out digits; right\n"
        "of the test digits:",
        f"\n{len(train):,} 个数字，{epochs} 轮，用留出的数字选最好的一轮；测试数字中答对：",
    )
    head = [
        t("task", "任务"),
        t("784-10, no hidden", "784-10，没有隐藏层"),
        "784-16-16-10",
        "784-128-10",
    ]
    page.table(
        head,
        [
            [t(english, chinese), *(f"{share:.1%}" for share in right[task].values())]
            for task, (_, english, chinese) in TASKS.items()
        ],
    )
    digits, three, negative = (right[task]["none"] for task in ("digits", "three", "negative"))
    page.say(
        f"  Without a hidden layer {digits:.1%} of the digits are right, {three:.1%} of 3s and\n"
        '  8s: that it "cannot work" is overstated. Each output has one picture of weights,\n'
        "  and adds up how well it fits. What one picture cannot do is to fit a digit wherever it\n"
        "  lies, or a digit and its negative: what speaks for the one speaks against the other,\n"
        f"  and {negative:.1%} is left. Hidden neurons can.\n",
        f"  没有隐藏层，也答对了 {digits:.1%} 的数字、{three:.1%} 的 3 和 8：\n"
        "  说它“根本不行”，是夸大了。每个输出有一张权重图，算的是合不合这张图。\n"
        "  一张图做不到的，是数字挪到哪里都合，或者既合一个数字、又合它的反白：\n"
        f"  支持这个的，正好反对那个，只剩 {negative:.1%}。有了隐藏神经元就行。\n",
    )
    assert linear is not None
    draw(page, linear, right)
    return {"right": right}


def draw(page: Page, linear: tt.Network, right: dict) -> None:
    """Draw the ten pictures of weights, and what each network gets right at each task."""
    t = page.t
    with page.picture(10, 3.9) as figure:
        left, side = figure.subfigures(1, 2, width_ratios=[1.15, 1])
        left.suptitle(
            t("All there is: ten pictures of weights", "全部家当：十张权重图"),
            x=0.02, ha="left", weight="bold",
        )  # fmt: skip
        W = linear.layers[0].W
        # scaled by the middle: of the rim, where ink is rare, weights say little and grow large
        size = float(np.percentile(np.abs(W.reshape(-1, 28, 28)[:, 5:23, 5:23]), 98))
        for k, ax in enumerate(left.subplots(2, 5).ravel()):
            ax.imshow(W[k].reshape(28, 28), cmap=style.diverging(), vmin=-size, vmax=size)
            ax.set_title(str(k), pad=3, loc="center", fontsize=11)
            ax.set_xticks([])
            ax.set_yticks([])
            ax.grid(False)
            ax.spines[:].set_visible(True)
            ax.spines[:].set_color(LINE)
        left.supxlabel(
            t("orange: ink speaks for it · blue: against it", "橙：有墨支持 · 蓝：有墨反对"),
            fontsize=10,
        )
        ax = side.subplots()
        wrapped = {
            "digits": t("ten digits", "十个数字"),
            "three": t("3 or 8", "3 还是 8"),
            "moved": t("moved by up\nto 4 pixels", "移动至多\n4 像素"),
            "negative": t("every second\nin negative", "隔一个反白"),
        }
        for place, task in enumerate(wrapped):
            for nth, (name, colour) in enumerate((("none", ORANGE), ("wide", GREEN))):
                share, y = right[task][name], place + 0.34 * nth - 0.17
                ax.barh(y, share, 0.3, color=colour)
                ax.text(share - 0.02, y, f"{share:.0%}", color="white", va="center", ha="right",
                        fontsize=9, weight="bold")  # fmt: skip
        ax.set_yticks(range(len(wrapped)), wrapped.values(), color=INK)
        ax.invert_yaxis()
        ax.set_xlim(0, 1)
        ax.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
        ax.grid(axis="x", color=LINE)
        ax.grid(axis="y", visible=False)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_title(t("Right of the test digits", "测试数字中答对"), pad=24)
        ax.text(0, 1.02, t("no hidden layer", "没有隐藏层"), color=ORANGE, weight="bold",
                transform=ax.transAxes)  # fmt: skip
        ax.text(0.5, 1.02, t("128 hidden", "128 个隐藏神经元"), color=GREEN, weight="bold",
                transform=ax.transAxes)  # fmt: skip


if __name__ == "__main__":
    main()
