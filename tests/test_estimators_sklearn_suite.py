"""scikit-learn's own tests of its perceptrons, run with ours in their place.

The module is the installed scikit-learn's; nothing of it is copied here.
"""

import inspect
import warnings

import pytest

pytest.importorskip("sklearn", reason="the extra tongtou[sklearn] is not installed")

from sklearn import neural_network as peers
from sklearn.neural_network.tests import test_mlp as suite

from tongtou.estimators import MLPClassifier, MLPRegressor

OURS = {peers.MLPClassifier: MLPClassifier, peers.MLPRegressor: MLPRegressor}

PRIVATE = {
    "test_gradient": "calls _loss_grad_lbfgs with work arrays of its own; "
    "test_the_gradient_handed_to_lbfgs is ours",
}
"""Tests of what is not public, and where ours are."""


def cases():
    """Every test function of the module with the arguments of each of its parametrisations."""
    for name, function in inspect.getmembers(suite, inspect.isfunction):
        if not name.startswith("test_") or function.__module__ != suite.__name__:
            continue
        marks = [one for one in getattr(function, "pytestmark", []) if one.name == "parametrize"]
        calls = [{}]
        for mark in marks:
            names, rows = mark.args[:2]
            names = [one.strip() for one in names.split(",")]
            rows = [row if len(names) > 1 else (row,) for row in rows]
            calls = [call | dict(zip(names, row, strict=True)) for call in calls for row in rows]
        for number, call in enumerate(calls):
            call = {key: ours(value) for key, value in call.items()}
            yield pytest.param(function, call, id=f"{name}-{number}" if marks else name)


def ours(value):
    """Our class in the place of scikit-learn's; everything else as it is."""
    try:
        return OURS.get(value, value)
    except TypeError:  # an array
        return value


@pytest.mark.parametrize(("function", "arguments"), list(cases()))
def test_scikit_learn_says(function, arguments, request, monkeypatch):
    if function.__name__ in PRIVATE:
        pytest.skip(PRIVATE[function.__name__])
    for theirs, mine in OURS.items():
        monkeypatch.setattr(suite, theirs.__name__, mine)
    wanted = {"global_random_seed": 42}
    for name in inspect.signature(function).parameters:
        if name not in arguments:
            fixture = wanted[name] if name in wanted else request.getfixturevalue(name)
            arguments = arguments | {name: fixture}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as the suite's own configuration lets them pass
        function(**arguments)


def test_the_suite_is_all_there():
    names = {case.values[0].__name__ for case in cases()}
    assert len(names) > 35
    assert set(PRIVATE) <= names
