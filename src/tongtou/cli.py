"""The command ``tongtou``: its commands and options. What they do is in `tongtou.terminal`.

Help texts are in the language in use when the application is built, so the language is looked for
before Typer reads the command line. Annotations hold them, hence no postponed evaluation here.
"""

import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import typer

from tongtou import __version__
from tongtou.activations import ACTIVATIONS
from tongtou.errors import TongtouError
from tongtou.i18n import LANGUAGES, text, use_language
from tongtou.initializers import INITIALIZERS
from tongtou.losses import LOSSES
from tongtou.terminal import values
from tongtou.terminal.console import INTERRUPTED, UserError, complain, prepare_streams, show
from tongtou.terminal.examples import DEFAULT_MODEL
from tongtou.terminal.help import HELP_NAMES, Command, Group, UsageProblem, problem_sentence

MISTAKE = 2
MAX_SEED = 2**64 - 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: done. 2: a mistake of the user, told in one line. 130: interrupted. Any other exception is a
    mistake of ours and keeps its traceback.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    use_language(wished_language(words))
    prepare_streams()
    try:
        command = typer.main.get_command(build())
        code = command.main(args=words, prog_name="tongtou", standalone_mode=False)
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


def build() -> typer.Typer:
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
    _add_train(app)
    _add_evaluate(app)
    _add_predict(app)
    _add_info(app)
    return app


def _language() -> Any:
    return typer.Option(
        "--lang",
        parser=values.one_of(LANGUAGES),
        metavar="|".join(LANGUAGES),
        help=text("help.lang"),
    )


def _json() -> Any:
    return typer.Option("--json", help=text("help.json"))


def _file(name: str, purpose: str, panel: str | None = None) -> Any:
    return typer.Option(name, metavar=text("help.file"), help=purpose, rich_help_panel=panel)


def _add_root(app: typer.Typer) -> None:
    def show_version(wanted: bool) -> None:
        if wanted:
            show(f"tongtou {__version__}")
            raise typer.Exit

    @app.callback(invoke_without_command=True)
    def root(
        ctx: typer.Context,
        lang: Annotated[str | None, _language()] = None,
        version: Annotated[
            bool,
            typer.Option(
                "--version", is_eager=True, callback=show_version, help=text("help.version")
            ),
        ] = False,
    ) -> None:
        if ctx.invoked_subcommand is None:
            show(ctx.get_help())


def _add_train(app: typer.Typer) -> None:
    network, training = text("help.network"), text("help.training")
    data, result = text("help.data"), text("help.result")
    name, n = text("help.name"), text("help.number")
    hidden_names = [one.name for one in ACTIVATIONS.values() if one.elementwise]

    def choice(option: str, known: Sequence[str], purpose: str) -> Any:
        return typer.Option(
            option,
            parser=values.one_of(known),
            metavar=name,
            help=purpose,
            rich_help_panel=network,
        )

    def number(option: str, parser: Any, purpose: str) -> Any:
        return typer.Option(
            option, parser=parser, metavar=n, help=purpose, rich_help_panel=training
        )

    @app.command(
        cls=Command,
        context_settings=HELP_NAMES,
        short_help=text("train.short"),
        help=text("train.help"),
        epilog="tongtou train --hidden 32 --activation relu --loss cross_entropy",
    )
    def train(
        hidden: Annotated[
            values.Sizes,
            typer.Option(
                "--hidden",
                parser=values.sizes,
                metavar=text("help.sizes"),
                help=text("option.hidden"),
                rich_help_panel=network,
            ),
        ] = values.Sizes((16, 16)),  # noqa: B008 - immutable
        activation: Annotated[
            str,
            choice(
                "--activation",
                hidden_names,
                text("option.activation", names=", ".join(hidden_names)),
            ),
        ] = "sigmoid",
        output: Annotated[
            str | None, choice("--output", list(ACTIVATIONS), text("option.output"))
        ] = None,
        loss: Annotated[
            str, choice("--loss", list(LOSSES), text("option.loss", names=", ".join(LOSSES)))
        ] = "sse",
        initializer: Annotated[
            str,
            choice(
                "--initializer",
                list(INITIALIZERS),
                text("option.initializer", names=", ".join(INITIALIZERS)),
            ),
        ] = "auto",
        dtype: Annotated[
            str, choice("--dtype", ["float32", "float64"], text("option.dtype"))
        ] = "float32",
        learning_rate: Annotated[
            float | None,
            number("--learning-rate", values.positive, text("option.learning_rate")),
        ] = None,
        batch_size: Annotated[
            int, number("--batch-size", values.whole(1), text("option.batch_size"))
        ] = 32,
        epochs: Annotated[int, number("--epochs", values.whole(0), text("option.epochs"))] = 20,
        validation: Annotated[
            float | None,
            number("--validation", values.share_or_count, text("option.validation")),
        ] = None,
        seed: Annotated[int, number("--seed", values.whole(0, MAX_SEED), text("option.seed"))] = 0,
        threads: Annotated[
            int | None, number("--threads", values.whole(1), text("option.threads"))
        ] = None,
        images: Annotated[Path | None, _file("--images", text("option.images"), data)] = None,
        labels: Annotated[Path | None, _file("--labels", text("option.labels"), data)] = None,
        test_images: Annotated[
            Path | None, _file("--test-images", text("option.test_images"), data)
        ] = None,
        test_labels: Annotated[
            Path | None, _file("--test-labels", text("option.test_labels"), data)
        ] = None,
        out: Annotated[Path, _file("--out", text("option.out"), result)] = Path(DEFAULT_MODEL),
        as_json: Annotated[bool, _json()] = False,
        no_progress: Annotated[
            bool, typer.Option("--no-progress", help=text("option.no_progress"))
        ] = False,
        lang: Annotated[str | None, _language()] = None,
    ) -> int:
        from tongtou.terminal import train as command

        order = command.TrainingOrder(
            hidden=hidden,
            activation=activation,
            output=output,
            loss=loss,
            initializer=initializer,
            learning_rate=learning_rate,
            batch_size=batch_size,
            epochs=epochs,
            validation=validation,
            seed=seed,
            threads=threads,
            dtype=dtype,
            images=images,
            labels=labels,
            test_images=test_images,
            test_labels=test_labels,
            out=out,
            progress=not no_progress,
            as_json=as_json,
        )
        return command.run(order)


def _add_evaluate(app: typer.Typer) -> None:
    @app.command(
        cls=Command,
        context_settings=HELP_NAMES,
        short_help=text("evaluate.short"),
        help=text("evaluate.help"),
    )
    def evaluate(
        model: Annotated[
            Path,
            typer.Argument(metavar=text("help.optional_model"), help=text("option.model")),
        ] = Path(DEFAULT_MODEL),
        images: Annotated[Path | None, _file("--images", text("option.own_images"))] = None,
        labels: Annotated[Path | None, _file("--labels", text("option.own_labels"))] = None,
        as_json: Annotated[bool, _json()] = False,
        lang: Annotated[str | None, _language()] = None,
    ) -> int:
        from tongtou.terminal import evaluate as command

        return command.run(model, images, labels, as_json)


def _add_predict(app: typer.Typer) -> None:
    @app.command(
        cls=Command,
        context_settings=HELP_NAMES,
        short_help=text("predict.short"),
        help=text("predict.help"),
        epilog="tongtou predict seven.png photo.jpg\ntongtou predict seven.png --json",
    )
    def predict(
        pictures: Annotated[
            list[Path] | None,
            typer.Argument(metavar=text("help.pictures"), help=text("option.pictures")),
        ] = None,
        model: Annotated[Path, _file("--model", text("option.model"))] = Path(DEFAULT_MODEL),
        as_json: Annotated[bool, _json()] = False,
        lang: Annotated[str | None, _language()] = None,
    ) -> int:
        from tongtou.terminal import predict as command

        return command.run(pictures or [], model, as_json)


def _add_info(app: typer.Typer) -> None:
    @app.command(
        cls=Command,
        context_settings=HELP_NAMES,
        short_help=text("info.short"),
        help=text("info.help"),
    )
    def info(
        model: Annotated[
            Path | None,
            typer.Argument(metavar=text("help.optional_model"), help=text("option.info_model")),
        ] = None,
        as_json: Annotated[bool, _json()] = False,
        lang: Annotated[str | None, _language()] = None,
    ) -> int:
        from tongtou.terminal import info as command

        return command.run(model, as_json)
