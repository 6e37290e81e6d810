"""A run into a checkpoint and back."""

from __future__ import annotations

import os
import re
import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou import checkpoints
from tongtou.boundary import all_finite
from tongtou.checkpoints import CheckpointError, Checkpoints, CheckpointWarning, Saved
from tongtou.history import History
from tongtou.tensorfile import shown
from tongtou.training.gathered import Part

if TYPE_CHECKING:
    from tongtou.network import Network
    from tongtou.training.run import Run

FORMAT = 1
_LEFT_OVER = re.compile(r"\.tongtou-[0-9a-f]{16}\.tmp")  # as tongtou.atomic names them
_NEVER = 1 << 62
_TOLD = {"format", "tongtou", "identity", "finished", "run"}
_OF_A_RUN = {"history", "elapsed_s", "correct", "seconds", "schedule", "memories"}


class Writer:
    """Writes a run down when it is time to.

    Parameters
    ----------
    orders : Checkpoints
    identity : dict
        As the function of that name returned it.
    """

    def __init__(self, orders: Checkpoints, identity: dict[str, Any]) -> None:
        self._orders, self._identity = orders, identity
        self._path = str(orders.path)
        self._written_at = -1.0
        self._written_step = -1
        self._warned = False

    def make_room(self) -> None:
        """Before a fresh run: rename what must not be overwritten."""
        try:
            found = checkpoints.read(self._path)
            keep = found is not None and not found.told.get("finished")
        except (CheckpointError, OSError):
            keep = True
        if keep and os.path.isfile(self._path):
            try:
                os.replace(self._path, f"{self._path}.before")
            except OSError as error:
                self._failed(error)

    def resumed_at(self, step: int) -> None:
        """Take note that the checkpoint of this step is there already."""
        self._written_step, self._written_at = step, time.monotonic()
        self._clear_away()

    def _clear_away(self) -> None:
        """Remove what a process left that was killed while writing; nobody writes for an hour."""
        folder = os.path.dirname(os.path.realpath(self._path))
        with suppress(OSError):
            for name in os.listdir(folder):
                if _LEFT_OVER.fullmatch(name):
                    path = os.path.join(folder, name)
                    if time.time() - os.stat(path).st_mtime > 3600:
                        os.unlink(path)

    def room(self, step: int) -> int:
        """Return how many steps there are up to the next multiple of `every_steps`."""
        every = self._orders.every_steps
        return _NEVER if every is None else every - step % every

    def look(self, run: Run) -> bool:
        """Write if it is time to; return whether training may go on."""
        step, orders = run.history.n_steps, self._orders
        due = self._written_step < 0
        if orders.every_steps is not None:
            due |= step % orders.every_steps == 0
        if orders.every_s is not None:
            due |= time.monotonic() - self._written_at >= orders.every_s
        if not due or step == self._written_step:
            return True
        return self.write(run) or orders.on_error == "warn"

    def write(self, run: Run, finished: bool = False) -> bool:
        """Write the run down as it is; return whether that worked."""
        from tongtou import __version__  # not there yet while the package is being imported

        told = {
            "format": FORMAT,
            "tongtou": __version__,
            "identity": self._identity,
            "finished": finished,
            "run": _told(run),
        }
        arrays = {"parameters": run.net._parameters} if finished else _arrays(run)
        self._written_at, self._written_step = time.monotonic(), run.history.n_steps
        try:
            checkpoints.write(self._path, Saved(told, arrays))
        except OSError as error:
            self._failed(error)
            return False
        self._written_at = time.monotonic()  # a slow disk must not take all the time
        return True

    def _failed(self, error: OSError) -> None:
        if self._warned:
            return
        self._warned = True
        goes_on = (
            "Training goes on and tries again"
            if self._orders.on_error == "warn"
            else "Training stops, as on_error='stop' says"
        )
        reason = (error.strerror or str(error)).rstrip(".")
        warnings.warn(
            f"the checkpoint {self._path} could not be written: {reason}. {goes_on}; what was "
            "learnt is in the network.",
            CheckpointWarning,
            stacklevel=2,
        )


def _told(run: Run) -> dict[str, Any]:
    return {
        "history": run.history.to_dict(),
        "elapsed_s": run.elapsed_s,
        "correct": run.gathered.correct,
        "seconds": run.gathered.seconds,
        "schedule": run.rates.schedule.state(),
        "memories": run.memories,
    }


def _arrays(run: Run) -> dict[str, NDArray[Any]]:
    state = _flat(run.course.snapshot())
    arrays = {f"state{k}": array for k, array in enumerate(state)}
    if run.gathered.parts:
        arrays["epoch"] = run.gathered.columns
    if run.best is not None:
        arrays["best"] = run.best
    return arrays


def _flat(snapshot: Any) -> list[NDArray[Any]]:
    """Return the arrays of a snapshot, which is one, or a list or tuple of snapshots."""
    if isinstance(snapshot, np.ndarray):
        return [snapshot]
    return [array for part in snapshot for array in _flat(part)]


def _filled(like: Any, arrays: list[NDArray[Any]]) -> Any:
    """Return the arrays in the structure of a snapshot; takes them off the list."""
    if isinstance(like, np.ndarray):
        return arrays.pop(0).astype(like.dtype, copy=True)
    return type(like)(_filled(part, arrays) for part in like)


# ---------------------------------------------------------------- and back


def found(orders: Checkpoints, identity: dict[str, Any]) -> Saved | None:
    """Return the checkpoint to go on from; None where there is none.

    Raises
    ------
    CheckpointError
        It is damaged, or of another network, data or recipe.
    """
    path = str(orders.path)
    saved = checkpoints.read(path)
    if saved is None:
        return None
    told = saved.told
    if told.get("format") != FORMAT or type(told["format"]) is not int:
        raise CheckpointError(
            f"{path}: expected a checkpoint of format {FORMAT}; this one has format "
            f"{shown(told.get('format'))}, written by Tongtou {shown(told.get('tongtou'))}. Go on "
            "with that version."
        )
    run = told.get("run")
    if set(told) != _TOLD or type(told["identity"]) is not dict or type(run) is not dict:
        raise _damaged(path, "its description is not that of a run")
    if set(run) != _OF_A_RUN:
        raise _damaged(path, f"expected {', '.join(sorted(_OF_A_RUN))} of the run")
    theirs, mine = told["identity"], checkpoints._decoded(checkpoints._coded(identity))
    different = [key for key in {**theirs, **mine} if theirs.get(key) != mine.get(key)]
    if different:
        said = "; ".join(
            "the data is another"
            if key == "data"
            else f"{key} is {shown(theirs.get(key))} there and {shown(mine.get(key))} here"
            for key in different
        )
        raise CheckpointError(
            f"{path} is the checkpoint of another run: {said}. Give fit the same, choose another "
            "path, or take resume=True away to begin afresh."
        )
    return saved


def history_of(saved: Saved, path: object) -> History:
    """Return the history that a checkpoint holds."""
    try:
        return History.from_dict(saved.told["run"]["history"])
    except (TypeError, ValueError) as error:
        raise _damaged(path, str(error)) from None


def take_up_finished(saved: Saved, net: Network, path: object) -> None:
    """Give the network the parameters that a finished run ended with."""
    found = saved.arrays.get("parameters")
    _require(found, net._parameters, "parameters", path)
    assert found is not None
    if not all_finite(found):
        raise _damaged(path, "a parameter is not finite")
    net._parameters[...] = found


def take_up(run: Run, saved: Saved, path: object) -> None:
    """Bring a run, whose course has been entered, to where the checkpoint was written."""
    told, arrays = saved.told["run"], dict(saved.arrays)
    like = run.course.snapshot()
    state = []
    for k, one in enumerate(_flat(like)):
        _require(arrays.get(f"state{k}"), one, f"state{k}", path)
        state.append(arrays.pop(f"state{k}"))
    columns, best = arrays.pop("epoch", None), arrays.pop("best", None)
    if best is not None:
        _require(best, run.net._parameters, "best", path)
    if arrays:
        raise _damaged(path, f"the array {shown(sorted(arrays)[0])} is one too many")
    n_gathered = run.history.n_steps - len(run.history.epochs) * run.course.steps_per_epoch
    if n_gathered < 0 or n_gathered > run.course.steps_per_epoch:
        raise _damaged(path, "its number of steps does not fit its number of epochs")
    if (np.empty((0, 4)) if columns is None else columns).shape != (n_gathered, 4):
        raise _damaged(path, f"expected the sums of {n_gathered} steps of the epoch under way")
    numbers = [told[key] for key in ("elapsed_s", "correct", "seconds")]
    if not all(type(number) in (int, float) for number in numbers):
        raise _damaged(path, "its counts are no numbers")
    memories = told["memories"]
    kinds = (int, float)
    if (
        type(memories) is not list
        or len(memories) != len(run.orders.stops)
        or not all(
            type(one) is dict and all(type(value) in kinds for value in one.values())
            for one in memories
        )
    ):
        raise _damaged(path, "what its stopping conditions remember is not that of these")
    try:
        if type(told["schedule"]) is not dict:
            raise ValueError("its schedule's state is no object")
        run.rates.schedule.load_state(told["schedule"])
    except ValueError as error:
        raise _damaged(path, str(error)) from None
    before = run.course.snapshot()
    run.course.restore(_filled(like, state))
    if not all_finite(run.net._parameters):
        run.course.restore(before)
        raise _damaged(path, "a parameter is not finite")
    run.memories = memories
    run.earlier_s = float(told["elapsed_s"])
    run.best = None if best is None else best.astype(run.net.dtype)
    if columns is not None:
        first = run.history.n_steps - n_gathered
        part = Part(first, columns.astype(np.float64), int(told["correct"]), told["seconds"])
        run.gathered.parts.append(part)


def _require(found: NDArray[Any] | None, like: NDArray[Any], name: str, path: object) -> None:
    if found is None or found.shape != like.shape or found.dtype != like.dtype:
        what = "nothing" if found is None else f"{found.dtype} {list(found.shape)}"
        raise _damaged(path, f"expected {name} to be {like.dtype} {list(like.shape)}; got {what}")


def _damaged(path: object, what: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is no checkpoint to resume from: {what.rstrip('.')}. "
        "Delete it, or take resume=True away, to begin afresh."
    )
