"""Any curve from hidden units added one by one.

    a(x) = c + sum over j of v_j · tanh(w_j x + b_j)

Each unit adds one soft step; enough of them follow any continuous curve on a closed interval as
closely as wanted (Cybenko 1989, Hornik 1991). The theorem is about any *continuous* function, not
"any linear one", as it is sometimes told; it promises nothing outside the interval, nor that
gradient descent finds the weights.

    python examples/any_curve.py [--lang zh] [--out picture.png]
"""

from __future__ import annotations

import numpy as np
from page import BLUE, LINE, ORANGE, QUIET, Page

import tongtou as tt

SHOWN = (1, 2, 3, 4, 5, 12)
EPOCHS, RATE = 1000, 0.1


def curve(x: np.ndarray) -> np.ndarray:
    """Return the curve to follow: waves that die away, and a kink at 0."""
    return 0.5 * np.sin(2.5 * np.pi * x) * np.exp(-x) + 0.5 * np.abs(x)


def grown(net: tt.Network | None, x: np.ndarray, y: np.ndarray, activation: str) -> tt.Network:
    """Return the network with one unit more, which changes nothing until it has learnt.

    The new unit's step lies where the error is largest, and its outgoing weight is 0.
    """
    n_hidden = 1 if net is None else net.sizes[1] + 1
    other = tt.Network(
        [1, n_hidden, 1], activation=activation, output="linear", loss="mse", dtype="float64"
    )
    hidden, last = other.layers
    hidden.W[...], hidden.b[...], last.W[...], last.b[...] = 0, 0, 0, y.mean()
    error = y - y.mean()
    if net is not None:
        hidden.W[:-1], hidden.b[:-1] = net.layers[0].W, net.layers[0].b
        last.W[:, :-1], last.b[...] = net.layers[1].W, net.layers[1].b
        error = y - net.predict(x)
    where = float(x[np.abs(error).argmax(), 0])
    hidden.W[-1], hidden.b[-1] = 5.0, -5.0 * where
    return other


def main(arguments: list[str] | None = None) -> dict:
    """Compute, print, draw; return the numbers."""
    page = Page(arguments, __file__)
    t = page.t
    x = np.linspace(-1, 1, 200)[:, None]
    between = (x[1:] + x[:-1]) / 2  # points it has not learnt from
    epochs = 300 if page.quick else EPOCHS
    nets: dict[str, list[tt.Network]] = {"tanh": [], "linear": []}
    for activation, grow_to in (("tanh", SHOWN[-1]), ("linear", 3)):
        net = None
        for _ in range(grow_to):
            net = grown(net, x, curve(x), activation)
            optimizer = tt.SGD(RATE if activation == "tanh" else RATE / 10)
            tt.fit(
                net, (x, curve(x)), optimizer=optimizer, batch_size=20, epochs=epochs,
                progress=False,
            )  # fmt: skip
            nets[activation].append(net)

    def errors(net: tt.Network) -> tuple[float, float]:
        off = np.abs(net.predict(between) - curve(between))
        return float(np.sqrt(np.square(off).mean())), float(off.max())

    found = {name: [errors(net) for net in several] for name, several in nets.items()}
    page.say(
        "\nDistance from the curve, at 199 points between those learnt from:",
        "\n在 199 个没有学过的中间点上，离曲线多远：",
    )
    head = [t("hidden units", "隐藏神经元"), t("parameters", "参数")]
    head += [t("typical (rms)", "典型误差（均方根）"), t("largest", "最大误差")]
    lines = [
        [n, nets["tanh"][n - 1].n_parameters, *(f"{one:.3f}" for one in pair)]
        for n, pair in enumerate(found["tanh"], start=1)
    ]
    linear = t("3, but linear", "3 个，但是线性的")
    lines.append([linear, nets["linear"][-1].n_parameters]
                 + [f"{one:.3f}" for one in found["linear"][-1]])  # fmt: skip
    page.table(head, lines)
    far = np.linspace(-2, 2, 401)[:, None]
    outside = float(np.abs(nets["tanh"][-1].predict(far) - curve(far)).max())
    page.say(
        "  Linear units add up to one straight line, however many there are.\n"
        f"  Outside what it learnt, for x from −2 to 2, the best network is off by up to "
        f"{outside:.1f}.\n",
        "  线性的神经元再多，加起来也只是一条直线。\n"
        f"  出了学过的范围，x 从 −2 到 2，最好的网络最多差 {outside:.1f}。\n",
    )
    draw(page, nets["tanh"], found["tanh"])
    return {"errors": found, "outside": outside}


def draw(page: Page, nets: list[tt.Network], found: list[tuple[float, float]]) -> None:
    """Draw the curve and the networks' answers, and a little of what lies outside."""
    t = page.t
    wide = np.linspace(-1.35, 1.35, 541)[:, None]
    with page.picture(9.5, 5.2) as figure:
        for ax, n in zip(figure.subplots(2, 3, sharex=True, sharey=True).flat, SHOWN, strict=True):
            for low, high in ((-1.35, -1), (1, 1.35)):
                ax.axvspan(low, high, color=LINE, alpha=0.45, linewidth=0)
            ax.plot(wide, curve(wide), color=QUIET, linewidth=4, alpha=0.45)
            ax.plot(wide, nets[n - 1].predict(wide), color=BLUE, linewidth=2)
            ax.set_ylim(-1.8, 1.8)
            ax.set_xlim(-1.35, 1.35)
            units = t("1 hidden unit" if n == 1 else f"{n} hidden units", f"{n} 个隐藏神经元")
            ax.set_title(units)
            most = f"{found[n - 1][1]:.2f}"
            ax.text(
                0.5, 0.05, t(f"largest error {most}", f"最大误差 {most}"),
                transform=ax.transAxes, ha="center", color=ORANGE, fontsize=9,
            )  # fmt: skip
        figure.supxlabel(
            t("grey: the curve   blue: the network   shaded: where it learnt nothing",
              "灰：曲线   蓝：网络   阴影：没有学过的地方"),
            fontsize=10, color=QUIET,
        )  # fmt: skip


if __name__ == "__main__":
    main()
