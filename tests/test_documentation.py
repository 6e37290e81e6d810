"""What the documentation shows, run: the examples of docstrings and the code of both READMEs."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import tongtou as tt

ROOT = Path(__file__).resolve().parent.parent
READMES = ("README.md", "README.zh-CN.md")


def examples():
    """Every docstring of the package that holds an example, by its name."""
    names = ["tongtou"]
    for one in pkgutil.walk_packages(tt.__path__, "tongtou."):
        if not one.name.endswith(("__main__", "_kernel")):
            names.append(one.name)
    finder = doctest.DocTestFinder()
    found = {}
    for name in names:
        for test in finder.find(importlib.import_module(name), name):
            if test.examples:
                found[test.name] = test
    return found


EXAMPLES = examples()


@pytest.mark.parametrize("name", EXAMPLES)
def test_docstring_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    failed, tried = runner.run(EXAMPLES[name], out=said.append)
    assert failed == 0, "".join(said)
    assert tried > 0


def test_examples_are_found_throughout():
    """A finder that finds nothing would be content with everything."""
    for name in (
        "training.fit",
        "network.Network",
        "optimizers.descent.SGD",
        "gradients.gradient_check",
    ):
        assert f"tongtou.{name}" in EXAMPLES


def code_blocks(name):
    """The python blocks of a README; [] while it is not there or not written."""
    path = ROOT / name
    text = path.read_text("utf-8") if path.exists() else ""
    return re.findall(r"^```python[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", READMES)
def test_the_code_of_a_readme_runs(name, tmp_path, monkeypatch):
    """Its blocks one after the other, as a reader would type them, in an empty folder."""
    path = ROOT / name
    if not path.exists() or not path.read_text("utf-8").strip():
        pytest.skip(f"{name} is not written yet")
    blocks = code_blocks(name)
    assert blocks, f"{name} shows no python"
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for number, block in enumerate(blocks, start=1):
        if ">>>" in block:
            test = doctest.DocTestParser().get_doctest(block, namespace, name, name, number)
            runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
            assert runner.run(test, clear_globs=False).failed == 0
            namespace = test.globs
        else:
            exec(compile(block, f"{name}, block {number}", "exec"), namespace)


def test_both_readmes_show_the_same_code():
    """At parity: only comments and text in quotes may differ."""

    def bare(block):
        lines = (re.sub(r"#.*|\"[^\"]*\"|'[^']*'", "", line).rstrip() for line in block.split("\n"))
        return [line for line in lines if line]

    english, chinese = ([bare(block) for block in code_blocks(name)] for name in READMES)
    assert english == chinese
