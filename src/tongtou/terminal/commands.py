"""The commands of ``tongtou`` as a Typer application. Their options are in `options`.

Help texts are in the language in use when the application is built, so the language is looked for
before Typer reads the command line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from inspect import Parameter, Signature
from itertools import pairwise
from typing import Annotated, Any

import typer

from tongtou import __version__
from tongtou.errors import TongtouError
from tongtou.i18n import LANGUAGES, text, use_language
from tongtou.terminal import options, options_explaining, options_lab
from tongtou.terminal.console import UserError, complain, prepare_streams, show
from tongtou.terminal.help import HELP_NAMES, Command, Group, UsageProblem, problem_sentence
from tongtou.terminal.interrupts import INTERRUPTED, leave_quietly

MISTAKE = 2


def run(words: Sequence[str], own_process: bool = False) -> int:
    """Carry out a command line and return its exit code; see `tongtou.cli.main`."""
    use_language(wished_language(words))
    prepare_streams()
    try:
        command = typer.main.get_command(build(own_process))
        code = command.main(args=list(words), prog_name="tongtou", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):  # outside a command, which says so itself
        return INTERRUPTED
    except UsageProblem as problem:
        complain(problem_sentence(problem))
        return MISTAKE
    except (UserError, TongtouError) as error:
        complain(str(error))
        return MISTAKE
    except MemoryError:
        complain(text("error.memory"))
        return MISTAKE
    return code if isinstance(code, int) else 0


def wished_language(words: Sequence[str]) -> str | None:
    """Return the language --lang asks for, wherever it stands; None leaves it to the locale."""
    wish = None
    for word, following in pairwise([*words, ""]):
        if word == "--":
            break
        if word == "--lang":
            wish = following
        elif word.startswith("--lang="):
            wish = word.removeprefix("--lang=")
    return wish if wish in LANGUAGES else None


def build(own_process: bool = False) -> typer.Typer:
    """Return the application, its help in the language in use."""
    app = typer.Typer(
        cls=Group,
        help=text("help.tongtou"),
        epilog="tongtou train\ntongtou predict seven.png\ntongtou --lang zh --help",
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings=HELP_NAMES,
    )
    _add_root(app)
    for name, parameters, words, examples in (
        (
            "train",
            options.for_train(),
            (text("train.short"), text("train.help")),
            "tongtou train --recipe best\n"
            "tongtou train --hidden 32 --activation relu --loss cross_entropy\n"
            "tongtou train leaves/ --augment medium\n"
            "tongtou train houses.csv --target price --patience 10",
        ),
        (
            "evaluate",
            options.for_evaluate(),
            (text("evaluate.short"), text("evaluate.help")),
            "tongtou evaluate\ntongtou evaluate houses.safetensors houses-2026.csv",
        ),
        (
            "predict",
            options.for_predict(),
            (text("predict.short"), text("predict.help")),
            "tongtou predict seven.png photo.jpg\n"
            "tongtou predict leaves.safetensors new-leaves/\n"
            "tongtou predict houses.safetensors new.csv --out prices.csv",
        ),
        (
            "explain",
            options_explaining.for_explain(),
            (text("explain_command.short"), text("explain_command.help")),
            "tongtou explain seven.png --over 2\n"
            "tongtou explain 247 --neuron 2:11\n"
            "tongtou explain four.png --stroke --to 9\n"
            "tongtou explain houses.csv --row 17 houses.safetensors",
        ),
        (
            "check",
            options_explaining.for_check(),
            (text("check.short"), text("check.help")),
            "tongtou check\ntongtou check digits.safetensors --all",
        ),
        (
            "features",
            options_explaining.for_features(),
            (text("features_command.short"), text("features_command.help")),
            "tongtou features\ntongtou features leaves.safetensors leaves/",
        ),
        (
            "health",
            options_explaining.for_health(),
            (text("health_command.short"), text("health_command.help")),
            "tongtou health\ntongtou health houses.safetensors houses.csv --apply",
        ),
        (
            "report",
            options_explaining.for_report(),
            (text("report_command.short"), text("report_command.help")),
            "tongtou report\ntongtou report houses.safetensors houses.csv --out houses.html",
        ),
        (
            "lab",
            options_lab.for_lab(),
            (text("lab.short"), text("lab.help")),
            "tongtou lab\ntongtou lab digits.safetensors\ntongtou lab --export site/",
        ),
        ("info", options.for_info(), (text("info.short"), text("info.help")), ""),
    ):
        register = app.command(
            name,
            cls=Command,
            context_settings=HELP_NAMES,
            short_help=words[0],
            help=words[1],
            epilog=examples,
        )
        register(_command(name, parameters, own_process))
    return app


def _add_root(app: typer.Typer) -> None:
    def show_version(wanted: bool) -> None:
        if wanted:
            show(f"tongtou {__version__}")
            raise typer.Exit

    def root(ctx: typer.Context, **_: Any) -> None:
        if ctx.invoked_subcommand is None:
            show(ctx.get_help())

    version = typer.Option(
        "--version", is_eager=True, callback=show_version, help=text("help.version")
    )
    context = Parameter("ctx", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    asked = Parameter(
        "version", Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, version]
    )
    app.callback(invoke_without_command=True)(
        _with_parameters(root, [context, options.language(), asked])
    )


def _command(name: str, parameters: list[Parameter], own_process: bool) -> Callable[..., Any]:
    """Return the function of a command: `run` in the module of its name, imported when called."""

    def command(**given: Any) -> int:
        with leave_quietly(own_process):
            module = import_module(f"tongtou.terminal.{name}")
        code: int = module.run(**given)
        return code

    return _with_parameters(command, parameters)


def _with_parameters(
    function: Callable[..., Any], parameters: list[Parameter]
) -> Callable[..., Any]:
    """Return a function that shows Typer these parameters instead of its own."""
    function.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return function
