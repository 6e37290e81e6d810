"""Without the compiled kernel: everything works on the reference, and a warning says so once."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from tongtou import evaluation

# Imports, predicts, measures, trains, checks, copies and saves; prints what it found as JSON.
EVERYTHING = """
    import json, sys, warnings
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        import tongtou as tt
        import numpy as np
        X = (np.arange(1200).reshape(60, 20) * 7 % 251).astype(np.uint8)
        y = np.arange(60) % 3
        net = tt.Network([20, 8, 3], output="softmax", loss="cross_entropy", seed=1)
        before = net.loss(X, y)
        history = tt.fit(net, (X, y), optimizer=tt.SGD(0.3), epochs=3, validation=0.1)
        found = {
            "engine": history.engine,
            "threads": history.threads,
            "outputs": net.predict_proba(X[:2]).tolist(),
            "single": net.predict_proba(X[0]).tolist(),
            "labels": net.predict(X[:5]).tolist(),
            "loss": [before, net.loss(X, y)],
            "accuracy": net.accuracy(X, y),
            "gradient": net.gradients(X, y)[0].W.tolist(),
            "losses": history.column("loss"),
            "val_losses": history.column("val_loss"),
            "check": tt.gradient_check(net, X[:5], y[:5]).passed,
            "copy": net.copy().predict_proba(X[0]).tolist(),
            "dtype": str(net.predict_proba(X).dtype),
        }
        try:
            tt.fit(net, (X, y), engine="native")
        except ValueError as error:
            found["native"] = str(error)
    found["warnings"] = [[one.category.__name__, str(one.message)] for one in caught]
    print(json.dumps(found))
"""
WITHOUT_THE_MODULE = """
    import sys
    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name == "tongtou._kernel":
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    sys.meta_path.insert(0, Missing())
"""


def run(*scripts, check=True, **environment):
    script = "\n".join(textwrap.dedent(one) for one in scripts)
    kept = {k: v for k, v in os.environ.items() if k != evaluation.KERNEL_VARIABLE}
    return subprocess.run(
        [sys.executable, "-c", script],
        env=kept | environment,
        capture_output=True,
        text=True,
        check=check,
    )


@pytest.fixture(scope="module")
def with_kernel():
    return json.loads(run(EVERYTHING).stdout)


@pytest.fixture(scope="module")
def told_none():
    return json.loads(run(EVERYTHING, TONGTOU_KERNEL="none").stdout)


@pytest.fixture(scope="module")
def module_missing():
    return json.loads(run(WITHOUT_THE_MODULE, EVERYTHING).stdout)


@pytest.fixture(params=["told_none", "module_missing"])
def without_kernel(request):
    return request.getfixturevalue(request.param)


def test_the_reference_does_everything(without_kernel):
    assert without_kernel["engine"] == "reference"
    assert without_kernel["threads"] == 1
    assert without_kernel["check"] is True
    assert without_kernel["dtype"] == "float32"
    assert without_kernel["copy"] == without_kernel["single"] == without_kernel["outputs"][0]
    assert without_kernel["native"] == (
        "engine='native' needs the compiled kernel, which is not there."
    )
    assert without_kernel["loss"][1] < without_kernel["loss"][0]


@pytest.mark.parametrize(
    "what", ["outputs", "loss", "accuracy", "gradient", "losses", "val_losses", "labels"]
)
def test_the_reference_finds_what_the_kernel_finds(without_kernel, with_kernel, what):
    assert with_kernel["engine"] == evaluation.kernel.kernel_names()[-1]

    def flat(value):
        return [x for part in value for x in flat(part)] if isinstance(value, list) else [value]

    assert flat(without_kernel[what]) == pytest.approx(flat(with_kernel[what]), abs=2e-5)


def test_being_told_so_needs_no_warning(told_none):
    assert told_none["warnings"] == []


def test_a_missing_module_warns_once(module_missing):
    ((category, message),) = module_missing["warnings"]
    assert category == "RuntimeWarning"
    assert "the compiled kernel is missing" in message
    assert "No module named 'tongtou._kernel'" in message
    assert "NumPy reference" in message
    assert "C++ compiler" in message


def test_a_kernel_warns_of_nothing(with_kernel):
    assert with_kernel["warnings"] == []
    assert "native" not in with_kernel


@pytest.mark.parametrize("wish", ["avx1024", "SSE2", "reference"])
def test_an_unknown_kernel_is_a_clear_error(wish):
    done = run(
        "import tongtou as tt; print(1); tt.Network([2, 1])", check=False, TONGTOU_KERNEL=wish
    )
    assert done.stdout.strip() == "1"  # a program that imports can say it in its own way
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ValueError: TONGTOU_KERNEL asks for the kernel {wish!r}; this machine")
    assert ", ".join(evaluation.kernel.kernel_names()) in last
    assert "none for the reference" in last


def test_every_kernel_of_this_machine_can_be_asked_for():
    script = "import tongtou; from tongtou import evaluation; print(evaluation.kernel_name())"
    for name in evaluation.kernel.kernel_names():
        assert run(script, TONGTOU_KERNEL=name).stdout.strip() == name
    assert run(script, TONGTOU_KERNEL="none").stdout.strip() == "reference"
    assert run(script, TONGTOU_KERNEL="").stdout.strip() == evaluation.kernel.kernel_names()[-1]
