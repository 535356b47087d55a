"""Folders of this machine that something keeps its files in."""

import errno
import os
from pathlib import Path


def see_usable(folder: Path) -> None:
    """See that files can be made there, or the folder itself; nothing is made. Raises OSError."""
    there = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not there.is_dir():
        raise _fault(errno.ENOTDIR, there)
    if not os.access(there, os.W_OK | os.X_OK):
        raise _fault(errno.EROFS if os.statvfs(there).f_flag & os.ST_RDONLY else errno.EACCES, there)


def _fault(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))
