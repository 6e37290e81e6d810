"""A threshold neuron beside a smooth one: why the step was given up.

    step:     a = 0 where z < 0, 1 where z ≥ 0         its slope is 0 wherever it has one
    sigmoid:  a = 1 / (1 + e^-z)                       its slope is a (1 - a)

With weights 1 and bias -10 either fires "only above 10", the sigmoid softly. Then both learn.

    python examples/step_against_sigmoid.py [--lang zh] [--out picture.png]
"""

from __future__ import annotations

import numpy as np
from page import BLUE, GREEN, INK, ORANGE, QUIET, Page

import tongtou as tt

SUMS = (0.0, 5.0, 9.0, 9.9, 10.0, 10.1, 11.0, 15.0)
WRONG_START = [0.2, 1.5]  # the right answer weighs both inputs alike


def neuron(output: str, weights: list[float], bias: float = -10.0) -> tt.Network:
    """Return one neuron of two inputs."""
    net = tt.Network([2, 1], output=output, loss="sse", dtype="float64")
    net.layers[0].W, net.layers[0].b = [weights], [bias]
    return net


def points(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of numbers 0 … 10, and whether their sum reaches 10."""
    X = np.random.default_rng(7).uniform(0, 10, (n, 2))
    return X, (X.sum(1) >= 10).astype(int)


def perceptron_rule(X: np.ndarray, y: np.ndarray, epochs: int) -> tt.Network:
    """Return a step neuron taught by Rosenblatt's rule: w moves by (y - a) x, with no derivative.

    The rule was found by thinking about one neuron. It cannot say what a hidden neuron should do.
    """
    net = neuron("step", WRONG_START)
    layer = net.layers[0]
    for _ in range(epochs):
        for x, right in zip(X, y, strict=True):
            error = right - net.predict_proba(x)[0]
            layer.W[0] += error * x
            layer.b[0] += 10 * error  # as if the bias were the weight of an input of 10
    return net


def main(arguments: list[str] | None = None) -> dict:
    """Compute, print, draw; return the numbers."""
    page = Page(arguments, __file__)
    t = page.t
    fires = {name: neuron(name, [1.0, 1.0]) for name in ("step", "sigmoid")}
    inputs = np.array([[total, 0.0] for total in SUMS])
    said = {name: net.predict_proba(inputs)[:, 0] for name, net in fires.items()}
    page.say(
        "\nWeights 1, bias −10: fire only when the weighted sum of the inputs passes 10.",
        "\n权重 1，偏置 −10：输入的加权和超过 10 才激活。",
    )
    page.table(
        [t("sum of inputs", "输入的和"), "z", "step", "sigmoid"],
        [
            [f"{total:g}", f"{total - 10:.1f}", f"{one:.0f}", f"{other:.4f}"]
            for total, one, other in zip(SUMS, said["step"], said["sigmoid"], strict=True)
        ],
    )
    page.say(
        '  The sigmoid is half way at 10 and not quite 0 below: "only" is a matter of degree.',
        "  sigmoid 在 10 处正好一半，10 以下也不完全是 0：“才”只是程度问题。",
    )

    X, y = points(200)
    unseen = points(2200)[0][200:], points(2200)[1][200:]
    epochs = 30 if page.quick else 200
    result = {"fires": {name: values.tolist() for name, values in said.items()}}
    lines = []
    for name in ("step", "sigmoid"):
        net = neuron(name, WRONG_START)
        gradient = net.gradients(X, y)[0]
        size = float(np.hypot(np.linalg.norm(gradient.W), np.linalg.norm(gradient.b)))
        before, moved_from = net.accuracy(*unseen), net.layers[0].W.copy()
        tt.fit(net, (X, y), optimizer=tt.SGD(0.05), batch_size=20, epochs=epochs, progress=False)
        result[name] = {
            "gradient": size,
            "before": before,
            "after": net.accuracy(*unseen),
            "moved": float(np.abs(net.layers[0].W - moved_from).max()),
        }
        lines.append([name, f"{size:.3g}", f"{before:.1%}", f"{net.accuracy(*unseen):.1%}"])
    taught = perceptron_rule(X, y, epochs)
    result["rule"] = {"after": taught.accuracy(*unseen)}
    rule = t("step, perceptron rule", "step，感知机规则")
    lines.append([rule, "–", lines[0][2], f"{result['rule']['after']:.1%}"])
    page.say(
        "\nBoth start with wrong weights and learn from 200 pairs; measured on 2,000 others.",
        "\n两者都从错误的权重出发，用 200 对数学习；再用另外 2,000 对测量。",
    )
    page.table(
        [
            t("neuron", "神经元"),
            t("size of the gradient", "梯度的大小"),
            t("right before", "学习前答对"),
            t("right after", "学习后答对"),
        ],
        lines,
    )
    page.say(
        "  Gradient descent cannot move a step: its slope is 0. (It is often said that a step\n"
        "  cannot learn at all. One step neuron can, by Rosenblatt's rule; layers of them cannot\n"
        "  learn by it.)\n",
        "  梯度下降推不动阶跃函数：它的斜率是 0。（常有人说阶跃神经元根本学不会。\n"
        "  单个是能学会的，用罗森布拉特的规则；多层就不行了。）\n",
    )
    draw(page, X, y)
    return result


def draw(page: Page, X: np.ndarray, y: np.ndarray) -> None:
    """Draw both functions, and the loss that each has over one of its weights."""
    t = page.t
    with page.picture(9.5, 3.9) as figure:
        left, right = figure.subplots(1, 2)
        sums = np.linspace(0, 20, 801)
        inputs = np.column_stack([sums, np.zeros_like(sums)])
        for name, colour in (("step", ORANGE), ("sigmoid", BLUE)):
            a = neuron(name, [1.0, 1.0]).predict_proba(inputs)[:, 0]
            left.plot(sums, a, color=colour, label=name)
        left.axvline(10, color=QUIET, linewidth=0.8, linestyle=":")
        left.set_xlabel(
            t("weighted sum of the inputs, before the bias −10", "输入的加权和（未加偏置 −10）")
        )
        left.set_ylabel(t("activation", "激活值"))
        left.set_title(t("Fires above 10", "超过 10 就激活"))
        left.text(1.5, 0.1, "sigmoid", color=BLUE, weight="bold")
        left.text(10.4, 0.55, "step", color=ORANGE, weight="bold")

        weights = np.linspace(-0.5, 3, 351)
        few = X[:40], y[:40]  # few enough for each example's step to be seen
        for name, colour in (("step", ORANGE), ("sigmoid", BLUE)):
            losses = [neuron(name, [w, 1.0]).loss(*few) for w in weights]
            right.plot(weights, losses, color=colour, label=name)
        right.set_ylim(bottom=0)
        right.set_xlabel(t("first weight", "第一个权重"))
        right.set_ylabel(t("loss", "损失"))
        right.set_title(t("The same loss over one weight", "损失随一个权重的变化"))
        right.annotate(
            t("flat: which way is down?", "平的：哪边是下坡？"), (1.35, 0.15), (0.85, 0.43),
            arrowprops={"arrowstyle": "-", "color": QUIET}, color=INK,
        )  # fmt: skip
        right.annotate(
            t("a slope to follow", "有坡可下"), (1.22, 0.1), (1.7, 0.06), color=GREEN,
            arrowprops={"arrowstyle": "-", "color": GREEN},
        )  # fmt: skip


if __name__ == "__main__":
    main()
