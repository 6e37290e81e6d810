"""Checkpoints on disks that are full, gone or may only be read: one warning, and nothing lost."""

import errno
import os
import resource
import warnings

import pytest
from checkpoint_runs import X, Y, same, train
from small_networks import SWITCHED, bits

import tongtou as tt
from tongtou.checkpoints import Checkpoints, CheckpointWarning, read


def trained_with_a_bad_disk(path, stop_when_bad=False, **settings):
    there = Checkpoints(
        path, every_s=None, every_steps=1, on_error="stop" if stop_when_bad else "warn"
    )
    net = tt.Network([12, 9, 3], seed=2, **SWITCHED)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            history = tt.fit(
                net, (X, Y), batch_size=16, epochs=4, validation=10, checkpoint=there, **settings
            )
    finally:  # at once: the tests' own output may go to a file
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [one.category for one in said] == [CheckpointWarning]  # once, and nothing else
    return net, history, str(said[0].message)


@pytest.fixture
def small_files():
    """A limit on the size of files, as a full disk or a quota sets one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda n: resource.setrlimit(resource.RLIMIT_FSIZE, (n, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_costs_one_warning_and_no_checkpoint(small_files, tmp_path):
    path, calls = tmp_path / "run", []

    def callback(record):
        if record.epoch == 2:
            calls.append(path.read_bytes())
            small_files(100)

    net, history, said = trained_with_a_bad_disk(path, callback=callback)
    assert "could not be written" in said
    assert "Training goes on" in said
    assert "limit" in said or "room" in said
    assert history.stopped_by == "epochs"
    assert bits(net) == bits(train()[0])
    assert path.read_bytes() == calls[0]  # the last good one, and nothing beside it
    assert os.listdir(tmp_path) == ["run"]


def test_a_run_goes_on_from_before_the_disk_was_full(small_files, tmp_path):
    """The process ends too; with room again the run is resumed and loses nothing."""
    path = tmp_path / "run"

    def callback(record):
        small_files(100)
        if record.epoch == 3:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), pytest.warns(CheckpointWarning):
        train(path, callback=callback)
    small_files(resource.RLIM_INFINITY)
    net, history = train(path, resume=True)
    assert bits(net) == bits(train()[0])
    assert same(history) == same(train()[1])


@pytest.mark.parametrize("where", ["start", "later"])
def test_training_stops_if_told_to(small_files, tmp_path, where):
    path = tmp_path / "run"

    def callback(record):
        small_files(100)

    if where == "start":
        path = tmp_path / "nowhere" / "run"
    net, history, said = trained_with_a_bad_disk(path, stop_when_bad=True, callback=callback)
    assert "Training stops, as on_error='stop' says" in said
    assert history.stopped_by == "checkpoint failed"
    assert history.n_steps == (0 if where == "start" else 5)
    assert net.history is history


@pytest.mark.parametrize("error", [errno.EROFS, errno.EACCES, errno.EIO, errno.ENOSPC])
@pytest.mark.parametrize("step", ["open", "fsync", "replace", "write"])
def test_whatever_step_of_writing_fails(monkeypatch, tmp_path, step, error):
    def fail(*told, **more):
        raise OSError(error, os.strerror(error))

    path = tmp_path / "run"

    def callback(record):
        if record.epoch == 1:
            kept.append(path.read_bytes())
            monkeypatch.setattr(f"tongtou.atomic.os.{step}", fail)
        if record.epoch == 3:
            monkeypatch.undo()  # it is tried again, and works again

    kept = []
    net, _, said = trained_with_a_bad_disk(path, callback=callback)
    assert os.strerror(error) in said
    assert bits(net) == bits(train()[0])
    assert read(str(path)).told["finished"]
    assert os.listdir(tmp_path) == ["run"]


def test_a_folder_that_may_only_be_read(tmp_path):
    """A superuser may write anywhere, so the folder is a file here."""
    (tmp_path / "folder").write_text("not a folder")
    net, _, said = trained_with_a_bad_disk(tmp_path / "folder" / "run")
    assert "part of the path is a file" in said
    assert bits(net) == bits(train()[0])


@pytest.mark.skipif(os.geteuid() == 0, reason="a superuser may write anywhere")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    try:
        net, _, said = trained_with_a_bad_disk(tmp_path / "run")
    finally:
        tmp_path.chmod(0o700)
    assert "you may write to" in said
    assert bits(net) == bits(train()[0])


def test_a_folder_that_goes_away(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()

    def callback(record):
        if record.epoch == 2:
            (folder / "run").unlink()
            folder.rmdir()

    net, history, said = trained_with_a_bad_disk(folder / "run", callback=callback)
    assert "folder does not exist" in said
    assert history.stopped_by == "epochs"
    assert bits(net) == bits(train()[0])
