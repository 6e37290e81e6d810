"""What `import tongtou` gives, what it costs, and that each part of it is explained."""

import importlib.metadata
import inspect
import json
import os
import pkgutil
import subprocess
import sys
import tomllib
import types
from pathlib import Path

import pytest

import tongtou as tt

ROOT = Path(__file__).resolve().parent.parent
PUBLIC = {name: getattr(tt, name) for name in tt.__all__}
CALLABLES = {
    name: one
    for name, one in PUBLIC.items()
    if callable(one) and not (isinstance(one, type) and issubclass(one, BaseException))
}


def test_the_names_are_sorted_and_there():
    def key(name):  # constants and classes in capitals first, as ruff sorts __all__
        return (not name.isupper(), not name[0].isupper(), name)

    assert tt.__all__ == sorted(set(tt.__all__), key=key)


def test_the_names_are_complete():
    """Whatever else `dir(tt)` shows is a module of the package."""
    others = {name for name in vars(tt) if not name.startswith("_")} - set(tt.__all__)
    assert {type(getattr(tt, name)) for name in others} <= {types.ModuleType}
    assert all(getattr(tt, name).__name__ == f"tongtou.{name}" for name in others)


@pytest.mark.parametrize("name", ["datasets", "images"])
def test_the_names_of_a_package_are_sorted_and_complete(name):
    package = getattr(tt, name)
    shown = {n for n, one in vars(package).items() if n[0] != "_" and not inspect.ismodule(one)}
    shown |= {n for n in package.__all__ if inspect.ismodule(getattr(package, n))}
    assert set(package.__all__) == shown
    assert package.__all__ == sorted(package.__all__, key=lambda n: (n[0].islower(), n))


def test_no_module_bears_the_name_of_a_public_function():
    """Once imported it would take the function's place."""
    modules = {one.name for one in pkgutil.iter_modules(tt.__path__)}
    both = modules & set(tt.__all__)
    assert all(inspect.ismodule(PUBLIC[name]) for name in both), f"functions and modules: {both}"


def test_functions_stay_functions_whatever_is_imported():
    """Every module in turn, in a fresh interpreter: none takes the place of a public name."""
    script = """
        import importlib, pkgutil
        import tongtou as tt
        packages = (tt, tt.datasets, tt.images)
        before = [{name: getattr(p, name) for name in p.__all__} for p in packages]
        for one in pkgutil.walk_packages(tt.__path__, "tongtou."):
            if not one.name.endswith("__main__"):
                importlib.import_module(one.name)
        after = [{name: getattr(p, name) for name in p.__all__} for p in packages]
        assert all(a[n] is b[n] for a, b in zip(before, after) for n in a)
    """
    subprocess.run([sys.executable, "-c", inspect.cleandoc(script)], check=True)


def test_the_version_is_that_of_the_package():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert tt.__version__ == pyproject["project"]["version"]
    assert importlib.metadata.version("tongtou") == tt.__version__


def test_types_are_declared():
    assert Path(tt.__file__).with_name("py.typed").is_file()


@pytest.mark.parametrize("name", tt.__all__)
def test_everything_public_is_explained(name):
    one = PUBLIC[name]
    assert (inspect.getdoc(one) or "").strip()
    if not isinstance(one, type) or issubclass(one, BaseException):
        return
    for attribute, value in vars(one).items():
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if not attribute.startswith("_") and callable(function):
            assert inspect.getdoc(function), f"{name}.{attribute} is not explained"


@pytest.mark.parametrize("name", CALLABLES)
def test_everything_that_is_called_has_an_example_and_names_its_parameters(name):
    text = inspect.getdoc(CALLABLES[name])
    assert "Examples\n--------\n" in text
    assert ">>> " in text
    if inspect.isfunction(CALLABLES[name]):
        parameters = set(inspect.signature(CALLABLES[name]).parameters)
        missing = [one for one in parameters if one not in text]
        assert not missing, f"{name} does not explain {missing}"
        for section in ("Parameters", "Returns", "Raises"):
            assert f"{section}\n{'-' * len(section)}\n" in text, f"{name} has no {section}"


def test_fit_takes_what_the_design_says():
    names = list(inspect.signature(tt.fit).parameters)
    assert names[:2] == ["net", "data"]
    assert {"optimizer", "batch_size", "epochs", "validation", "threads", "progress", "seed"} < {
        *names
    }
    kinds = {one.kind for one in list(inspect.signature(tt.fit).parameters.values())[2:]}
    assert kinds == {inspect.Parameter.KEYWORD_ONLY}


def test_the_tree_of_exceptions():
    bases = {
        "ShapeError": ValueError,
        "DataError": ValueError,
        "FileFormatError": ValueError,
        "DivergedError": ArithmeticError,
        "MissingExtraError": ImportError,
    }
    for name, base in bases.items():
        assert issubclass(PUBLIC[name], tt.TongtouError)
        assert issubclass(PUBLIC[name], base)
        assert f"{name}({base.__name__})" in sys.modules["tongtou.errors"].__doc__


# What it costs ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fresh_import(tmp_path_factory):
    """A fresh interpreter imports NumPy, then tongtou: seconds of each, and the modules brought."""
    environment = os.environ | {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed: compiled once, not each time
    script = """
        import json, sys, time
        started = time.perf_counter()
        import numpy
        between = time.perf_counter()
        before = set(sys.modules)
        import tongtou
        seconds = between - started, time.perf_counter() - between
        print(json.dumps([*seconds, sorted(set(sys.modules) - before)]))
    """

    def call():
        command = [sys.executable, "-c", inspect.cleandoc(script)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    return call


def test_importing_loads_numpy_and_nothing_heavier(fresh_import):
    *_, modules = fresh_import()
    brought = {name.split(".")[0] for name in modules}
    foreign = {name for name in brought if name not in sys.stdlib_module_names}
    assert foreign <= {"tongtou", "numpy"}, f"import tongtou also loads {foreign}"
    heavy = {"asyncio", "concurrent", "http", "multiprocessing", "ssl", "unittest", "xml"}
    assert not brought & heavy


def test_importing_costs_less_than_60_ms_beyond_numpy(fresh_import):
    """The least of nine, since what the machine does besides only adds to it.

    NumPy's own import, 50 ms on a fast idle machine, is the yardstick of a slow or busy one.
    """
    times = [fresh_import()[:2] for _ in range(9)]
    numpy_s, seconds = (min(column) for column in zip(*times, strict=True))
    assert seconds < 0.060 * max(1, numpy_s / 0.050)
