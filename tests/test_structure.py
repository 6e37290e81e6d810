"""The house as DESIGN has it: imports point one way, files are short, the kernel is alone."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "tongtou"

# A module may import, at module level, only what stands in a row above its own; a package counts
# as one, and its modules may import each other. Imports inside functions and those for type
# checkers alone do not count.
ROWS = (
    "errors choices i18n history pace randomness atomic tensorfile",
    "settings extras",
    "activations images regularizers augmentation schedules stopping preprocessing checkpoints",
    "dense losses initializers datasets optimizers",
    "reference",
    "evaluation",
    "boundary",
    "network",
    "engines gradients description recipes",
    "training files",
    "progress notebook plots estimators explanation honesty",
    "report labserver",
    "__init__",
    "terminal",
    "cli",
    "__main__",
)
# Leaves: nobody imports them at module level but these.
LEAVES = {
    "progress": set(),
    "notebook": set(),
    "plots": set(),
    "estimators": set(),
    "explanation": {"report", "terminal"},
    "labserver": {"terminal"},
    "report": {"terminal"},
    "terminal": {"cli"},
    "cli": {"__main__"},
    "__main__": set(),
}

ROW_OF = {room: number for number, row in enumerate(ROWS) for room in row.split()}


def read_package():
    """The source of every module by its dotted name below tongtou."""
    sources = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if len(parts) > 1 and parts[-1] == "__init__":
            parts = parts[:-1]
        sources[".".join(parts)] = path.read_text("utf-8")
    return sources


def imports_of(source, modules):
    """What a module imports when it is itself imported: (name below tongtou, line)."""

    def statements(body):
        for one in body:
            if isinstance(one, ast.If) and "TYPE_CHECKING" in ast.unparse(one.test):
                yield from statements(one.orelse)
            elif isinstance(one, (ast.Import, ast.ImportFrom)):
                yield one
            elif not isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)):
                for part in ("body", "orelse", "finalbody", "handlers", "cases"):
                    yield from statements(getattr(one, part, []))

    for one in statements(ast.parse(source).body):
        if isinstance(one, ast.Import):
            names = [alias.name for alias in one.names]
        elif one.level:
            names = ["tongtou.(relative)"]
        else:
            names = [
                name if name.removeprefix("tongtou.") in modules else one.module
                for name in (f"{one.module}.{alias.name}" for alias in one.names)
            ]
        for name in names:
            if name == "tongtou":
                yield "__init__", one.lineno
            elif name.startswith("tongtou."):
                yield name.removeprefix("tongtou."), one.lineno


def wrong_imports(sources):
    """One sentence for each import that points the wrong way."""
    said = []
    for module, source in sources.items():
        room = module.split(".")[0]
        if room not in ROW_OF:
            said.append(f"{module} is in no row: put {room} into ROWS, above all that import it")
            continue
        for imported, line in imports_of(source, sources):
            other = imported.split(".")[0]
            where = f"tongtou/{module.replace('.', '/')}.py line {line} imports {imported}"
            if other == "(relative)":
                said.append(f"{where}: write imports in full, from tongtou.…")
            elif other == room:
                continue
            elif other not in ROW_OF:
                said.append(f"{where}, which is in no row: put {other} into ROWS")
            elif ROW_OF[other] >= ROW_OF[room]:
                said.append(
                    f"{where}, but {other} stands above {room} in the house and may know it, not "
                    "the other way round: hand in what is needed, move it down, or import it in "
                    "the function that needs it"
                )
            elif other in LEAVES and room not in LEAVES[other]:
                said.append(
                    f"{where}, but {other} is a leaf: import it in the function that needs it"
                )
    return said


def test_imports_point_one_way():
    wrong = wrong_imports(read_package())
    assert not wrong, "\n".join(wrong)


def test_every_row_names_rooms_that_exist():
    rooms = {module.split(".")[0] for module in read_package()}
    assert set(ROW_OF) == rooms, "rooms of ROWS that are gone, or modules in no row"


@pytest.mark.parametrize(
    ("module", "line", "said"),
    [
        pytest.param("losses", "from tongtou.network import Network", "not the other way", id="up"),
        pytest.param("losses", "import tongtou.training", "imports training", id="plain import"),
        pytest.param("activations", "from tongtou import losses", "imports losses", id="from root"),
        pytest.param("boundary", "from tongtou import fit", "imports __init__", id="root itself"),
        pytest.param("engines.native", "from tongtou import cli", "imports cli", id="package"),
        pytest.param(
            "losses", "try:\n    import tongtou.network\nfinally: pass", "line 2", id="try"
        ),
        pytest.param("losses", "class A:\n    import tongtou.network", "line 2", id="class body"),
        pytest.param("losses", "from . import network", "in full", id="relative"),
        pytest.param("training", "from tongtou.progress import Progress", "not the", id="leaf"),
        pytest.param(
            "terminal.x", "from tongtou.progress import Progress", "a leaf", id="leaf too"
        ),
        pytest.param("surprise", "", "put surprise into ROWS", id="a new module"),
    ],
)
def test_a_reversed_arrow_is_seen(module, line, said):
    wrong = wrong_imports(read_package() | {module: line})
    assert len(wrong) == 1
    assert said in wrong[0]


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("losses", "def later():\n    from tongtou.network import Network"),
        ("losses", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import tongtou.cli"),
        ("engines.native", "from tongtou.engines.reference import x"),
        ("cli", "from tongtou import __version__\nfrom tongtou.terminal import train"),
    ],
    ids=["in a function", "for type checkers", "in one package", "downwards"],
)
def test_an_arrow_that_points_down_is_let_be(module, text):
    assert wrong_imports(read_package() | {module: text}) == []


def test_nobody_imports_the_command_line_even_later():
    for module, source in read_package().items():
        if module.split(".")[0] not in ("cli", "__main__"):
            assert not re.search(r"^\s*(from tongtou\.cli|import tongtou\.cli)", source, re.M), (
                module
            )


# Files ------------------------------------------------------------------------------------------

SOURCES = sorted(
    path
    for folder in ("src", "kernel", "tests", "benchmarks")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".h", ".cpp", ".mjs") and "node_modules" not in path.parts
)


def test_no_file_is_longer_than_500_lines():
    long = {
        str(path.relative_to(ROOT)): n
        for path in SOURCES
        if (n := path.read_text("utf-8").count("\n")) > 500
    }
    assert not long, f"longer than 500 lines, so hard to hold in mind: {long}"


def test_the_kernel_needs_no_library():
    """It runs in the browser and in CPython alike: types and vector instructions, nothing else."""
    allowed = {"stddef.h", "stdint.h", "immintrin.h", "wasm_simd128.h"}
    for path in sorted((ROOT / "kernel").glob("*")):
        if path.suffix not in (".h", ".cpp") or path.name.startswith("bind_python"):
            continue
        included = set(re.findall(r"^\s*#\s*include\s*<([^>]+)>", path.read_text("utf-8"), re.M))
        assert included <= allowed, f"{path.name} includes {included - allowed}"


def test_the_binding_of_python_is_included_by_nobody():
    for path in (ROOT / "kernel").glob("*.[hc]*"):
        if path.name != "bind_python.cpp":
            assert '#include "bind_' not in path.read_text("utf-8"), path.name


@pytest.mark.parametrize("name", ["CMakeLists.txt", "kernel/build_wasm.py"])
def test_no_option_lets_the_compiler_change_arithmetic(name):
    text = (ROOT / name).read_text("utf-8")
    words = set(re.findall(r"-[fmO][\w=-]+", text))
    forbidden = (
        r"-Ofast|-ffast-math|-funsafe-math-optimizations|-fassociative-math|-freciprocal-math|"
        r"-ffinite-math-only|-fno-signed-zeros|-ffp-contract=(?!off).*|-mdaz-ftz|-march=native"
    )
    assert not [word for word in words if re.fullmatch(forbidden, word)]
    assert "-ffp-contract=off" in words
    assert "-fno-fast-math" in words


def test_no_pragma_lets_the_compiler_change_arithmetic():
    for path in (ROOT / "kernel").glob("*.[hc]*"):
        text = path.read_text("utf-8").lower()
        for word in ("fast-math", "fp contract", "fp_contract", "float_control", "associative"):
            assert word not in text, f"{path.name}: {word}"
