"""A model file is written whole or not at all, and nothing else is left behind."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from model_files import assert_same, child, network, same_bits, saved

import tongtou as tt


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "chmod"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    content = saved(network(), tmp_path / "net")

    def fail(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="nothing was written, and what was there is unch") as caught:
        tt.Network([2, 1]).save(tmp_path / "net")
    monkeypatch.undo()
    assert caught.value.errno == code
    assert caught.value.filename == str(tmp_path / "net")
    assert ("Make room on the disk" in str(caught.value)) == (code == errno.ENOSPC)
    assert (tmp_path / "net").read_bytes() == content
    assert os.listdir(tmp_path) == ["net"]


def test_a_disk_that_fills_up_half_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = saved(network(), tmp_path / "net")
    write, room = os.write, [700]

    def write_some(descriptor: int, data: memoryview) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        n = write(descriptor, data[: room[0]])
        room[0] -= n
        return n

    monkeypatch.setattr(os, "write", write_some)
    with pytest.raises(OSError, match="Make room on the disk"):
        network().save(tmp_path / "net")
    assert (tmp_path / "net").read_bytes() == content
    assert os.listdir(tmp_path) == ["net"]


def test_writes_in_small_portions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = saved(network(), tmp_path / "a")
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:100]))
    assert saved(network(), tmp_path / "b") == content


def test_the_systems_own_limit_on_files(tmp_path: Path) -> None:
    program = """
        import resource, sys, tongtou as tt
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            tt.Network([50, 50]).save(sys.argv[1])
        except OSError as error:
            print(error)
    """
    assert "Files here must not grow" in child(program, str(tmp_path / "net"))
    assert os.listdir(tmp_path) == []


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        network().save(tmp_path / "net")
    assert os.listdir(tmp_path) == []


def test_the_order_of_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def recorded(name: str) -> Callable[..., Any]:
        original = getattr(os, name)

        def call(*arguments: Any) -> Any:
            is_file = name != "fsync" or stat.S_ISREG(os.fstat(arguments[0]).st_mode)
            calls.append(name if is_file else "fsync of the folder")
            return original(*arguments)

        return call

    for name in ("write", "fsync", "replace"):
        monkeypatch.setattr(os, name, recorded(name))
    tt.Network([2, 1]).save(tmp_path / "net")
    assert calls == ["write", "fsync", "replace", "fsync of the folder"]


def test_a_folder_that_cannot_be_synced_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def only_files(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    network().save(tmp_path / "net")
    assert_same(network(), tt.load(tmp_path / "net"))


def test_a_reader_sees_the_old_or_the_new_file(tmp_path: Path) -> None:
    nets = [tt.Network([30, 30], seed=seed) for seed in range(2)]
    nets[0].save(tmp_path / "net")
    done = threading.Event()

    def write() -> None:
        for turn in range(30):
            nets[turn % 2].save(tmp_path / "net")
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not done.is_set():
            loaded = tt.load(tmp_path / "net")
            assert same_bits(loaded.layers[0].W, nets[loaded.seed].layers[0].W)
    finally:
        writer.join()


def test_permissions(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        network().save(tmp_path / "new")
        (tmp_path / "private").touch(0o600)
        network().save(tmp_path / "private")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(tmp_path / "new").st_mode) == 0o640
    assert stat.S_IMODE(os.stat(tmp_path / "private").st_mode) == 0o600


def test_a_link_keeps_leading_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("far/net")
    for seed in (1, 2):  # the first time the link leads nowhere yet
        tt.Network([2, 1], seed=seed).save(tmp_path / "link")
        assert os.readlink(tmp_path / "link") == "far/net"
        assert tt.load(tmp_path / "far" / "net").seed == tt.load(tmp_path / "link").seed == seed
    assert os.listdir(tmp_path / "far") == ["net"]


def test_names_as_long_as_they_can_be(tmp_path: Path) -> None:
    network().save(tmp_path / ("n" * 255))
    assert_same(network(), tt.load(tmp_path / ("n" * 255)))


def a_circle(path: Path) -> None:
    path.symlink_to(path.name)


NO_PLACE: dict[str, tuple[str, Callable[[Path], Any], type[OSError], str]] = {
    "missing folder": ("a/b/net", lambda _: None, FileNotFoundError, "create it first"),
    "folder": ("net", Path.mkdir, IsADirectoryError, "name a file in it"),
    "ends in a slash": ("net/", lambda _: None, IsADirectoryError, "name a file in it"),
    "file as folder": ("net/x", lambda path: path.parent.touch(), NotADirectoryError, "is a file;"),
    "long name": ("n" * 256, lambda _: None, OSError, "shorter name"),
    "circle of links": ("net", a_circle, OSError, "in a circle"),
    "pipe": ("net", os.mkfifo, FileExistsError, "no ordinary file but a device"),
}


@pytest.mark.parametrize(("place", "make", "kind", "match"), NO_PLACE.values(), ids=NO_PLACE)
def test_no_place_for_a_file(
    tmp_path: Path, place: str, make: Callable[[Path], Any], kind: type[OSError], match: str
) -> None:
    make(tmp_path / place)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(kind, match=match):
        network().save(f"{tmp_path}/{place}")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_write_protected_file_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = saved(network(), tmp_path / "net")
    (tmp_path / "net").chmod(0o444)
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    with pytest.raises(PermissionError, match="that you may write to"):
        tt.Network([2, 1]).save(tmp_path / "net")
    assert (tmp_path / "net").read_bytes() == content
