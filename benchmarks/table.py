"""The figures as tables: drawn in a terminal, plain anywhere else."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.settings import FROM_START, GOAL, QUIET_CORES
from benchmarks.verdicts import ACCURACY_TOLERANCE, LOSS_TOLERANCE
from benchmarks.wide import N_CHECKED

Rows = list[dict[str, Any]]
_PLAIN_WIDTH = 150


def console() -> Console:
    """Standard output; a fixed width where it is no terminal."""
    found = Console()
    return found if found.is_terminal else Console(width=_PLAIN_WIDTH)


def table(to: Console, title: str, *columns: str) -> Table:
    """An empty table: first and last column are text, those between are numbers."""
    drawn = Table(
        title=title, title_justify="left", box=box.SIMPLE_HEAD if to.is_terminal else box.ASCII2
    )
    for nth, column in enumerate(columns):
        number = 0 < nth < len(columns) - 1
        drawn.add_column(column, justify="right" if number else "left", no_wrap=number)
    return drawn


def seconds(value: float) -> str:
    """Three digits in the unit that fits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def note(row: dict[str, Any]) -> str:
    """What the reader must know of this row."""
    facts = row.get("facts", {})
    parts = [str(facts[key]) for key in ("form", "kernel", "flags") if key in facts]
    if "threads" in facts and "flags" not in facts:
        parts.append(f"{facts['threads']} thread" + ("s" if facts["threads"] > 1 else ""))
    if "compile_s" in facts:
        parts.append(f"compiled in {seconds(facts['compile_s'][facts['form']])}")
    if "prepare_s" in facts:
        parts.append(f"packed in {seconds(facts['prepare_s'])}")
    if "ns_per_nonzero" in row:
        parts.append(f"{row['ns_per_nonzero']:.2f} ns a non-zero pixel")
    if row["disturbed"]:
        parts.append(f"DISTURBED: others used {row['others_cores']:.2f} cores")
    return ", ".join(parts)


def between(values: dict[str, float]) -> str:
    """The middle half of the times."""
    return f"{seconds(values['lower_quartile_s'])} - {seconds(values['upper_quartile_s'])}"


def show_machine(to: Console, machine: dict[str, Any]) -> None:
    """Two lines on what this was measured on."""
    to.print(
        f"{machine['processor']}, {machine['cores']} cores, {' '.join(machine['flags'])}; "
        f"{machine['system']}; {machine['compiler']}",
        highlight=False,
    )
    to.print(", ".join(f"{n} {v}" for n, v in machine["versions"].items()) + "\n", highlight=False)


def show_training(to: Console, rows: Rows) -> None:
    """One table a task."""
    for task in dict.fromkeys(row["task"] for row in rows):
        here = [row for row in rows if row["task"] == task]
        timed = [row for row in here if "epoch" in row]
        if not timed:
            continue
        epochs, rate = timed[0]["epochs"], timed[0]["learning_rate"]
        after = f"after {epochs} epochs" if epochs > 1 else "after it"
        title = f"{task}: {timed[0]['heading']}; accuracy {after} at learning rate {rate}"
        columns = ("an epoch", "middle half", "epochs timed", "times fastest peer", "accuracy")
        drawn = table(to, title, "", *columns, "peak MB", "")
        for row in timed:
            drawn.add_row(
                row["title"],
                seconds(row["epoch"]["median_s"]),
                between(row["epoch"]),
                str(row["epoch"]["n"]),
                f"{row['times_fastest_peer']:.2f}" if "times_fastest_peer" in row else "",
                f"{row['accuracy']:.2%}" if "accuracy" in row else "",
                f"{row['peak_bytes'] / 1e6:.0f}" if "peak_bytes" in row else "",
                note(row),
            )
        to.print(drawn)


def show_wide(to: Console, rows: Rows) -> None:
    """The times, behind what they rest on: that all make the same steps."""
    title = (
        f"Before timing, two epochs of {N_CHECKED} batches and a partial one: test loss, and its "
        "relative difference from that of the same steps in float64"
    )
    drawn = table(to, title, "", "task", "loss", "difference", "tolerated", "")
    for row in rows:
        check = row.get("check")
        drawn.add_row(
            row["name"],
            row["task"],
            f"{check['loss']:.6f}" if check else "",
            f"{check['difference']:.1e}" if check else "",
            f"{check['tolerance']:.0e}" if check else "",
            _checked(row),
        )
    to.print(drawn)
    show_training(to, rows)


def _checked(row: dict[str, Any]) -> str:
    if "error" in row:
        return f"[bold red]ERROR: {escape(row['error'])}; not timed[/]"
    if "cannot" in row:
        return escape(f"cannot run here: {row['cannot']}")
    return (
        "agrees"
        if "check" in row
        else "not compared: " + row["facts"].get("differs", "digits of its own")
    )


def show_inference(to: Console, rows: Rows) -> None:
    """Latency and throughput."""
    drawn = table(
        to, "Confidences on one core", "", "one digit", "10,000 digits", "digits a second", ""
    )
    for row in rows:
        many = row["throughput"]["median_s"]
        one = seconds(row["latency"]["median_s"])
        drawn.add_row(row["title"], one, seconds(many), f"{10_000 / many:,.0f}", note(row))
    to.print(drawn)


def show_from_start(to: Console, rows: Rows) -> None:
    """Whole processes."""
    batch, rate = FROM_START
    title = (
        f"From process start to {GOAL:.0%} on the test digits (batch {batch}, learning rate {rate})"
    )
    drawn = table(to, title, "", "wall time", "fastest", "slowest", "epochs", "accuracy", "")
    for row in rows:
        drawn.add_row(
            row["title"],
            seconds(row["wall"]["median_s"]),
            seconds(row["wall"]["min_s"]),
            seconds(row["wall"]["max_s"]),
            str(row["epochs"]),
            f"{row['accuracy']:.2%}",
            note(row) if row["reached"] else "goal NOT reached",
        )
    to.print(drawn)


def show_agreement(to: Console, rows: Rows) -> None:
    """Whether all computed the same."""
    title = (
        "Same weights, same order: difference from NumPy on the test digits "
        f"(tolerated: loss {LOSS_TOLERANCE:g} relative, accuracy {ACCURACY_TOLERANCE:.1%})"
    )
    drawn = table(to, title, "", "task", "loss", "accuracy", "")
    for row in rows:
        drawn.add_row(
            row["name"],
            row["task"],
            f"{row['loss_difference']:.1e}",
            f"{row['accuracy_difference']:.2%}",
            "agrees" if row["agrees"] else "[bold red]DISAGREES[/]",
        )
    to.print(drawn)


def show_targets(to: Console, rows: Rows) -> None:
    """What is reached and what is not."""
    drawn = table(to, "What Tongtou is to reach", "", "found", "wanted", "")
    for row in rows:
        wanted = f"{row['sign']} {row['bound']:.3g}"
        kept = "yes" if row["kept"] else "[bold red]NO[/]"
        drawn.add_row(row["what"], f"{row['value']:.3g}", wanted, kept)
    to.print(drawn)


def show_accuracy(to: Console, rows: Rows) -> None:
    """The recipes."""
    runs = rows[0]["runs"]
    title = (
        f"Recipes: accuracy on the 10,000 test digits by {len(runs)} seeds, after learning from "
        f"{runs[0]['n_train']:,} of the others, all cores"
    )
    columns = ("parameters", "epochs", "mean", "deviation", "worst", "best", "training", "slowest")
    drawn = table(to, title, "", *columns, "")
    for row in rows:
        drawn.add_row(
            row["name"],
            f"{row['runs'][0]['n_parameters']:,}",
            str(max(run["n_epochs"] for run in row["runs"])),
            f"{row['mean']:.2%}",
            f"{row['deviation']:.2%}",
            f"{row['worst']:.2%}",
            f"{row['best']:.2%}",
            seconds(row["train"]["median_s"]),
            seconds(row["train"]["max_s"]),
            note(row),
        )
    to.print(drawn)


def show_honesty(to: Console, rows: Rows) -> None:
    """What networks answer and refuse behind their gates: the mean over the seeds."""
    n = len(rows[0]["runs"])
    title = f"Behind the gates: 10,000 test digits, and pictures that are none, mean of {n} seeds"
    kinds = [kind for kind in rows[0]["refused"] if kind != "digits"]
    drawn = table(to, title, "", "accuracy", "answered", "wrong", "ECE", *kinds)
    for row in rows:
        drawn.add_row(
            row["name"],
            f"{row['accuracy']:.1%}",
            f"{row['coverage']:.1%}",
            f"{row['risk']:.2%}",
            f"{row['ece']:.2%}",
            *(f"{row['refused'][kind]:.0%}" for kind in kinds),
        )
    to.print(drawn)


def show_explanations(to: Console, rows: Rows) -> None:
    """What each explanation takes, beside what it is to take."""
    title = "Explanations of the lesson's network, called from Python; each call another digit"
    drawn = table(to, title, "", "one call", "middle half", "calls", "asked", "")
    for row in rows:
        drawn.add_row(
            row["title"],
            seconds(row["call"]["median_s"]),
            between(row["call"]),
            f"{row['call']['n']:,}",
            f"< {seconds(row['asked_s'])}" if row["asked_s"] else "",
            note(row),
        )
    to.print(drawn)


def show_soak(to: Console, rows: Rows) -> None:
    """What went wrong, and out of how many."""
    *wrong, total = rows
    to.print(f"Soak: {total['cases']} cases from number {total['first']}, {total['wrong']} wrong")
    for row in wrong:
        to.print(f"[bold red]{escape(row['settings'])}[/]", *row["faults"], sep="\n  ")


def show_failures(to: Console, said: list[str]) -> None:
    """What must not be passed over."""
    for one in said:
        to.print(f"[bold red]ERROR[/] {escape(one)}")


def show_end(to: Console, disturbed: int, path: str, wall_s: float) -> None:
    """How quiet it was and where the figures lie."""
    if disturbed:
        to.print(
            f"{disturbed} figures are disturbed: others used more than {QUIET_CORES} cores in "
            "every attempt. Run again on a quiet machine."
        )
    to.print(f"{wall_s:.0f} s. All figures: {path}", highlight=False)
