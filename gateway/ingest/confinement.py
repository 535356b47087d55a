"""What processes that read files may not do: speak to a network, outlive the gateway, use more than their limits."""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

from adapters.parent import die_with
from gateway.ingest import landlock
from gateway.ingest.contract import Chunk, Extract, Job, Limits

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_NICENESS = 10
_OPEN_FILES = 64
_INHERITED = 4_096
"""Files that the process has open are far fewer: one for each child."""
_WRITTEN_BYTES = 2**32
"""To one file. Chunks of the longest text that `ingestion.text_bytes` may allow take less."""
_LIBRARIES = (sys.prefix, sys.base_prefix, "/usr/lib", "/lib", "/lib64", os.devnull, "/dev/urandom")
_KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "PYTHONPATH", "TIKTOKEN_CACHE_DIR", "TMPDIR", "XDG_CACHE_HOME")


def environment() -> dict[str, str]:
    """The variables that the process has: none that could hold a secret."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def enter(gateway: int) -> None:
    """Confine the process, and with it every child."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the gateway, which then closes the pipe
    os.umask(0o077)
    os.nice(_NICENESS)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash would write a file's contents to the disk
    die_with(gateway)
    _leave_the_network()


def enter_child(limits: Limits, pipe: int, parent: int) -> None:
    """Confine a child to the limits of its job, and to the pipe."""
    die_with(parent)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(nowhere, standard)
    os.closerange(3, pipe)
    os.closerange(pipe + 1, _INHERITED)
    seconds = max(1, round(limits.seconds))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_WRITTEN_BYTES, _WRITTEN_BYTES))
    if sys.platform == "linux":  # others take a bound on address space and do not keep it
        most = _address_space() + limits.memory_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def keep_files(job: Job | None) -> None:
    """Give up every file but those of a job and of the libraries, and with them the network. Raises OSError."""
    match job:
        case Extract():
            read, written = job.source, job.text
        case Chunk():
            read, written = job.text, job.chunks
        case None:
            return
    Path(written).touch(mode=0o600)  # making files is given up, too
    landlock.restrict((read, *_LIBRARIES), (written,))


def _address_space() -> int:
    """Bytes that this process has mapped: https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _leave_the_network() -> None:
    """Move into a network of its own that leads nowhere, where the kernel lets this user do that. Linux only.

    https://man7.org/linux/man-pages/man2/unshare.2.html
    """
    if sys.platform == "linux":
        unshare = ctypes.CDLL(None).unshare
        if unshare(_CLONE_NEWNET) != 0:
            unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
