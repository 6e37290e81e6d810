"""Profit from price, marketing and season; and the two descents that are easily mixed up.

    first:   theta = theta - eta · dC/dtheta      the inputs are data, the weights move: learning
    second:  x = x + eta · d(profit)/dx           the weights are fixed, the inputs move: deciding

Inputs are not parameters: the first descent asks what the world is like, the second what to do in
it. The shop below is made up, so what the network finds can be laid beside what is true.

    python examples/profit.py [--lang zh] [--out picture.png]
"""

from __future__ import annotations

import numpy as np
from page import BLUE, GREEN, INK, ORANGE, QUIET, Page

import tongtou as tt

SEASONS = (("spring", "春"), ("summer", "夏"), ("autumn", "秋"), ("winter", "冬"))
BIAS = np.array([1.0, 12.0, -2.0, -11.0])  # what each season adds to the profit; their mean is 0
NOISE = 3.0
PRICE, SPEND = (10.0, 40.0), (0.0, 20.0)  # where there is data
CENTRE, SPREAD = np.array([25.0, 10.0]), np.array([8.7, 5.8])


def true_profit(price: np.ndarray, spend: np.ndarray, season: np.ndarray) -> np.ndarray:
    """Return the profit of a week in thousands, without the luck of the week."""
    customers = 50 - 1.6 * price + 6 * np.sqrt(spend)
    return (price - 8) * customers / 8 - 2.25 * spend + BIAS[season]


def weeks(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return prices and spends (n, 2), seasons (n,) and the profits (n,) of n weeks."""
    rng = np.random.default_rng(seed)
    plan = np.column_stack([rng.uniform(*PRICE, n), rng.uniform(*SPEND, n)])
    season = rng.integers(0, 4, n)
    return plan, season, true_profit(*plan.T, season) + rng.normal(0, NOISE, n)


def as_inputs(plan: np.ndarray, season: np.ndarray | int) -> np.ndarray:
    """Return what the network sees: price and spend around 0, and four inputs for the season."""
    seasons = np.broadcast_to(season, len(plan))
    return np.hstack([(plan - CENTRE) / SPREAD, np.eye(4)[seasons]])


def slope(net: tt.Network, x: np.ndarray) -> np.ndarray:
    """Return d(profit)/dx at one input: the chain rule, once more, but down to the inputs."""
    hidden, last = net.layers
    a = np.tanh(hidden.W @ x + hidden.b)
    return (last.W[0] * (1 - a**2)) @ hidden.W


def climb(net: tt.Network, start: tuple[float, float], season: int) -> np.ndarray:
    """Return the way up the predicted profit, never leaving what there is data for."""
    plan, way = np.array(start), [np.array(start)]
    for _ in range(400):
        x = as_inputs(plan[None], season)[0]
        plan = plan + 0.4 * slope(net, x)[:2] * SPREAD / SPREAD.mean()
        plan = np.clip(plan, [PRICE[0], SPEND[0]], [PRICE[1], SPEND[1]])
        way.append(plan)
    return np.array(way)


def main(arguments: list[str] | None = None) -> dict:
    """Compute, print, draw; return the numbers."""
    page = Page(arguments, __file__)
    t = page.t
    plan, season, profit = weeks(600, seed=1)
    net = tt.Network(
        [6, 12, 1], activation="tanh", output="linear", loss="mse", seed=3, dtype="float64"
    )
    scale = float(profit.std())
    history = tt.fit(
        net,
        (as_inputs(plan, season), profit / scale),
        optimizer=tt.SGD(learning_rate=0.05),
        batch_size=20,
        epochs=150 if page.quick else 400,
        validation=100,
        progress=False,
    )

    def predicted(plan: np.ndarray, season: np.ndarray | int) -> np.ndarray:
        return scale * net.predict(as_inputs(plan, season))[:, 0]

    new_plan, new_season, new_profit = weeks(400, seed=2)
    residual = new_profit - predicted(new_plan, new_season)
    rms = float(np.sqrt(np.square(residual).mean()))
    page.say(
        "\nFirst descent: the weights move until the predictions fit 500 weeks of a shop.",
        "\n第一个下降：权重移动，直到预测符合一家店 500 个星期的数据。",
    )
    page.say(
        f"  On 400 new weeks the residuals (real − predicted) are typically {rms:.1f} thousand;\n"
        f"  the luck of a week, which nobody can predict, is {NOISE:.1f}. The loss is the mean of\n"
        "  their squares.",
        f"  在 400 个新的星期上，残差（实际 − 预测）一般是 {rms:.1f} 千元；\n"
        f"  其中 {NOISE:.1f} 是运气，谁也预测不了。损失就是残差平方的平均。",
    )
    by_season = np.array([predicted(plan, one).mean() for one in range(4)])
    recovered = by_season - by_season.mean()
    page.table(
        [t("season", "季节"), t("true bias", "真实的偏置"), t("recovered", "找回的偏置")],
        [
            [t(*name), f"{true:+.1f}", f"{found:+.1f}"]
            for name, true, found in zip(SEASONS, BIAS, recovered, strict=True)
        ],
    )

    weights = [layer.W.copy() for layer in net.layers]
    grid = np.stack(np.meshgrid(np.linspace(*PRICE, 121), np.linspace(*SPEND, 81)), -1)
    grid = grid.reshape(-1, 2)
    start, ways, lines, gains = (36.0, 2.0), [], [], []
    for number, name in enumerate(SEASONS):
        way = climb(net, start, number)
        ways.append(way)
        best = float(true_profit(*grid.T, np.full(len(grid), number)).max())
        before, after = (float(true_profit(*one, number)) for one in (way[0], way[-1]))
        gains.append((before, after, best))
        lines.append(
            [t(*name), f"{way[-1][0]:.1f}", f"{way[-1][1]:.1f}"]
            + [f"{one:.1f}" for one in (before, after, best)]
        )
    page.say(
        "Second descent: the weights stay, price and spend move uphill on the predicted profit.",
        "第二个下降：权重不动，价格和投入沿着预测利润往上走（即沿“负利润”下降）。",
    )
    head = [t("season", "季节"), t("price", "价格"), t("marketing", "营销投入")]
    head += [
        t("true profit before", "原来的真实利润"),
        t("after", "之后"),
        t("best there is", "最好可能"),
    ]
    page.table(head, lines)
    page.say(
        "  The climb stays where there is data: beyond it the network would promise anything.\n",
        "  只在有数据的范围里走：出了这个范围，网络什么都敢许诺。\n",
    )
    moved = max(
        float(np.abs(layer.W - W).max()) for layer, W in zip(net.layers, weights, strict=True)
    )
    draw(page, history, scale, grid, predicted(grid, 1), ways[1])
    return {
        "rms": rms,
        "recovered": recovered.tolist(),
        "true": BIAS.tolist(),
        "gains": gains,
        "weights_moved": moved,
        "ways": [way[-1].tolist() for way in ways],
    }


def draw(page: Page, history, scale: float, grid: np.ndarray, hill: np.ndarray, way) -> None:
    """Draw the two descents side by side."""
    t = page.t
    with page.picture(9.5, 4.3) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
        for name, colour, said in (
            ("loss", BLUE, t("learnt from", "训练")),
            ("val_loss", ORANGE, t("held out", "验证")),
        ):
            rms = scale * np.sqrt(history.column(name))
            left.plot(range(1, len(rms) + 1), rms, color=colour, label=said, linewidth=1.5)
        left.axhline(NOISE, color=QUIET, linewidth=1, linestyle=":")
        left.text(1, NOISE - 0.2, t("luck", "运气"), color=QUIET, va="top", fontsize=9)
        left.set_xscale("log")
        left.xaxis.set_major_formatter("{x:g}")
        left.set_ylim(bottom=0)
        left.set_xlabel(t("epoch", "轮次"))
        left.set_ylabel(t("typical residual, thousand", "典型残差（千元）"))
        left.set_title(t("1  The weights move: fit the data", "1  权重移动：拟合数据"))
        left.legend(frameon=False, labelcolor="linecolor")

        shape = (81, 121)
        x, y = grid[:, 0].reshape(shape), grid[:, 1].reshape(shape)
        levels = np.arange(-40, 60, 8)
        right.contourf(x, y, hill.reshape(shape), levels, cmap="Greys_r", alpha=0.45, extend="both")
        lines = right.contour(x, y, hill.reshape(shape), levels, colors=QUIET, linewidths=0.7)
        right.clabel(lines, fontsize=8, fmt="%g")
        right.grid(False)
        right.plot(way[:, 0], way[:, 1], color=BLUE, linewidth=2.5)
        right.plot(*way[0], "o", color="white", markeredgecolor=INK, markersize=8)
        right.plot(*way[-1], "o", color=BLUE, markersize=9)
        best = true_profit(*grid.T, np.full(len(grid), 1)).argmax()
        right.plot(*grid[best], "*", color=GREEN, markersize=16, markeredgecolor="white")
        right.annotate(
            t("true best", "真正最好的"), grid[best], (10, -14), textcoords="offset points",
            color=GREEN, weight="bold",
        )  # fmt: skip
        right.annotate(t("start", "起点"), way[0], (-4, 9), textcoords="offset points")
        right.set_xlabel(t("price", "价格"))
        right.set_ylabel(t("marketing, thousand", "营销投入（千元）"))
        right.set_title(
            t("2  The inputs move: raise the profit (summer)", "2  输入移动：提高利润（夏）")
        )


if __name__ == "__main__":
    main()
