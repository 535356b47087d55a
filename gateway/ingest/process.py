"""The process that reads files: it keeps the libraries warm and forks a child for every job.

What a hostile file does, it does to its child: no memory, open file or broken library of one job is there for the next.
Run as `python -m gateway.ingest.process <pid of the gateway>`; tasks come in on standard input and results go out on
standard output, each as msgpack after its length.
"""

import gc
import os
import selectors
import signal
import sys
import time
from typing import Never

import msgspec

from gateway.ingest import confinement
from gateway.ingest.contract import Code, Done, Task
from gateway.ingest.frames import Frames, frame
from gateway.ingest.jobs import perform, warm

_READ = 65_536
_IN, _OUT = 0, 1

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Done).decode
_task = msgspec.msgpack.Decoder(Task).decode


class Child:
    """A job under way. Raises OSError where no process can be started."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.ends = time.monotonic() + task.limits.seconds
        self.answer = b""
        self._overran = False
        self.pipe, write = os.pipe()
        parent = os.getpid()
        try:
            self._pid = os.fork()
            if self._pid == 0:
                _work(task, write, parent)
        except OSError:
            os.close(self.pipe)
            raise
        finally:
            os.close(write)

    def stop(self) -> None:
        """End it; nobody waits for it."""
        os.kill(self._pid, signal.SIGKILL)

    def overrun(self) -> None:
        """End it since its time is over."""
        self._overran = True
        self.ends = float("inf")
        self.stop()

    def done(self) -> Done:
        """How it ended. After its end of the pipe was closed it has nothing more to do."""
        os.close(self.pipe)
        self.stop()
        status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        if self._overran or status == -signal.SIGXCPU:
            return self._refused("invalid_file", f"Reading it took longer than {self.task.limits.seconds:g} seconds.")
        if status == -signal.SIGKILL:
            return self._refused("server_error", "The process that read it was killed.")
        try:
            return msgspec.structs.replace(_decode(self.answer), id=self.task.id)
        except msgspec.DecodeError:
            return self._refused("invalid_file", "It broke the process that read it.")

    def _refused(self, code: Code, message: str) -> Done:
        return Done(self.task.id, code=code, message=message)


def _work(task: Task, pipe: int, parent: int) -> Never:
    """The child: do the job, tell how it ended, and be gone without running anything of the parent's."""
    try:
        confinement.enter_child(task.limits, pipe, parent)
        os.write(pipe, _encode(perform(task)))
    finally:
        os._exit(0)


class Nursery:
    """All the jobs under way."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._children: dict[int, Child] = {}
        """By the id of their task."""
        self._selector = selectors.DefaultSelector()
        self._selector.register(_IN, selectors.EVENT_READ)

    def run(self) -> None:
        """Do what comes in until nothing can come any more."""
        while True:
            for key, _ in self._selector.select(self._patience()):
                if key.data is not None:
                    self._hear(key.data)
                elif data := os.read(_IN, _READ):
                    for message in self._frames.feed(data):
                        self._take(_task(message))
                else:
                    return
            for child in self._children.values():
                if child.ends <= time.monotonic():
                    child.overrun()

    def _patience(self) -> float | None:
        ends = min((child.ends for child in self._children.values()), default=float("inf"))
        return None if ends == float("inf") else max(0, ends - time.monotonic())

    def _take(self, task: Task) -> None:
        """Begin a job; one without work ends that which has its id."""
        if task.job is not None:
            try:
                child = self._children[task.id] = Child(task)
            except OSError as error:
                _tell(Done(task.id, message=f"No process can be started: {error.strerror}."))
            else:
                self._selector.register(child.pipe, selectors.EVENT_READ, child)
        elif task.id in self._children:
            self._children[task.id].stop()

    def _hear(self, child: Child) -> None:
        if data := os.read(child.pipe, _READ):
            child.answer = (child.answer + data)[-_READ:]
            return
        self._selector.unregister(child.pipe)
        del self._children[child.task.id]
        _tell(child.done())


def _tell(done: Done) -> None:
    message = frame(_encode(done))
    while message:
        message = message[os.write(_OUT, message) :]


def main() -> None:
    """Load everything that jobs need before the first of them, then serve."""
    confinement.enter(int(sys.argv[1]))
    warm()
    gc.freeze()  # what is loaded is never looked through, and so never copied, in a child
    Nursery().run()


if __name__ == "__main__":
    main()
