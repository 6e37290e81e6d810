"""Rules against learning: a 3, and then all ten digits, by if-statements on strokes.

Whoever is asked how to tell a 3 says: three bars, open on the left, no hole. Here that is written
down, counted, and refined until it got tedious, on training digits. Then the same measurements are
handed to a network that learns how to weigh them, and at last the bare pixels to one that learns
what to measure as well. Change `digit` and see how many of 10,000 you get right.

    python examples/rules_against_learning.py [--lang zh] [--out picture.png]
"""

from __future__ import annotations

import numpy as np
from page import BLUE, GREEN, INK, LINE, ORANGE, QUIET, Page

import tongtou as tt

DARK = 100
"""From this grey on a pixel counts as ink."""
N_LEARNT_FROM = 20_000

REASONS = {
    "hole": ("it has a hole", "有洞"),
    "bars": ("not three bars", "不是三横"),
    "upper": ("upper bow: left", "上弯在左边"),
    "lower": ("lower bow: left", "下弯在左边"),
}


# What is measured, by hand ----------------------------------------------------------------------


def measured(X: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the rules look at, a number a picture: strokes crossed, holes, where ink lies."""
    ink = X.reshape(-1, 28, 28) > DARK
    rows, columns = ink.any(2), ink.any(1)
    top, bottom = rows.argmax(1), 27 - rows[:, ::-1].argmax(1)
    left, right = columns.argmax(1), 27 - columns[:, ::-1].argmax(1)
    high, wide = bottom - top + 1, right - left + 1
    each, place = np.arange(len(ink)), np.arange(28)

    def row(share: float) -> np.ndarray:
        return ink[each, np.rint(top + share * (high - 1)).astype(int)]

    def middle_of(line: np.ndarray) -> np.ndarray:
        return ((line * place).sum(1) / np.maximum(line.sum(1), 1) - left) / wide

    hole = inside(ink)
    n_hole = hole.sum((1, 2))
    middle_row = (hole.sum(2) * place).sum(1) / np.maximum(n_hole, 1)
    return {
        "slim": wide / high,
        "holes": np.where(n_hole > 0, np.maximum(1 - corners(ink), 1), 0),
        "hole_high": hole.any(2).sum(1) / high,
        "hole_at": np.where(n_hole > 0, (middle_row - top) / high, 0.5),
        "bars": crossed(ink[each, :, np.rint((left + right) / 2).astype(int)]),
        "upper": crossed(row(0.25)),
        "centre": crossed(row(0.5)),
        "lower": crossed(row(0.75)),
        "upper_at": middle_of(row(0.25)),
        "centre_at": middle_of(row(0.5)),
        "lower_at": middle_of(row(0.75)),
        "top_wide": row(0.05).sum(1) / wide,
        "bottom_wide": row(0.95).sum(1) / wide,
    }


def crossed(lines: np.ndarray) -> np.ndarray:
    """Return how many strokes each line (n, 28) crosses."""
    return (np.diff(lines, axis=1, prepend=False) & lines).sum(1)


def inside(ink: np.ndarray) -> np.ndarray:
    """Return which paper cannot be reached from the edge: the holes."""
    paper = ~np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    reached = np.zeros_like(paper)
    reached[:, 0] = True
    for _ in range(5):  # sweeps down, up, right and left; a few turns get round any bend
        for a, b in ((reached, paper), (reached.mT, paper.mT)):
            for way in (slice(None), slice(None, None, -1)):
                to, free = a[:, way], b[:, way]
                for k in range(1, to.shape[1]):
                    to[:, k] |= to[:, k - 1] & free[:, k]
    return (paper & ~reached)[:, 1:-1, 1:-1]


def corners(ink: np.ndarray) -> np.ndarray:
    """Return pieces minus holes, found by counting corners alone (Gray 1971)."""
    p = np.pad(ink, ((0, 0), (1, 1), (1, 1)))
    a, b, c, d = p[:, :-1, :-1], p[:, :-1, 1:], p[:, 1:, :-1], p[:, 1:, 1:]
    n = a.astype(int) + b + c + d
    diagonal = (n == 2) & (a == d)
    return ((n == 1).sum((1, 2)) - (n == 3).sum((1, 2)) - 2 * diagonal.sum((1, 2))) // 4


# The rules --------------------------------------------------------------------------------------


def no_three(f: dict[str, float]) -> str:
    """Return why this is no 3, or nothing."""
    if f["holes"] > 0 and f["hole_high"] > 0.25:
        return "hole"
    if f["bars"] < 3:
        return "bars"
    if f["upper_at"] < 0.55:
        return "upper"
    if f["lower_at"] < 0.55:
        return "lower"
    return ""


def digit(f: dict[str, float]) -> int:
    """Return which digit it is. No rule here is sure; each was the best that came to mind."""
    if f["holes"] > 0 and f["hole_high"] > 0.12:
        if f["bars"] <= 2 and f["hole_high"] > 0.4:
            return 0
        if f["holes"] >= 2:
            return 8
        if f["hole_at"] < 0.45:
            if f["bars"] < 3 and f["top_wide"] < 0.25:
                return 4
            return 9 if f["lower"] == 1 else 8
        if f["upper"] == 1:
            return 6 if f["upper_at"] < 0.55 else 2
        return 8 if f["bars"] >= 3 else 4
    if f["slim"] < 0.5:
        return 1
    if f["bars"] >= 3:
        return bowed(f)
    if f["upper"] == 2 and f["lower"] == 2:
        return 0
    if f["upper"] == 2 and f["top_wide"] < 0.5:
        return 4
    one_stroke = f["upper"] == f["centre"] == f["lower"] == 1
    if one_stroke and f["top_wide"] < 0.45 and f["bottom_wide"] < 0.4:
        return 1
    if f["bottom_wide"] > 0.4:
        return bowed(f)
    if f["upper_at"] > 0.5 or f["top_wide"] > 0.5:
        return 7
    return 6 if f["lower"] == 2 else 4


def bowed(f: dict[str, float]) -> int:
    """Return 2, 3, 5 or 6 by the sides on which the bows lie."""
    if f["upper_at"] > 0.5:
        return 3 if f["lower_at"] > 0.55 else 2
    return 5 if f["lower"] == 1 else 6


def one_by_one(found: dict[str, np.ndarray]) -> list[dict[str, float]]:
    """Return the measurements of each picture."""
    return [
        dict(zip(found, values, strict=True))
        for values in zip(*(one.tolist() for one in found.values()), strict=True)
    ]


# Learning ---------------------------------------------------------------------------------------


def learnt(sizes: list[int], X: np.ndarray, y: np.ndarray, epochs: int) -> tt.Network:
    """Return a network trained on these examples; 1,000 of them choose the best epoch."""
    net = tt.Network(sizes, activation="relu", output="softmax", loss="cross_entropy", seed=0)
    stop = tt.EarlyStopping(patience=epochs)
    optimizer = tt.Adam(learning_rate=0.003)
    tt.fit(
        net, (X, y), optimizer=optimizer, epochs=epochs, validation=1000, stop=stop, progress=False
    )
    return net


def main(arguments: list[str] | None = None) -> dict:
    """Compute, print, draw; return the numbers."""
    page = Page(arguments, __file__)
    t = page.t
    mnist = tt.datasets.mnist()
    train, test = mnist.train[: 6000 if page.quick else N_LEARNT_FROM], mnist.test
    on_train, on_test = measured(train.X), measured(test.X)
    rows = one_by_one(on_test)

    why = np.array([no_three(one) for one in rows])
    is_three, said_three = test.y == 3, why == ""
    three = {
        "found": int((said_three & is_three).sum()),
        "of": int(is_three.sum()),
        "wrongly": int((said_three & ~is_three).sum()),
        "right": float((said_three == is_three).mean()),
        "always_no": float((~is_three).mean()),
    }
    neuron = learnt([784, 2], train.X, (train.y == 3).astype(int), 4 if page.quick else 10)
    by_neuron = neuron.predict(test.X) == 1
    three["neuron_right"] = float((by_neuron == is_three).mean())
    three["neuron_found"] = int((by_neuron & is_three).sum())
    three["neuron_wrongly"] = int((by_neuron & ~is_three).sum())

    names = list(on_train)
    X, X_test = (np.column_stack([one[name] for name in names]) for one in (on_train, on_test))
    mean, spread = X.mean(0), X.std(0)
    X, X_test = ((one - mean) / spread for one in (X, X_test))
    epochs, k = 4 if page.quick else 12, len(names)
    right = {
        "rules": float(np.mean([digit(one) == y for one, y in zip(rows, test.y, strict=True)])),
        "weighed": learnt([k, 10], X, train.y, 2 * epochs).accuracy(X_test, test.y),
        "pixels": learnt([784, 10], train.X, train.y, epochs).accuracy(test),
        "learnt": learnt([784, k, 10], train.X, train.y, epochs).accuracy(test),
    }

    page.say(
        "\nIs it a 3? Three bars, both bows on the right, no hole; of 10,000 digits:",
        "\n是不是 3？三横、两个弯都在右边、没有洞；10,000 个数字中：",
    )
    of = f"{three['of']:,}"
    page.table(
        ["", t("right", "答对"), t("3s found", "找到的 3"), t("taken for 3", "误认为 3")],
        [
            [t('always "no"', "总说“不是”"), f"{three['always_no']:.1%}", f"0 / {of}", "0"],
            [
                t("rules", "规则"),
                f"{three['right']:.1%}",
                f"{three['found']} / {of}",
                three["wrongly"],
            ],
            [
                t("no hidden layer, learnt", "没有隐藏层，学来的"),
                f"{three['neuron_right']:.1%}",
                f"{three['neuron_found']} / {of}",
                three["neuron_wrongly"],
            ],
        ],
    )
    page.say(
        "All ten digits: who decides what to measure, and how it counts?",
        "十个数字：量什么，怎么算，由谁来定？",
    )
    by_hand, by_learning = t("by hand", "人"), t("learnt", "学")
    page.table(
        [t("network", "网络"), t("what to measure", "量什么"), t("how it counts", "怎么算"),
         t("right of 10,000", "10,000 个中答对")],
        [
            [t("if-statements", "if 语句"), f"{by_hand} ({k})", by_hand, f"{right['rules']:.1%}"],
            [f"{k}-10", f"{by_hand} ({k})", by_learning, f"{right['weighed']:.1%}"],
            ["784-10", t("the pixels", "像素"), by_learning, f"{right['pixels']:.1%}"],
            [f"784-{k}-10", f"{by_learning} ({k})", by_learning, f"{right['learnt']:.1%}"],
        ],
    )  # fmt: skip
    wrong = f"{1 - right['rules']:.0%}"
    page.say(
        f"  The rules leave {wrong} wrong, and each new one breaks what others had right.\n"
        f"  To learn how the same {k} measurements count mends most of it; to learn what to\n"
        "  measure as well does better still, with no thought given to it. Rules are not\n"
        "  useless: anybody can read them, and nobody can read a weight. That is what\n"
        "  explanations are for.\n",
        f"  规则错了 {wrong}，而且每添一条，就弄坏几条原来对的。同样 {k} 个量，\n"
        "  怎么算改由网络来学，大半就好了；连量什么也学，还要更好，而且不用人动脑筋。\n"
        "  规则并非没有用：规则谁都读得懂，权重没有人读得懂。所以才需要解释。\n",
    )
    draw(page, test, why, right, k)
    return {"three": three, "right": right, "n_measured": k, "why": why}


def draw(page: Page, test: tt.Dataset, why: np.ndarray, right: dict, k: int) -> None:
    """Draw what the rule looks at, 3s that it refuses with the reason, and who gets how many."""
    with page.picture(10, 4.3) as figure:
        t = page.t
        left, middle, last = figure.subfigures(1, 3, width_ratios=[1, 1.2, 1.3])
        ax = left.subplots()
        three = next(n for n in np.flatnonzero(test.y == 3) if why[n] == "")
        ax.imshow(test.X[three].reshape(28, 28), cmap="gray_r", alpha=0.75)
        ink = test.X[three].reshape(28, 28) > DARK
        rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
        box = (columns[0], columns[-1], rows[0], rows[-1])
        ax.axvline((box[0] + box[1]) / 2, color=ORANGE, linestyle="--", linewidth=1.4)
        ax.text((box[0] + box[1]) / 2 + 0.6, 2, t("3 strokes", "三横"), color=ORANGE)
        for share in (0.25, 0.75):
            at = box[2] + share * (box[3] - box[2])
            ax.axhline(at, color=BLUE, linestyle="--", linewidth=1.4)
            ax.text(27.2, at - 0.6, t("right?", "在右？"), color=BLUE, ha="right")
        bare(ax)
        ax.set_title(t("What a rule looks at", "规则看什么"))

        axes = middle.subplots(3, 3).ravel()
        middle.suptitle(t("3s that it refuses", "被它拒绝的 3"), x=0.02, ha="left", weight="bold")
        refused = np.flatnonzero((test.y == 3) & (why != ""))
        chosen = [n for reason in REASONS for n in refused[why[refused] == reason][:3]]
        spread = [chosen[k] for k in np.linspace(0, len(chosen) - 1, 9).astype(int)]
        for ax, n in zip(axes, spread, strict=True):
            ax.imshow(test.X[n].reshape(28, 28), cmap="gray_r")
            bare(ax)
            ax.set_title(
                t(*REASONS[str(why[n])]), fontsize=7.5, weight="normal", pad=3, color=QUIET
            )

        ax = last.subplots()
        names = [
            t("if-statements", "if 语句"),
            t(f"the same {k},\nlearnt weights", f"同样 {k} 个量\n权重学来"),
            t("784-10\nno hidden layer", "784-10\n没有隐藏层"),
            t(f"784-{k}-10\nlearnt features", f"784-{k}-10\n特征也学来"),
        ]
        for place, (share, colour) in enumerate(
            zip(right.values(), (ORANGE, QUIET, BLUE, GREEN), strict=True)
        ):
            ax.barh(place, share, color=colour, height=0.62)
            ax.text(share - 0.02, place, f"{share:.0%}", color="white", va="center", ha="right",
                    weight="bold")  # fmt: skip
        ax.set_yticks(range(len(names)), names, color=INK)
        ax.invert_yaxis()
        ax.set_xlim(0, 1)
        ax.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
        ax.grid(axis="x", color=LINE)
        ax.grid(axis="y", visible=False)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        ax.set_title(t("Ten digits, right", "十个数字，答对"))


def bare(ax: object) -> None:
    """Take away axes."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(False)
    ax.spines[:].set_color(LINE)
    ax.spines[:].set_visible(True)


if __name__ == "__main__":
    main()
