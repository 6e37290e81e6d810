"""Help pages and usage errors of the Typer application, in the language in use.

Typer and the Click inside it speak English only, so the pages are drawn here. Typer used to build
on the package click and now carries a copy of its own: only what both show is relied on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from tongtou.i18n import text
from tongtou.terminal.console import (
    LONGEST_LINE,
    NO_BREAK,
    drawn,
    note,
    output,
    wrapped,
)
from tongtou.terminal.interrupts import INTERRUPTED

# BadParameter ← UsageError ← ClickException; Typer does not export the last of them.
UsageProblem: type[Exception] = typer.BadParameter.__mro__[2]

HELP_NAMES = {"help_option_names": ["-h", "--help"]}


class Command(TyperCommand):
    """A command whose help page and complaints come from the catalogue."""

    def get_help(self, ctx: Any) -> str:
        """Return the help page."""
        return help_page(self, ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read options and arguments; refuse what is left over."""
        ctx.allow_extra_args = True
        with _told_where(ctx):
            rest = super().parse_args(ctx, args)
        if rest and not ctx.resilient_parsing:
            ctx.fail(text("error.left_over", words=" ".join(rest)))
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Carry the command out; Ctrl-C ends it with a word instead of a traceback."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            note(text("error.interrupted"))
            return INTERRUPTED


class Group(TyperGroup):
    """The application itself."""

    def get_help(self, ctx: Any) -> str:
        """Return the help page."""
        return help_page(self, ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the options in front of the command."""
        with _told_where(ctx):
            return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command; refuse an unknown one with the names of the known."""
        name = args[0]
        if name not in self.commands and not name.startswith("-"):
            known = ", ".join(self.commands)
            ctx.fail(text("error.no_such_command", name=name, known=known))
        return super().resolve_command(ctx, args)


@contextmanager
def _told_where(ctx: Any) -> Iterator[None]:
    """Let a complaint about an option know the command, which Click's parser does not tell it."""
    try:
        yield
    except UsageProblem as problem:
        if getattr(problem, "ctx", None) is None:
            problem.ctx = ctx  # type: ignore[attr-defined]
        raise


def help_page(command: Any, ctx: Any) -> str:
    """Return the page of a command: usage, purpose, commands or arguments, options by group."""
    console = output()
    width = min(console.width, LONGEST_LINE)
    parts: list[RenderableType] = [_usage(command, ctx), ""]
    parts += [*wrapped(command.help, width), ""]
    groups: dict[str, list[tuple[Text, str]]] = {}
    for name, one in getattr(command, "commands", {}).items():
        row = (Text(name, style="bold cyan"), one.short_help)
        groups.setdefault(text("help.commands"), []).append(row)
    for param in command.get_params(ctx):
        if param.param_type_name == "argument":
            # Some pairs of Typer and Click lose the help of arguments.
            row = (Text(param.metavar, style="bold cyan"), param.help or "")
            groups.setdefault(text("help.arguments"), []).append(row)
        else:
            panel = getattr(param, "rich_help_panel", None) or text("help.options")
            groups.setdefault(panel, []).append((_option_names(param), _option_help(param)))
    longest = max(cell_len(name.plain) for rows in groups.values() for name, _ in rows)
    for title, rows in groups.items():
        parts += [Text(title, style="bold"), _rows(rows, longest, width), ""]
    if command.epilog:
        parts += [Text(text("help.examples"), style="bold")]
        parts += [Text("  " + line) for line in command.epilog.split("\n")]
    return drawn(console, parts).rstrip("\n")


def _usage(command: Any, ctx: Any) -> Text:
    pieces = [ctx.command_path, text("help.usage_options")]
    pieces += [one.metavar for one in command.params if one.param_type_name == "argument"]
    if hasattr(command, "commands"):
        pieces.append(text("help.usage_command"))
    return Text().append(text("help.usage"), style="bold").append(" ".join(pieces))


def _option_names(param: Any) -> Text:
    names = sorted([*param.opts, *param.secondary_opts], key=len)
    line = Text().append(", ".join(names), style="bold cyan")
    if param.metavar:
        line.append(" ").append(param.metavar, style="cyan")
    return line


def _option_help(param: Any) -> str:
    if "--help" in param.opts:  # Click has renamed it before
        return text("help.help")
    default = param.default
    if isinstance(default, bool) or not isinstance(default, (int, float, str, tuple, PurePath)):
        return str(param.help)
    return f"{param.help} {text('help.default', value=default).replace(' ', NO_BREAK)}"


def _rows(rows: list[tuple[Text, str]], longest: int, width: int) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(min_width=longest, no_wrap=True)
    table.add_column()
    for name, purpose in rows:
        room = max(width - longest - 4, 20)
        table.add_row(name, "\n".join(wrapped(purpose, room)))
    return Padding(table, (0, 0, 0, 2))


def problem_sentence(problem: Any) -> str:
    """Return what is wrong with the words a user gave, and where help is."""
    sentence = _sentence(problem)
    ctx = getattr(problem, "ctx", None)
    if ctx is None:
        return sentence
    return sentence + text("error.see_help", command=ctx.command_path)


def _sentence(problem: Any) -> str:
    option = getattr(problem, "option_name", None)
    if option is not None and hasattr(problem, "possibilities"):
        near = problem.possibilities
        hint = text("error.did_you_mean", name=sorted(near)[0]) if near else ""
        return text("error.no_such_option", option=option) + hint
    if option is not None:
        if option in _flags(problem.ctx):
            return text("error.takes_no_value", option=option)
        return text("error.needs_value", option=option)
    param = getattr(problem, "param", None)
    if param is not None:
        name = param.opts[-1] if param.param_type_name == "option" else param.metavar
        return text("error.bad_value", option=name, reason=problem.message)
    return str(problem.message)


def _flags(ctx: Any) -> list[str]:
    """Return the options of a command that take no value."""
    params = ctx.command.get_params(ctx) if ctx else []
    return [name for one in params if getattr(one, "is_flag", False) for name in one.opts]
