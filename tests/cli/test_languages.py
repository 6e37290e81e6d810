"""Help and results in both languages, in every width, in processes of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from command_line import Files, Run
from rich.cells import cell_len

import tongtou as tt
from tongtou.terminal import commands

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


@pytest.mark.parametrize("command", [[], ["train"], ["evaluate"], ["predict"], ["info"]])
@pytest.mark.parametrize("width", [50, 80, 120])
def test_help_is_whole_and_fits_in_both_languages(
    run: Run, command: list[str], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    english = run(*command, "--help")
    ways = [
        ["--lang", "zh", *command, "--help"],
        [*command, "--lang", "zh", "-h"],
        [*command, "--lang=zh", "--help"],
    ]
    chinese = run(*ways[0])
    assert all(run(*words) == chinese for words in ways)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    assert run(*command, "--help") == chinese
    assert run("--lang", "en", *command, "--help") == english
    for page in (english, chinese):
        assert page.code == 0
        assert page.err == ""
        assert max(map(cell_len, page.out.splitlines())) <= width
        assert "None" not in page.out
    options = re.findall(r"--[a-z-]+", english.out)
    assert sorted(options) == sorted(re.findall(r"--[a-z-]+", chinese.out))
    in_english = chinese.out.replace("Options", "")
    for word in ("Usage", "Options", "Commands", "Arguments", "default", "Show this", "show"):
        assert word not in in_english
    assert "用法：" in chinese.out


def test_every_option_has_its_help(run: Run) -> None:
    application = typer.main.get_command(commands.build())
    for command in [application, *application.commands.values()]:  # type: ignore[attr-defined]
        for param in command.params:
            assert param.help, param.name


def test_no_command_shows_the_help(run: Run) -> None:
    assert run() == run("--help")


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"tongtou {tt.__version__}\n", "")


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_results_fit_the_width(
    run: Run, few: Files, seven: Path, language: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for words in (
        ["train", *few.words, "--epochs", 1],
        ["evaluate", *few.test_words],
        ["predict", seven.name],
        ["info"],
        ["info", "digits.safetensors"],
    ):
        Path(seven.name).write_bytes(seven.read_bytes())
        done = run(*words, "--lang", language)
        assert done.code == 0, done.err
        assert max(map(cell_len, done.out.splitlines())) <= width
        assert not CONTROL.search(done.out)
        assert not any(line != line.rstrip() for line in done.out.splitlines())
        if language == "zh":
            assert not re.search("accuracy|Saved|layer|weights|confidence|kernel ", done.out)


def test_columns_line_up_in_chinese(run: Run, few: Files) -> None:
    done = run("train", *few.words, "--epochs", 0, "--lang", "zh")
    lines = [line for line in done.out.splitlines() if "sigmoid" in line or "激活函数" in line]
    starts = {cell_len(re.split("sigmoid|激活函数", line)[0]) for line in lines[:4]}
    assert len(starts) == 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], None),
        (["--lang", "zh"], "zh"),
        (["--lang=en", "train"], "en"),
        (["train", "--lang", "zh", "--lang", "en"], "en"),
        (["--lang", "fr"], None),
        (["--lang"], None),
        (["predict", "--", "--lang", "zh"], None),
    ],
)
def test_the_wished_language_is_found_anywhere(words: list[str], expected: str | None) -> None:
    assert commands.wished_language(words) == expected


def process(*words: str, **settings: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONWARNINGS": "error", **settings.pop("env", {})}
    return subprocess.Popen(
        [sys.executable, "-m", "tongtou", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=environment,
        **settings,
    )


def test_a_closed_pipe_is_quiet() -> None:
    with process("info") as one:
        assert one.stdout is not None
        assert one.stderr is not None
        one.stdout.close()
        assert one.stderr.read() == ""
        one.wait()


def test_a_process_in_the_chinese_locale() -> None:
    with process("nothing", env={"LANG": "zh_CN.UTF-8"}) as one:
        out, err = one.communicate()
    assert (one.returncode, out) == (2, "")
    assert err.startswith("错误：没有 nothing 这个命令")


def test_what_help_and_the_library_leave_unloaded() -> None:
    code = (
        "import sys, tongtou; heavy = lambda: {'typer', 'rich', 'PIL', 'click'} & set(sys.modules);"
        "before = heavy(); from tongtou.cli import main; main(['train', '--help']);"
        "print(before, 'PIL' in sys.modules, 'tongtou.terminal.train' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set() False False"
