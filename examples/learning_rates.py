"""The learning rate on the digit network: too small, right, too large.

theta = theta - eta · dC/dtheta          784-16-16-10, sigmoid throughout, squared error

python examples/learning_rates.py [--lang zh] [--out picture.png]
"""

from __future__ import annotations

import numpy as np
from page import BLUE, GREEN, LINE, ORANGE, QUIET, Page

import tongtou as tt

SMALL, LARGE = 0.01, 60.0
RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 1.5, 3.0, 6.0, 15.0, 30.0, 60.0, 150.0)
HELD_OUT = 10_000
EPOCHS = 6


def trained(train: tt.Dataset, rate: float, epochs: int) -> tt.Network:
    """Return the lesson's network, trained at that rate; its history has the held-out digits."""
    net = tt.Network([784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="sse", seed=0)
    tt.fit(
        net,
        train,
        optimizer=tt.SGD(learning_rate=rate),
        batch_size=32,
        epochs=epochs,
        validation=HELD_OUT,
        progress=False,
    )
    return net


def slope(net: tt.Network, data: tt.Dataset) -> float:
    """Return the length of the gradient, all weights together: what is left to go down by."""
    return float(np.sqrt(sum(np.square(one.W).sum() for one in net.gradients(data))))


def main(arguments: list[str] | None = None) -> dict:
    """Compute, print, draw; return the numbers."""
    page = Page(arguments, __file__)
    t = page.t
    mnist = tt.datasets.mnist()
    train = mnist.train[:20_000] if page.quick else mnist.train
    nets = {rate: trained(train, rate, 3 if page.quick else EPOCHS) for rate in RATES}
    held = {rate: net.history.column("val_accuracy")[-1] for rate, net in nets.items()}
    best = max(held, key=lambda rate: held[rate])  # chosen on held-out training digits
    left = {rate: slope(net, train[:1000]) for rate, net in nets.items()}

    page.say(
        f"\nThe digit network, {len(nets[best].history.epochs)} epochs at each learning rate:",
        f"\n手写数字网络，每种学习率各训练 {len(nets[best].history.epochs)} 轮：",
    )
    page.table(
        [
            t("rate η", "学习率 η"),
            t("loss", "损失"),
            t("held-out accuracy", "验证准确率"),
            t("slope left", "剩下的坡度"),
            "",
        ],
        [
            [
                f"{rate:g}",
                f"{net.history.column('loss')[-1]:.4f}",
                f"{held[rate]:.1%}",
                f"{left[rate]:.1g}",
                {
                    SMALL: t("too small: slow", "太小：慢"),
                    best: t("best", "最好"),
                    LARGE: t("too large: jumps past", "太大：跳过谷底"),
                }.get(rate, ""),
            ]
            for rate, net in nets.items()
        ],
    )
    test = nets[best].accuracy(mnist.test)
    page.say(
        f"  η = {best:g} was chosen on digits held out; on the test digits it has {test:.1%}.\n"
        "  The loss never becomes infinite: too large a step throws the weighted sums so far out\n"
        "  that the sigmoids saturate; no slope is left there, and nothing brings them back.\n",
        f"  η = {best:g} 是用留出的数字选的；在测试数字上准确率 {test:.1%}。\n"
        "  损失并没有变成无穷大：步子太大，加权和被甩得太远，sigmoid 饱和，\n"
        "  那里没有坡度，再也回不来了。\n",
    )
    draw(page, nets, held, best)
    return {
        "held": held,
        "loss": {rate: net.history.column("loss")[-1] for rate, net in nets.items()},
        "slope": left,
        "best": best,
        "test": test,
    }


def draw(page: Page, nets: dict, held: dict[float, float], best: float) -> None:
    """Draw the loss by epoch of three rates, and the accuracy over all of them."""
    t = page.t
    three = (
        (SMALL, GREEN, t(f"η = {SMALL:g}: too small", f"η = {SMALL:g}：太小")),
        (best, BLUE, t(f"η = {best:g}: right", f"η = {best:g}：合适")),
        (LARGE, ORANGE, t(f"η = {LARGE:g}: too large", f"η = {LARGE:g}：太大")),
    )
    with page.picture(9.5, 3.9) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1.1, 1])
        for rate, colour, name in three:
            losses = nets[rate].history.column("loss")
            left.plot(range(1, len(losses) + 1), losses, "o-", color=colour, clip_on=False)
            left.annotate(
                name, (len(losses), losses[-1]), (8, 0), textcoords="offset points",
                color=colour, weight="bold", va="center", annotation_clip=False,
            )  # fmt: skip
        left.set_ylim(bottom=0)
        left.set_xticks(range(1, len(losses) + 1))
        left.set_xlabel(t("epoch", "轮次"))
        left.set_title(t("Loss on what it learns from", "训练损失"))

        rates = list(held)
        right.plot(rates, list(held.values()), color=QUIET, linewidth=1.5)
        right.axhline(0.1, color=LINE, linewidth=1)
        right.text(0.12, 0.03, t("guessing", "瞎猜"), color=QUIET, fontsize=9)
        for rate, colour, _ in three:
            right.plot(rate, held[rate], "o", color=colour, markersize=9)
        right.set_xscale("log")
        right.xaxis.set_major_formatter("{x:g}")
        right.set_ylim(0, 1)
        right.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f} %")
        right.set_xlabel(t("learning rate", "学习率"))
        right.set_title(t("Held-out digits right at the end", "最后的验证准确率"))


if __name__ == "__main__":
    main()
