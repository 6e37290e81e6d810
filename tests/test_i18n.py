"""The catalogues agree with each other and with the code, and nothing is said without them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import tongtou
from tongtou import i18n
from tongtou.i18n import LANGUAGES, catalogue, language, text, use_language
from tongtou.stopping import _CONDITIONS

SOURCE = Path(tongtou.__file__).parent
SPEAKING = [
    SOURCE / "cli.py",
    SOURCE / "progress.py",
    *sorted((SOURCE / "terminal").glob("*.py")),
]
# Pictures and notebooks take words from the catalogue too; their errors are the library's.
DRAWING = [
    SOURCE / "notebook.py",
    *sorted((SOURCE / "plots").glob("*.py")),
    *sorted((SOURCE / "explanation").glob("*.py")),
    *sorted((SOURCE / "honesty").glob("*.py")),
    *sorted((SOURCE / "report").glob("*.py")),
]
TEMPLATES = sorted((SOURCE / "report" / "templates").glob("*"))

# How a history names the end of a run; shown by the text of each.
REASONS = {one.reason for one in _CONDITIONS} | {"checkpoint failed"}
EN, ZH = catalogue("en"), catalogue("zh")

# The same in both languages: names.
NAMES = {"info.numpy", "info.python", "info.title"}

GLOSSARY = [
    ("neurons", "神经元"),
    ("weights", "权重"),
    ("biases", "偏置"),
    ("hidden layer", "隐藏层"),
    ("output layer", "输出层"),
    ("activation function", "激活函数"),
    ("loss function", "损失函数"),
    ("sum of squared errors", "误差平方和"),
    ("mean squared error", "均方误差"),
    ("cross-entropy", "交叉熵"),
    ("optimiser", "优化器"),
    ("learning rate", "学习率"),
    ("batch", "批次"),
    ("epoch", "轮"),
    ("confidence", "置信度"),
    ("confusion matrix", "混淆矩阵"),
    ("parameters", "参数"),
]


@pytest.fixture(autouse=True)
def _own_language(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(variable, raising=False)
    use_language(None)
    yield
    use_language(None)


def placeholders(sentence: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(sentence) if name is not None)


# ---------------------------------------------------------------- the catalogues


def test_both_languages_have_the_same_keys_in_order() -> None:
    assert list(EN) == list(ZH) == sorted(EN)


@pytest.mark.parametrize("key", sorted(EN.keys() & ZH.keys()))
def test_a_key_means_the_same_in_both_languages(key: str) -> None:
    assert EN[key].strip()
    assert ZH[key].strip()
    assert placeholders(EN[key]) == placeholders(ZH[key])
    assert EN[key].count("\n") == ZH[key].count("\n")
    assert not re.search("[\u4e00-\u9fff]", EN[key].replace("通透", ""))
    words = re.search("[A-Za-z]{2}", re.sub(r"\{\w+\}|`[^`]*`", "", EN[key]))
    if words and key not in NAMES:
        assert re.search("[\u4e00-\u9fff]", ZH[key]), "not in Chinese"


@pytest.mark.parametrize(("english", "chinese"), GLOSSARY)
def test_terms_are_those_of_the_glossary(english: str, chinese: str) -> None:
    # but for names to be typed: {filled_in}, or step:every_epochs=5
    said = {key: re.sub(r"{.*?}|\S+=\S+", "", one).lower() for key, one in EN.items()}
    keys = [key for key in EN if english in said[key]]
    assert keys
    assert [key for key in keys if chinese not in ZH[key]] == []


def test_chinese_has_chinese_punctuation() -> None:
    wrong = {key: one for key, one in ZH.items() if re.search("[\u4e00-\u9fff][,;:?!(]", one)}
    typed = {"help.sizes", "help.names", "help.columns"}  # commas that the user types
    assert set(wrong) <= typed


# ---------------------------------------------------------------- the code


def literals(path: Path) -> list[str]:
    tree = ast.parse(path.read_text("utf-8"))
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [node.value for node in nodes if isinstance(node.value, str)]


def test_every_key_in_the_code_exists_and_every_text_is_used() -> None:
    topics = {key.split(".")[0] for key in EN}
    looks_like_a_key = re.compile(rf"({'|'.join(topics)})\.[a-z][a-z0-9_]*")
    paths = [*SPEAKING, *DRAWING]
    found = {one for path in paths for one in literals(path) if looks_like_a_key.fullmatch(one)}
    in_quotes = re.compile(rf'"({looks_like_a_key.pattern})"')
    found |= {hit[0] for path in TEMPLATES for hit in in_quotes.findall(path.read_text("utf-8"))}
    assert found - set(EN) == set()
    assert set(EN) - found == set()


def test_text_is_called_with_the_names_its_sentence_has() -> None:
    n_checked = 0
    for path in SPEAKING:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "text":
                continue
            key = node.args[0]
            if isinstance(key, ast.Constant):
                names = {one.arg for one in node.keywords}
                assert set(placeholders(EN[key.value])) == names, f"{path.name}: {key.value}"
                n_checked += 1
    assert n_checked > 100


def spoken_without_catalogue(tree: ast.Module) -> list[str]:
    """Sentences in the code, but for docstrings, styles and commands to be typed."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and isinstance(node.body[0], ast.Expr)
    }
    # Docstrings of names at the top of a module stand as expressions of their own.
    docstrings |= {id(node.value) for node in tree.body if isinstance(node, ast.Expr)}
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        said = node.value
        words = re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}|[\u4e00-\u9fa5]", said)
        style = re.fullmatch(r"(bold|dim|red|green|yellow|cyan|\) on rgb\(| )+", said)
        typed = said.startswith(("tongtou ", "pip install ")) or said in REASONS
        if words and not style and not typed and id(node) not in docstrings:
            found.append(said)
    return found


SPEAKS = {
    "BadParameter", "Text", "UserError", "add_column", "add_row", "append", "complain", "fail",
    "heading", "note", "print", "say", "show",
}  # fmt: skip


def printed_without_catalogue(tree: ast.Module) -> list[str]:
    """Words, even single ones, handed to a function that shows them."""
    found = []
    for node in ast.walk(tree):
        name = ""
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name not in SPEAKS:
            continue
        assert isinstance(node, ast.Call)
        for argument in node.args:
            parts = argument.values if isinstance(argument, ast.JoinedStr) else [argument]
            for part in parts:
                value = part.value if isinstance(part, ast.Constant) else ""
                if isinstance(value, str) and re.search("[A-Za-z]{2}|[\u4e00-\u9fff]", value):
                    found.append(value)
    return found


@pytest.mark.parametrize("path", SPEAKING, ids=lambda path: path.name)
def test_nothing_is_said_without_the_catalogue(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    assert spoken_without_catalogue(tree) == []
    printed = printed_without_catalogue(tree)
    assert [one for one in printed if one != "tongtou "] == []


def test_that_check_can_fail() -> None:
    source = '"""Docstring with words."""\nsay(f"trained in {s} seconds flat")\nshow("done")\n'
    tree = ast.parse(source)
    assert spoken_without_catalogue(tree) == ["trained in ", " seconds flat"]
    assert printed_without_catalogue(tree) == ["trained in ", " seconds flat", "done"]


# ---------------------------------------------------------------- the language


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
    ],
)
def test_the_locale_chooses_the_language(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert language() == expected


def test_use_language_goes_before_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    use_language("en")
    assert text("progress.epoch", epoch=1, epochs=2) == "epoch 1/2"
    use_language(None)
    assert text("progress.epoch", epoch=1, epochs=2) == "第 1/2 轮"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="must be one of en, zh; got 'fr'"):
        use_language("fr")


def test_every_catalogue_is_listed() -> None:
    files = (Path(i18n.__file__).parent).glob("*.json")
    assert sorted(path.stem for path in files) == sorted(LANGUAGES)
