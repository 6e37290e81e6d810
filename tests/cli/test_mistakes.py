"""Mistakes of the user are one line and exit code 2; ours keep their traceback."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from command_line import Files, Run

import tongtou as tt
from tongtou.terminal import train as train_command

MISTAKES = [
    ["train", "--epochs", "x"],
    ["train", "--epochs", "-1"],
    ["train", "--epochs"],
    ["train", "--json=3"],
    ["train", "--epoch", "3"],
    ["train", "a", "b"],
    ["train", "--hidden", "16,a"],
    ["train", "--hidden", "16,0"],
    ["train", "--activation", "relo"],
    ["train", "--activation", "softmax"],
    ["train", "--output", "sigmoid", "--loss", "cross_entropy"],
    ["train", "--learning-rate", "0"],
    ["train", "--learning-rate", "nan"],
    ["train", "--batch-size", "0"],
    ["train", "--validation", "60000"],
    ["train", "--validation", "-0.1"],
    ["train", "--validation", "1.5"],
    ["train", "--threads", "0"],
    ["train", "--seed", "18446744073709551616"],
    ["train", "--dtype", "int8"],
    ["train", "--images", "only"],
    ["train", "--images", "no", "--labels", "no"],
    ["train", "--test-labels", "only"],
    ["train", "--out", "no/such/folder"],
    ["train", "--out", "."],
    ["train", "--out", ""],
    ["evaluate"],
    ["evaluate", "nothing"],
    ["evaluate", "."],
    ["evaluate", "text"],
    ["evaluate", "/dev/null"],
    ["evaluate", "small"],
    ["evaluate", "small", "--labels", "only"],
    ["predict"],
    ["predict", "text", "--model", "text"],
    ["info", "text"],
    ["info", ""],
    ["trian"],
    ["--foo"],
    ["--lang"],
    ["--lang", "fr"],
]


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_a_mistake_is_one_line_and_exit_2(run: Run, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "text").write_text("This is no model.")
    tt.Network([4, 2]).save(tmp_path / "small")
    before = sorted(tmp_path.iterdir())
    done = run(*words)
    assert done.code == 2
    assert done.out == ""
    assert re.fullmatch(r"Error: [^\n]+\n", done.err)
    assert sorted(tmp_path.iterdir()) == before
    if words[:1] != ["--lang"]:
        done = run("--lang", "zh", *words)
        assert done.code == 2
        assert re.fullmatch(r"错误：[^\n]+\n", done.err)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "--epochs", "x"], '--epochs: expected a whole number from 0 on; got "x".'),
        (["train", "--epoch", "3"], "there is no option --epoch. Did you mean --epochs?"),
        (["train", "--activation", "relo"], "Did you mean relu?"),
        (["train", "--json=3"], "--json takes no value."),
        (["train", "--epochs"], "--epochs needs a value behind it. See tongtou train --help."),
        (["trian"], "there is no command trian; there are train, evaluate, predict, explain,"),
        (["--lang", "zh", "train", "--epochs", "x"], "--epochs：应是不小于 0 的整数；写的是“x”。"),
        (["train", "--epoch", "3", "--lang=zh"], "没有 --epoch 这个选项。是不是想写 --epochs？"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(run: Run, words: list[str], says: str) -> None:
    assert says in run(*words).err


def test_too_little_memory_is_the_users_to_solve(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_large(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(train_command, "_network", too_large)
    assert "not enough memory" in run("train").err


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, KeyError])
def test_a_mistake_of_ours_keeps_its_traceback(
    run: Run, few: Files, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise kind("a bug")

    monkeypatch.setattr(train_command, "examine", broken)
    with pytest.raises(kind, match="a bug"):
        run("train", *few.words, "--epochs", 0)
