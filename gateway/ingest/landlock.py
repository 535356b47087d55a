"""Landlock: a process gives up the files, connections and signals that it has no business with, for good.

Linux 5.13 has it, 6.7 for connections and 6.12 for signals; it needs no rights, and containers may use it.
https://docs.kernel.org/userspace-api/landlock.html
"""

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""System calls, of the same number on every architecture."""
_ASKS_VERSION, _BENEATH_PATH = 1, 1
_NO_NEW_PRIVILEGES = 38
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
"""What can be allowed of a file; the rest is of folders."""
_FILES_SINCE = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All that may be done to files, by the version that knew it first."""
_CONNECTIONS, _CONNECTIONS_SINCE = 0b11, 4
_OTHERS, _OTHERS_SINCE = 0b11, 6
"""Processes outside: their signals, and their sockets that have no file."""


def version() -> int:
    """Which one the kernel has; none below 1."""
    return int(ctypes.CDLL(None).syscall(_CREATE_RULESET, None, 0, _ASKS_VERSION)) if sys.platform == "linux" else 0


def restrict(reads: Iterable[str], writes: Iterable[str]) -> None:
    """Keep files and folders to read, and files that are there to write, as far as the kernel sees to it."""
    known = version()
    if known < 1:
        return
    system = ctypes.CDLL(None).syscall
    files = _FILES_SINCE[max(first for first in _FILES_SINCE if first <= known)]
    connections = _CONNECTIONS if known >= _CONNECTIONS_SINCE else 0
    others = _OTHERS if known >= _OTHERS_SINCE else 0
    handled = struct.pack("=QQQ", files, connections, others)[: _size(known)]
    rules = system(_CREATE_RULESET, handled, ctypes.c_size_t(len(handled)), 0)
    for allowed, paths in ((_READ, reads), (_WRITE_FILE | _TRUNCATE, writes)):
        for path in paths:
            _allow(system, rules, path, allowed & files)
    ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    system(_RESTRICT_SELF, rules, 0)
    os.close(rules)


def _size(version: int) -> int:
    """Bytes of the first argument that a kernel of this version knows."""
    return 24 if version >= _OTHERS_SINCE else 16 if version >= _CONNECTIONS_SINCE else 8


def _allow(system: "ctypes._NamedFuncPointer", rules: int, path: str, allowed: int) -> None:
    with suppress(FileNotFoundError):
        opened = os.open(path, os.O_PATH)
        if not os.path.isdir(path):
            allowed &= _OF_FILES
        system(_ADD_RULE, rules, _BENEATH_PATH, struct.pack("=Qi", allowed, opened), 0)
        os.close(opened)
