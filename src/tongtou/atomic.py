"""Writing a file whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

_ADVICE = {
    errno.ENOENT: "The folder does not exist; create it first.",
    errno.ENOTDIR: "A part of the path is a file; choose another folder.",
    errno.EISDIR: "This is a folder; name a file in it.",
    errno.EEXIST: "This is no ordinary file but a device, pipe or socket; name a file.",
    errno.EACCES: "Choose a folder and a file that you may write to.",
    errno.EPERM: "Choose a folder and a file that you may write to.",
    errno.EROFS: "This disk can only be read; choose another one.",
    errno.ENOSPC: "Make room on the disk, or choose another one.",
    errno.EDQUOT: "Make room within your quota, or choose another disk.",
    errno.EFBIG: "Files here must not grow this large; choose another disk or lift the limit.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.ELOOP: "The symbolic links lead in a circle; name a file.",
}


def write_whole(path: str, content: bytes) -> None:
    """Write `content` as the file `path`.

    At every moment, a power cut included, the path leads to the old file or to the new one, whole.
    A symbolic link stays and the file it leads to is replaced. A new file gets the permissions the
    umask leaves, a replaced one keeps its own.

    Raises
    ------
    OSError
        Of the subclass that fits the cause. What was at `path` is as before, and nothing else was
        left behind.
    """
    try:
        _write(path, content)
    except OSError as error:
        reason = error.strerror or str(error)
        advice = _ADVICE.get(error.errno or 0, "Choose another place.")
        raise OSError(
            error.errno or errno.EIO,
            f"nothing was written, and what was there is unchanged ({reason}). {advice}",
            path,
        ) from error


def _write(path: str, content: bytes) -> None:
    if path.endswith(os.sep):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    # The link's own target is replaced; os.replace would put a file in the place of the link.
    target = os.path.realpath(path)
    permissions = _permissions(target)
    folder = os.path.dirname(target)
    # Renaming is atomic within one folder only. The name owes nothing to the target's, which may
    # already be as long as names can be.
    temporary = os.path.join(folder, f".tongtou-{os.urandom(8).hex()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _O_BINARY, 0o666)
    try:
        try:
            if permissions is not None:
                os.chmod(temporary, permissions)
            _write_all(descriptor, memoryview(content))
            # Without this the rename can reach the disk before the contents do.
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, target)
    except BaseException:  # Ctrl-C leaves nothing behind either
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


_O_BINARY = getattr(os, "O_BINARY", 0)


def _permissions(target: str) -> int | None:
    """Return the permissions of the file that will be replaced, or None when there is none."""
    try:
        found = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):  # replacing /dev/null by a file would break the machine
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    if not os.access(target, os.W_OK):  # the folder's permission would be enough to replace it
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return stat.S_IMODE(found.st_mode) & 0o777


def _write_all(descriptor: int, rest: memoryview) -> None:
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _sync_folder(folder: str) -> None:
    """Bring the new name to the disk, where the file system can.

    A failure is passed over: the file is in its place and whole, so "not saved" would be untrue;
    at worst a power cut in the next seconds brings the old file back.
    """
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
