"""``tongtou train``: a network from random numbers to a tested file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tongtou import __version__
from tongtou.checkpoints import Checkpoints
from tongtou.errors import DivergedError
from tongtou.history import History
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.recipes import Recipe
from tongtou.stopping import Stopping
from tongtou.terminal import course, results
from tongtou.terminal.console import UserError, heading, say, show, show_json, warnings_in_one_line
from tongtou.terminal.findings import examine
from tongtou.terminal.interrupts import INTERRUPTED
from tongtou.terminal.material import Material, material_of
from tongtou.terminal.order import TrainingOrder
from tongtou.terminal.plan import class_weights, conditions, planned
from tongtou.training import fit

_EVERY_S = 30.0
"""Seconds between checkpoints unless told otherwise."""

_LEAST_HELD = 100
"""Held-out examples that gates take their thresholds from."""

_RISK = "1%"
"""Told after training."""


@dataclass(frozen=True)
class _Job:
    """Everything about a run, settled before its first step."""

    order: TrainingOrder
    material: Material
    recipe: Recipe
    net: Network
    n_held: int
    stop: list[Stopping]
    class_weight: Any
    out: Path
    checkpoint: Checkpoints | None

    @property
    def has_gates(self) -> bool:
        """Whether the network is to say when it does not know."""
        return self.order.gates or (self.recipe.beside > 0 and self.n_held >= _LEAST_HELD)


def run(**given: Any) -> int:
    """Train, test, save and show; return the exit code."""
    with warnings_in_one_line():
        return _train(TrainingOrder(**given))


def _train(order: TrainingOrder) -> int:
    if order.out is not None:
        check_place(order.out)
    job = _job(order)
    if not order.as_json:
        results.show_network(job.net)
        course.show_start(job.material, job.recipe, job.stop, job.n_held)
    history = _fit(job)
    # Saved before anything that could still be interrupted.
    save(job.net, job.out)
    if job.has_gates:
        from tongtou.honesty import gates  # seldom asked for, and not light

        job.net.gates = gates(job.net, job.material.train, job.n_held, seed=order.seed)
        save(job.net, job.out)
    test = job.material.test
    findings = examine(job.net, test) if test is not None else None
    if order.as_json:
        show_json(
            {
                "tongtou": __version__,
                "network": results.network_document(job.net),
                "history": history.to_dict(),
                "test": results.test_document(job.net, findings),
                "file": str(job.out),
            }
        )
    else:
        course.show_course(history, job.checkpoint is not None)
        if test is not None and findings is not None:
            heading(course.test_title(test))
            results.show_findings(job.net, test, findings)
            results.show_answers(job.net, test, findings)
        else:
            show("")
            say(text("train.no_test" if order.source is None else "train.no_test_share"))
        show("")
        if job.net.gates is not None:
            say(job.net.gates.promise(_RISK).words())
        say(text("train.saved", file=job.out))
    return INTERRUPTED if history.stopped_by == "interrupted" else 0


def _job(order: TrainingOrder) -> _Job:
    material = material_of(order)
    out = order.out or Path(material.file_name)
    check_place(out)
    recipe = planned(order, material)
    n_held = _n_held(order.validation, material)
    if order.gates:
        if not material.has_classes:
            raise UserError(text("error.for_classes", option="--gates"))
        if n_held < _LEAST_HELD:
            raise UserError(text("error.gates_held", n=n_held, least=_LEAST_HELD))
    return _Job(
        order=order,
        material=material,
        recipe=recipe,
        net=_network(order, material, recipe),
        n_held=n_held,
        stop=conditions(order, material, recipe, n_held),
        class_weight=class_weights(order, material),
        out=out,
        checkpoint=_checkpoints(order, out),
    )


def _network(order: TrainingOrder, material: Material, recipe: Recipe) -> Network:
    try:
        return recipe.network(
            material.train.n_in,
            material.train.n_out,
            seed=order.seed,
            dtype=order.dtype or "float32",
        )
    except ValueError as error:
        raise UserError(error) from error


def _n_held(validation: float | None, material: Material) -> int:
    n = len(material.train)
    if validation is None:
        return n // material.held_out_part
    n_held = int(validation) if validation >= 1 else round(validation * n)
    if n_held >= n:
        raise UserError(text("error.validation", n=f"{n:,}", n_held=f"{n_held:,}"))
    return n_held


def _checkpoints(order: TrainingOrder, out: Path) -> Checkpoints | None:
    if order.checkpoint is None and order.checkpoint_every is None and not order.resume:
        return None
    path = order.checkpoint or out.with_name(out.name + ".checkpoint")
    check_place(path)
    return Checkpoints(path, every_s=order.checkpoint_every or _EVERY_S)


def _fit(job: _Job) -> History:
    seed = job.order.seed
    settings = job.recipe.settings() | {"stop": job.stop or None}
    settings |= job.recipe.examples(job.material.train, job.n_held, seed=seed)
    try:
        return fit(
            job.net,
            seed=seed,
            threads=job.order.threads,
            progress=False if job.order.no_progress else None,
            class_weight=job.class_weight,
            checkpoint=job.checkpoint,
            resume=job.order.resume,
            **settings,
        )
    except DivergedError as error:
        rate = job.recipe.optimizer.schedule.initial
        raise UserError(text("error.diverged", rate=f"{rate:g}", file=job.out)) from error


def check_place(path: Path) -> None:
    """Refuse a place that cannot be written to before the work rather than after it."""
    folder = path.parent
    if path.is_dir():
        raise UserError(text("error.is_folder", file=path))
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise UserError(text("error.not_writable", file=path, folder=folder))


def save(net: Network, path: Path) -> None:
    """Write the model; a place that cannot be written to is the user's to change."""
    try:
        net.save(path)
    except OSError as error:
        raise UserError(text("error.not_saved", file=path, reason=error.strerror)) from error
