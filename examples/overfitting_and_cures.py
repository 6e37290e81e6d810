"""Overfitting, and each of its cures: a network that learns 1,000 digits by heart.

    gap = loss on digits it has not seen - loss on the digits it learnt from

The strength of every cure is chosen on 3,000 further training digits; the test digits are looked
at once, for the table.

    python examples/overfitting_and_cures.py [--lang zh] [--out picture.png]
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from page import BLUE, GREEN, ORANGE, QUIET, Page

import tongtou as tt

N_LEARNT, N_HELD_OUT, N_MORE = 1_000, 3_000, 10_000
EPOCHS = 80


@dataclass
class Cure:
    """A name in both languages, and the settings of `tt.fit` for each strength to be tried."""

    name: tuple[str, str]
    tries: dict[str, dict[str, Any]]
    more: bool = False
    found: dict[str, float] = field(default_factory=dict)
    net: tt.Network | None = None


def cures() -> dict[str, Cure]:
    """Return the cures, none of them first."""

    def penalty(**settings: Any) -> dict[str, Any]:
        return {"regularization": tt.Regularization(**settings)}

    def moved(amount: float) -> dict[str, Any]:
        shape = tt.Augmentation(
            shift=2 * amount, rotation=12 * amount, scale=0.12 * amount, shear=12 * amount
        )
        return {"augmentation": shape}

    return {
        "none": Cure(("no cure", "什么都不做"), {"": {}}),
        "l1": Cure(("L1", "L1"), {f"{v:g}": penalty(l1=v) for v in (0.0001, 0.0003, 0.001)}),
        "l2": Cure(("L2", "L2"), {f"{v:g}": penalty(l2=v) for v in (0.001, 0.003, 0.01)}),
        "dropout": Cure(
            ("dropout", "随机失活"),
            {f"{v:.0%}": penalty(dropout=(0.2, v)) for v in (0.3, 0.5, 0.7)},
        ),
        "noise": Cure(
            ("input noise", "输入加噪声"),
            {f"{v:g}": penalty(input_noise=v) for v in (0.4, 0.6, 0.8)},
        ),
        "smoothing": Cure(
            ("label smoothing", "标签平滑"),
            {f"{v:g}": penalty(label_smoothing=v) for v in (0.01, 0.02, 0.05)},
        ),
        "early": Cure(
            ("early stopping", "早停"),
            {f"{v}": {"stop": tt.EarlyStopping(patience=v)} for v in (3, 6, 12)},
        ),
        "moved": Cure(
            ("augmented digits", "数据增强"), {f"×{v:g}": moved(v) for v in (0.5, 1.0, 1.5)}
        ),
        "more": Cure(("10 times the digits", "十倍的数字"), {"": {}}, more=True),
    }


def trained(
    learnt: tt.Dataset, held: tt.Dataset, epochs: int, settings: dict[str, Any]
) -> tt.Network:
    """Return 784-128-10, trained so."""
    net = tt.Network([784, 128, 10], activation="relu", output="softmax", loss="cross_entropy")
    tt.fit(
        net, learnt, optimizer=tt.SGD(tt.schedules.Cosine(0.1)), batch_size=32, epochs=epochs,
        validation=held, progress=False, **settings,
    )  # fmt: skip
    return net


def main(arguments: list[str] | None = None) -> dict:
    """Compute, print, draw; return the numbers."""
    page = Page(arguments, __file__)
    t = page.t
    mnist = tt.datasets.mnist()
    learnt, held = mnist.train[:N_LEARNT], mnist.train[N_LEARNT : N_LEARNT + N_HELD_OUT]
    first_more = N_LEARNT + N_HELD_OUT
    many = mnist.train[first_more : first_more + N_MORE]
    epochs = 60 if page.quick else EPOCHS
    found = cures()
    for cure in found.values():
        tries = list(cure.tries.items())
        for strength, settings in tries[len(tries) // 2 :][:1] if page.quick else tries:
            # as many steps over ten times the digits
            data, n = (many, epochs // 10) if cure.more else (learnt, epochs)
            net = trained(data, held, n, settings)
            measured = net.loss(held)
            if not cure.found or measured < cure.found["held_loss"]:
                cure.net = net
                cure.found = {
                    "strength": strength,
                    "held_loss": measured,
                    "train_loss": net.loss(data),
                    "train_wrong": 1 - net.accuracy(data),
                    "weights_0": float((net.layers[0].W == 0).mean()),
                    "epochs": len(net.history.epochs),
                }
    for cure in found.values():
        cure.found["test_loss"] = cure.net.loss(mnist.test)
        cure.found["test_wrong"] = 1 - cure.net.accuracy(mnist.test)
        cure.found["gap"] = cure.found["test_loss"] - cure.found["train_loss"]

    page.say(
        "\n784-128-10 learns 1,000 digits; afterwards it is measured without dropout or noise.",
        "\n784-128-10 学 1,000 个数字；测量时不带随机失活和噪声。",
    )
    head = [t("cure", "办法"), t("strength", "强度"), t("wrong: learnt", "学过的答错")]
    head += [t("wrong: test", "测试答错"), t("loss: learnt", "学过的损失")]
    head += [t("loss: test", "测试损失"), t("gap", "差距")]
    page.table(
        head,
        [
            [
                t(*cure.name),
                cure.found["strength"],
                *(f"{cure.found[one]:.1%}" for one in ("train_wrong", "test_wrong")),
                *(f"{cure.found[one]:.3f}" for one in ("train_loss", "test_loss", "gap")),
            ]
            for cure in found.values()
        ],
    )
    zeros = found["l1"].found["weights_0"]
    stopped = found["early"].found["epochs"]
    page.say(
        f"  L1 made {zeros:.0%} of the first layer's weights exactly 0; early stopping left after\n"
        f"  {stopped} of {epochs} epochs. Every cure closes some of the gap; how many more\n"
        "  digits it gets right is another matter. More digits and augmented ones help most:\n"
        "  they bring something new to learn.\n",
        f"  L1 让第一层 {zeros:.0%} 的权重正好变成 0；早停在 {epochs} 轮里只用了 {stopped} 轮。\n"
        "  每种办法都缩小了差距，能多认对几个数字则是另一回事。更多的数字和数据增强最有用：\n"
        "  它们带来了新东西。\n",
    )
    draw(page, found)
    return {key: cure.found for key, cure in found.items()}


def draw(page: Page, found: dict[str, Cure]) -> None:
    """Draw learning by heart as it happens, and what each cure makes of it."""
    t = page.t
    with page.picture(9.5, 4.3) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.2])
        history = found["none"].net.history
        epochs = range(1, len(history.epochs) + 1)
        for column, colour, name in (
            ("loss", BLUE, t("learnt", "学过的")),
            ("val_loss", ORANGE, t("not seen", "没见过的")),
        ):
            losses = history.column(column)
            left.plot(epochs, losses, color=colour)
            left.annotate(
                name, (epochs[-1], losses[-1]), (6, 0), textcoords="offset points", color=colour,
                weight="bold", va="center", annotation_clip=False,
            )  # fmt: skip
        held = history.column("val_loss")
        best = held.index(min(held))
        left.plot(best + 1, held[best], "o", color=ORANGE, markersize=8)
        left.annotate(
            t("best: stop here", "最好：该停了"), (best + 1, held[best]), (10, 34),
            textcoords="offset points", color=ORANGE,
            arrowprops={"arrowstyle": "-", "color": ORANGE},
        )  # fmt: skip
        left.set_ylim(0, 1)
        left.set_xlim(0, epochs[-1])
        left.set_xlabel(t("epoch", "轮次"))
        left.set_ylabel(t("loss", "损失"))
        left.set_title(t("No cure: learning by heart", "什么都不做：死记硬背"))

        rows = list(found.values())
        sick = rows[0].found["test_wrong"]
        for place, cure in enumerate(rows):
            a, b = cure.found["train_loss"], cure.found["test_loss"]
            right.plot([a, b], [place, place], color=QUIET, linewidth=2.5, alpha=0.6, zorder=1)
            right.plot(a, place, "o", color=BLUE, markersize=8)
            right.plot(b, place, "o", color=ORANGE, markersize=8)
            wrong = f"{cure.found['test_wrong']:.1%}"
            right.annotate(
                wrong, (b, place), (9, 0), textcoords="offset points", va="center",
                color=GREEN if cure.found["test_wrong"] < sick - 0.01 else QUIET,
            )  # fmt: skip
        right.set_yticks(range(len(rows)), [t(*cure.name) for cure in rows])
        right.invert_yaxis()
        right.tick_params(axis="y", length=0)
        right.grid(False)
        right.set_xlim(left=0, right=1.12 * max(cure.found["test_loss"] for cure in rows))
        right.set_xlabel(t("loss: blue learnt, orange test; number: test digits wrong",
                           "损失：蓝为学过的，橙为测试；数字：测试答错"))  # fmt: skip
        right.set_title(t("Each cure closes the gap", "每种办法都缩小差距"))


if __name__ == "__main__":
    main()
