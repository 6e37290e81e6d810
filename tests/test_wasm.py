"""The same kernel sources under WebAssembly: same losses as the native kernel."""

import importlib.util
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tongtou as tt
from tongtou import evaluation, randomness

ROOT = Path(__file__).resolve().parent.parent
N, BATCH, EPOCHS, ETA, SEED = 6000, 32, 3, 1.5, 7


@pytest.fixture(scope="module")
def wasm(tmp_path_factory):
    """The kernel compiled to WebAssembly."""
    spec = importlib.util.spec_from_file_location("build_wasm", ROOT / "kernel" / "build_wasm.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    out = tmp_path_factory.mktemp("wasm") / "kernel.wasm"
    module.build(out)
    return out


def run_in_node(wasm, folder, net, X, y, **settings):
    node = shutil.which("node")
    assert node, "the test of the WebAssembly kernel needs Node.js 16 or later: install nodejs"
    paths = [folder / name for name in ("X.bin", "y.bin", "parameters.bin")]
    for path, array in zip(paths, (X, y.astype(np.int32), net._parameters), strict=True):
        path.write_bytes(np.ascontiguousarray(array).tobytes())
    settings |= {
        "sizes": net.sizes,
        "activations": [layer.activation.code for layer in net.layers],
        "loss": net.loss_function.code,
        "n": len(X),
    }
    out = folder / "trained.bin"
    command = [node, ROOT / "tests" / "run_wasm.mjs", wasm, *paths, json.dumps(settings), out]
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), np.fromfile(out, np.float32)


@pytest.mark.parametrize(
    ("output", "loss", "eta"), [("sigmoid", "sse", 1.5), ("softmax", "cross_entropy", 0.5)]
)
def test_wasm_and_native_find_the_same_losses(wasm, tmp_path, mnist, output, loss, eta):
    X, y = mnist.train.X[:N], mnist.train.y[:N]
    net = tt.Network([784, 16, 16, 10], output=output, loss=loss, seed=SEED)
    report, trained = run_in_node(
        wasm, tmp_path, net, X, y, batchSize=BATCH, epochs=EPOCHS, eta=eta, seed=SEED, shuffle=1
    )
    history = tt.fit(net, (X, y), optimizer=tt.SGD(eta), batch_size=BATCH, epochs=EPOCHS, seed=SEED)
    # Native fuses multiply and add into one rounding, WebAssembly rounds twice; over 564 steps
    # of training that grows to less than a thousandth of the loss.
    np.testing.assert_allclose(report["losses"], history.column("loss"), rtol=1e-3)
    np.testing.assert_allclose(report["accuracy"], history.column("accuracy"), atol=2e-3)
    assert report["nNumbers"] == len(net._parameters)
    np.testing.assert_allclose(trained, net._parameters, atol=0.02)
    assert report["order"] == randomness.order(SEED, 3, 10).tolist()
    assert report["losses"][-1] < 0.5 * report["losses"][0]


def test_one_step_agrees_to_rounding(wasm, tmp_path, mnist):
    """Before differences can grow: one batch of all examples, one step."""
    X, y = mnist.train.X[:500], mnist.train.y[:500]
    net = tt.Network([784, 16, 16, 10], seed=SEED)
    report, trained = run_in_node(
        wasm, tmp_path, net, X, y, batchSize=500, epochs=1, eta=ETA, seed=SEED, shuffle=0
    )
    tt.fit(net, (X, y), optimizer=tt.SGD(ETA), batch_size=500, epochs=1, shuffle=False)
    np.testing.assert_allclose(trained, net._parameters, atol=2e-6)
    outputs = np.reshape(report["outputs"], (100, 10))
    np.testing.assert_allclose(outputs, net.predict_proba(X[:100]), atol=2e-6)


@pytest.mark.skipif(
    evaluation.kernel is None or "sse2" not in evaluation.kernel.kernel_names(),
    reason="SSE2 is the one native kernel without fused multiply-add",
)
def test_wasm_and_sse2_agree_bit_for_bit(wasm, tmp_path, mnist, use_kernel):
    """Neither fuses, both take every sum in the same order: nothing is left to differ."""
    use_kernel("sse2")
    X, y = mnist.train.X[:N], mnist.train.y[:N]
    net = tt.Network([784, 16, 16, 10], output="softmax", loss="cross_entropy", seed=SEED)
    report, trained = run_in_node(
        wasm, tmp_path, net, X, y, batchSize=BATCH, epochs=EPOCHS, eta=0.5, seed=SEED, shuffle=1
    )
    history = tt.fit(net, (X, y), optimizer=tt.SGD(0.5), batch_size=BATCH, epochs=EPOCHS, seed=SEED)
    assert trained.tobytes() == net._parameters.tobytes()
    np.testing.assert_allclose(report["losses"], history.column("loss"), rtol=1e-14)


def test_every_part_of_a_step_agrees_bit_for_bit(wasm, tmp_path, mnist, use_kernel):
    """Adam on a wide network, with L1, L2, clipping, dropout and altered pictures."""
    use_kernel("sse2")
    n, batch = 300, 32
    X, y = mnist.train.X[:n], mnist.train.y[:n]
    net = tt.Network(
        [784, 40, 17, 10], activation="relu", output="softmax", loss="cross_entropy", seed=SEED
    )
    optimizer = tt.Adam(0.003, clip_norm=1.0)
    steps = 2 * -(-n // batch)
    corrections = optimizer.rates(0, np.full(steps, 0.003))[:, 1:3].tolist()
    report, trained = run_in_node(
        wasm,
        tmp_path,
        net,
        X,
        y,
        batchSize=batch,
        epochs=2,
        eta=0.003,
        seed=SEED,
        shuffle=1,
        rule=[optimizer.kind, 0, *optimizer.constants, 0, 1.0, 1e-5, 1e-3],
        drop=[6554, 13107, 13107],
        change=[0, 0.1, 0.01, 2, np.radians(10), 0.1, np.radians(5), 28, 28, 1],
        corrections=corrections,
    )
    history = tt.fit(
        net,
        mnist.train[:n],
        optimizer=optimizer,
        batch_size=batch,
        epochs=2,
        seed=SEED,
        regularization=tt.Regularization(
            l1=1e-5,
            l2=1e-3,
            dropout=(6554 / 65536, 13107 / 65536, 13107 / 65536),
            label_smoothing=0.1,
        ),
        augmentation=tt.Augmentation(shift=2, rotation=10, scale=0.1, shear=5),
    )
    assert trained.tobytes() == net._parameters.tobytes()
    np.testing.assert_allclose(report["losses"], history.column("loss"), rtol=1e-13)
