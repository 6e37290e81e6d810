"""What happens when the loss leaves the finite numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tongtou.boundary import all_finite
from tongtou.errors import DivergedError

if TYPE_CHECKING:
    from tongtou.training.run import Run


def gone_back(run: Run, step: int, by_loss: bool) -> DivergedError:
    """Go back to the last good parameters, and return the error that says so.

    After `step` steps the loss, or somewhere before a parameter, is not finite. The step before did
    the harm: make the steps of the slice once more up to it, and no further than parameters are
    finite.
    """
    # what was before a checkpoint that the run was resumed from cannot be made once more
    last = max(step - 1 if by_loss else step, run.trail.earliest)
    good = run.trail.slice_of(last)
    run.trail.back_to(good)
    while good < last:
        snapshot = run.course.snapshot()
        run.course.advance(good, run.trail.rates_at(good), 1)
        if not all_finite(run.net._parameters):
            run.course.restore(snapshot)
            break
        good += 1
    history, per_epoch = run.history, run.course.steps_per_epoch
    history.n_steps = good
    del history.epochs[good // per_epoch :]  # an epoch whose last step was taken back
    history.stopped_by = "diverged"
    if good < step:
        said = (
            f"training diverged: after {good + 1} steps (epoch {good // per_epoch + 1}) the "
            f"loss is not finite. The network keeps its parameters after {good}. Use a smaller "
            f"learning rate than {run.trail.rates_at(good)[0, 0]:g}, and scale the inputs to about "
            "-1 … 1."
        )
    else:
        said = (
            f"training cannot {'go on' if step else 'start'}: the loss of the first batch is not "
            "finite. The parameters are unchanged. Scale the inputs and targets to about -1 … 1, "
            "or start from smaller weights."
        )
    error = DivergedError(said)
    error.step = step if good == step else good + 1
    error.history = history
    return error
