"""The README's pictures of an explanation: a trace of one digit, and why 9 and not 4.

The network is that of the README, trained as there; the digit is a test digit that it wavers on.

    python docs/images/draw.py [--lang zh]
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from PIL import Image

import tongtou as tt
from tongtou import i18n

FOLDER = Path(__file__).parent
DIGIT = 2414


def main() -> None:
    """Train, explain, draw."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--lang", choices=i18n.LANGUAGES, default="en")
    language = reader.parse_args().lang
    mnist = tt.datasets.mnist()
    net = tt.Network([784, 16, 16, 10], activation="sigmoid", output="sigmoid", loss="sse", seed=0)
    optimizer = tt.SGD(learning_rate=1.5)
    tt.fit(net, mnist.train, optimizer=optimizer, epochs=10, validation=5000, progress=False)
    e = tt.explain(net, mnist.test.X[DIGIT])
    why = e.why(9, over=4)
    neuron = why.blocks[0].j
    ending = ".zh.png" if language == "zh" else ".png"
    for name, figure in (
        ("trace", tt.plots.trace(e, 2, neuron, language=language)),
        ("why", tt.plots.why(why, language=language)),
    ):
        held = io.BytesIO()
        figure.savefig(held, format="png", dpi=110)
        # A palette of 128 colours makes the file a third as large, and nobody sees it.
        picture = Image.open(held).convert("RGB").quantize(128, dither=Image.Dither.NONE)
        picture.save(FOLDER / (name + ending), format="PNG", optimize=True)


if __name__ == "__main__":
    main()
