"""The page computes what Python computes: golden numbers, read by Vitest and checked here.

``python tests/test_lab_golden.py`` writes lab/tests/golden/python.json anew. It is written with the
SSE2 kernel, whose bits WebAssembly repeats; another kernel fuses multiply and add.
"""

import base64
import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest

import tongtou as tt
from tongtou import evaluation, initializers, randomness
from tongtou.explanation.formulas import number
from tongtou.explanation.handmade import _disc_over
from tongtou.explanation.pen import covers, pen_width, templates
from tongtou.explanation.strokes import stroke
from tongtou.images.mnist_form import centre, find_box, scale_to_box, stroke_width, thicken
from tongtou.recipes import recipe

GOLDEN = Path(__file__).resolve().parent.parent / "lab" / "tests" / "golden"
PYTHON, PAGE = GOLDEN / "python.json", GOLDEN / "page.json"
HAS_SSE2 = evaluation.kernel is not None and "sse2" in evaluation.kernel.kernel_names()

LESSON = {"activation": "sigmoid", "output": "sigmoid", "loss": "sse", "initializer": "auto"}
MODERN = LESSON | {"activation": "relu", "output": "softmax", "loss": "cross_entropy"}
RUNS = {
    "lesson": ([784, 16, 16, 10], LESSON, tt.SGD(1.5), {}, 0.0),
    "random -1 … 1": ([784, 16, 16, 10], LESSON | {"initializer": "lesson"}, tt.SGD(3.0), {}, 0.0),
    "momentum": ([784, 16, 16, 10], LESSON, tt.SGD(0.3, momentum=0.9), {}, 0.0),
    "nesterov": ([784, 16, 10], MODERN, tt.SGD(0.05, momentum=0.8, nesterov=True), {}, 0.0),
    "rmsprop": ([784, 12, 10], MODERN, tt.RMSprop(0.002), {}, 0.0),
    "adam": ([784, 16, 16, 10], MODERN, tt.Adam(0.002), {}, 0.0),
    "adamw": (
        [784, 40, 17, 10],
        MODERN,
        tt.AdamW(0.003),
        {"l1": 1e-5, "l2": 1e-3, "dropout": 0.25},
        0.5,
    ),
    "softmax alone": ([784, 10], MODERN, tt.SGD(0.1), {"l2": 1e-3}, 0.0),
}
SEED, N, BATCH, EPOCHS = 7, 330, 32, 3

# Drawings in the board's coordinates, x to the right and y downwards: thin and thick pens, a dot.
DRAWINGS = [
    {"width": 24, "strokes": [[[90, 60], [180, 60], [130, 220]]]},
    {"width": 4, "strokes": [[[60, 40], [60, 150], [190, 150]], [[150, 90], [150, 250]]]},
    {"width": 30, "strokes": [[[140, 140]]]},
    {"width": 18, "strokes": [[[200, 80], [140, 50], [90, 120], [120, 200], [190, 170]]]},
    {"width": 22, "strokes": [[[140, 12], [141, 268]]]},
]


def digest(arrays) -> str:
    return hashlib.sha256(
        b"".join(np.ascontiguousarray(one).tobytes() for one in arrays)
    ).hexdigest()


def parameters(net):
    return [one for layer in net.layers for one in (layer.W, layer.b)]


def trained(name, train):
    """A network of RUNS after its epochs, and the history."""
    sizes, form, optimizer, regularization, augmentation = RUNS[name]
    net = tt.Network(sizes, **form, seed=SEED)
    move = None
    if augmentation:
        best = recipe("best").augmentation
        move = tt.Augmentation(
            **{key: value * augmentation for key, value in best.describe().items()}
        )
    history = tt.fit(
        net,
        train[:N],
        optimizer=optimizer,
        batch_size=BATCH,
        epochs=EPOCHS,
        seed=SEED,
        regularization=tt.Regularization(**regularization),
        augmentation=move,
    )
    return net, history


def board(drawing):
    """Ink 0 … 1 on 280×280 cells: as far as a cell's middle lies within the pen."""
    y, x = np.mgrid[0.0:280, 0.0:280]
    ink = np.zeros((280, 280))
    for line in drawing["strokes"]:
        points = np.array(line, float) - 0.5
        for start, end in zip(points, points[1:] if len(points) > 1 else points, strict=False):
            along = end - start
            t = (x - start[0]) * along[0] + (y - start[1]) * along[1]
            t = np.clip(t / max(along @ along, 1e-300), 0, 1)
            distance = np.hypot(x - start[0] - t * along[0], y - start[1] - t * along[1])
            ink = np.maximum(ink, np.clip(drawing["width"] / 2 + 0.5 - distance, 0, 1))
    return ink.astype(np.float32)


def shown(figures):
    """The figures of a neuron as text."""
    return {
        "bias": number(figures.bias),
        "terms": [[number(t.w), number(t.a), number(t.product)] for t in figures.terms],
        "n_others": figures.n_others,
        "n_zero": figures.n_zero,
        "others": number(figures.others),
        "z": number(figures.z),
        "a": number(figures.a),
        "equals": figures.equals,
    }


def explained(net, x):
    """One digit's trace, why, stroke and gradient."""
    e = tt.explain(net, x)
    why = e.why()
    found = stroke(net, x)
    neurons = [e.neuron(1, 3), e.neuron(2, 5), e.neuron(3, int(why.answer))]
    said = why.figures()
    return {
        "z": [e.z[layer].tolist() for layer in (1, 2, 3)],
        "a": [e.a[layer].tolist() for layer in (1, 2, 3)],
        "answer": int(why.answer),
        "over": int(why.over),
        "net": why.net,
        "bias": why.bias,
        "pull_for": why.pull_for,
        "pull_against": why.pull_against,
        "blocks": [[b.j, b.value, b.rest] for b in why.blocks],
        "opened": [[b.j, b.value] for b in why.blocks[0].open()],
        "inputs": why.inputs.values.tolist(),
        "on_reference": why.on_reference,
        "why": {
            "z_p": number(said.z_p),
            "z_q": number(said.z_q),
            "net": number(said.net),
            "terms": [number(value) for _, value in said.terms],
            "others": number(said.others),
        },
        "neurons": [
            {"layer": n.layer, "j": n.j, "z": n.z, "figures": shown(n.figures())} for n in neurons
        ],
        "stroke": {
            "drawn": found.drawn,
            "start": found.start,
            "end": found.end,
            "l2": found.l2,
            "answer": found.answer,
            "n_tried": found.n_tried,
            "n_turning": found.n_turning,
            "picture": digest([found.picture]),
        },
    }


def drawn(drawing):
    ink = board(drawing)
    thick = thicken(ink)
    scaled = scale_to_box(thick)
    pixels = centre(scaled)
    whole = tt.images.to_digit(1 - ink)
    return {
        **drawing,
        "box": list(find_box(ink)),
        "stroke_width": stroke_width(ink),
        "scaled": list(scaled.shape),
        "pixels": pixels.ravel().tolist(),
        "to_digit": whole.pixels.ravel().tolist(),
    }


def model_file():
    """A small file as Python writes it, and what is in it."""
    net = tt.Network([4, 3, 2], activation="leaky_relu", output="softmax", loss="cross_entropy",
                     seed=2**63 + 5)  # fmt: skip
    net.classes = ("no", "yes")
    X = np.arange(24, dtype=np.float32).reshape(6, 4) / 24
    tt.fit(net, (X, np.array([0, 1] * 3)), epochs=1, batch_size=2)
    for layer in net.layers:  # exact on every machine
        layer.W = np.arange(layer.W.size, dtype=np.float32).reshape(layer.W.shape) / 8 - 0.5
        layer.b = np.arange(layer.b.size, dtype=np.float32) / 4
    net.history = None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "small.safetensors"
        net.save(path)
        return {
            "base64": base64.b64encode(path.read_bytes()).decode(),
            "parameters": [one.ravel().tolist() for one in parameters(net)],
        }


def gated():
    """A small network with gates, and what it says of examples of every kind."""
    random = randomness.uniform(5, randomness.SPLIT, 2050 * 9).reshape(2050, 9)
    y = (random[:, 0] * 5).astype(np.int64)
    X = (random[:, 1:] + np.eye(5, 8)[y] * 0.7).astype(np.float32)
    net = tt.Network([8, 6, 5], activation="tanh", output="softmax", loss="cross_entropy", seed=1)
    data = X[:2000], y[:2000]
    tt.fit(net, data, optimizer=tt.Adam(0.02), epochs=12, batch_size=50, validation=500, seed=2)
    net.history, net.recipe = None, {"seed": 2, "n_validation": 500}
    net.gates = tt.honesty.gates(net, data, components=(4, 6))
    rows = np.concatenate([X[2000:2040], 3 * X[2040:2044], np.zeros((1, 8), np.float32)])
    answers = net.predict(rows, abstain=0.03)
    said = [answers[i].to_dict() for i in range(len(rows))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gated.safetensors"
        net.save(path)
        held = base64.b64encode(path.read_bytes()).decode()
    drop = ("words",)  # of the language in use
    said = [{key: value for key, value in one.items() if key not in drop} for one in said]
    return {
        "base64": held,
        "rows": rows.tolist(),
        "risk": 0.03,
        "threshold": net.gates.promise(0.03).threshold,
        "verdicts": said,
    }


def golden():
    """Everything that the page is held to."""
    evaluation.kernel.use_kernel("sse2")
    mnist = tt.datasets.mnist()
    runs = {}
    for name, (sizes, form, optimizer, regularization, augmentation) in RUNS.items():
        net, history = trained(name, mnist.train)
        runs[name] = {
            "sizes": sizes,
            "form": form,
            "optimizer": optimizer.describe(),
            "regularization": regularization,
            "augmentation": augmentation,
            "losses": history.column("loss"),
            "accuracy": history.column("accuracy"),
            "parameters": digest(parameters(net)),
        }
    net, _ = trained("lesson", mnist.train)
    tt.fit(net, mnist.train[:3000], optimizer=tt.SGD(1.5), batch_size=32, epochs=4, seed=1)
    cover = [
        {"start": start, "end": end, "cover": inked.ravel().tolist()}
        for start, end, inked in _some_covers()
    ]
    y, x = mnist.test.y[:2000], mnist.test.X[:2000]
    rows = list(range(40))
    gradients = net.gradients(mnist.train.X[rows], mnist.train.y[rows])
    return {
        "seed": SEED,
        "n": N,
        "batch": BATCH,
        "epochs": EPOCHS,
        "random": {
            "words": randomness.words(2**40 + 3, 5, 7, epoch=2, step=9).tolist(),
            "uniform": randomness.uniform(3, 1, 5, step=1).tolist(),
            "normal": initializers._normal(3, 1, 5).tolist(),
            "order": randomness.order(7, 3, 12).tolist(),
        },
        "initial": {
            rule: digest(
                initializers.initial(rule, 784, 16, "relu", seed=11, layer=2, dtype=np.float32)
            )
            for rule in ("lesson", "auto", "glorot", "lecun", "zeros")
        },
        "runs": runs,
        "explained": {
            "parameters": digest(parameters(net)),
            "accuracy": float((net.predict(x) == y).mean()),
            "digits": {str(i): explained(net, mnist.test.X[i]) for i in (0, 115, 247)},
            "rows": rows,
            "loss": net.loss(mnist.train.X[rows], mnist.train.y[rows]),
            "gradient_sums": [float(np.abs(g).sum()) for pair in gradients for g in pair],
            "gradient_sample": [float(pair[0][1, 5]) for pair in gradients],
        },
        "covers": cover,
        "n_strokes": 2 * sum(len(middles) for _, _, middles in templates(28, 28)),
        "drawings": [drawn(one) for one in DRAWINGS],
        "tie": tie(),
        "file": model_file(),
        "gates": gated(),
        "edge": [
            *(
                {"w": net.layers[0].W.ravel().tolist(), "b": float(net.layers[0].b[0])}
                for net in (tt.explanation.edge_neuron(surround) for surround in (True, False))
            ),
            _disc_over(tt.explanation.edge_neuron().layers[0].W.reshape(28, 28) != 0)
            .ravel()
            .tolist(),
        ],
    }


def tie():
    """Of a blank page: any dot turns the answer that lies off its lower and right border."""
    net = tt.Network([784, 2], output="softmax", loss="cross_entropy", initializer="zeros")
    inner = np.pad(np.ones((24, 24)), ((0, 4), (0, 4))).ravel()
    net.layers[0].W = [inner, np.zeros(784)]
    net.layers[0].b = [-2.0, 0.0]
    found = stroke(net, np.zeros((28, 28), np.uint8))
    return {name: getattr(found, name) for name in ("start", "end", "n_turning", "drawn")}


def _some_covers():
    for template, half, middles in templates(28, 28)[::7]:
        assert pen_width(28, 28) == 2.2
        middle = middles[len(middles) // 3]
        inked = covers(template, middle[None], (28, 28), np.dtype(np.uint8))[0]
        yield (middle - half).tolist(), (middle + half).tolist(), inked


def compare(found, kept, path=""):
    """Equal, numbers that are not whole to a part in a million."""
    if isinstance(kept, dict):
        assert sorted(found) == sorted(kept), path
        for key in kept:
            compare(found[key], kept[key], f"{path}.{key}")
    elif isinstance(kept, list):
        assert len(found) == len(kept), path
        for i, one in enumerate(kept):
            compare(found[i], one, f"{path}[{i}]")
    elif isinstance(kept, float) and not isinstance(found, str):
        assert found == pytest.approx(kept, rel=1e-6, abs=1e-9), path
    else:
        assert found == kept, path


@pytest.mark.skipif(not HAS_SSE2, reason="the golden numbers are of the SSE2 kernel")
def test_python_finds_the_golden_numbers(use_kernel):
    use_kernel("sse2")
    kept = json.loads(PYTHON.read_text(encoding="utf-8"))
    compare(json.loads(json.dumps(golden())), kept)


def test_python_reads_what_the_page_writes(tmp_path):
    kept = json.loads(PAGE.read_text(encoding="utf-8"))
    path = tmp_path / "page.safetensors"
    path.write_bytes(base64.b64decode(kept["base64"]))
    net = tt.load(path)
    assert list(net.sizes) == kept["sizes"]
    assert [layer.activation.name for layer in net.layers] == kept["activations"]
    assert net.seed == kept["seed"]
    for mine, theirs in zip(parameters(net), kept["parameters"], strict=True):
        assert mine.ravel().tolist() == theirs


if __name__ == "__main__":
    GOLDEN.mkdir(parents=True, exist_ok=True)
    PYTHON.write_text(json.dumps(golden(), ensure_ascii=False) + "\n", encoding="utf-8")
