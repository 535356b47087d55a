"""What a child does with a file. Whatever a file does to a library becomes a sentence about the file."""

from pathlib import Path

from adapters.wire.tokens import split_tokens
from gateway.ingest import confinement, formats
from gateway.ingest.chunking import cut_file
from gateway.ingest.contract import Chunk, Code, Done, Extract, Extracted, FileRefused, Task
from gateway.ingest.text import Text


def warm() -> None:
    """Load what jobs need, so that no child has to."""
    split_tokens("warm")
    formats.warm()


def perform(task: Task) -> Done:
    """Do a job, and tell how it ended. The process that did it can do no other."""
    try:
        confinement.keep_files(task.job)
        match task.job:
            case Extract() as job:
                return Done(extracted=extract(job))
            case Chunk() as job:
                return Done(count=cut_file(Path(job.text), Path(job.chunks), job.chunking))
        return Done(message="There is nothing to do.")
    except FileRefused as refused:
        return _refused(refused.code, refused.message)
    except MemoryError:
        most = task.limits.memory_bytes
        return _refused("invalid_file", f"Reading it takes more than {most} bytes of memory.")
    except OSError as error:
        if error.errno in formats.OF_THE_MACHINE:
            return Done(message=f"The text can't be written: {error.strerror}.")
        return _refused("server_error", f"It can't be read: {error.strerror}.")


def extract(job: Extract) -> Extracted:
    """Write a file's text. Raises FileRefused, MemoryError, and OSError of the machine."""
    source = Path(job.source)
    found = formats.find(source, job.name)
    with Text(Path(job.text), job.most) as text:
        formats.read(found, source, text)
    if text.is_blank:
        raise FileRefused("invalid_file", f"There is no text in it.{found.why_blank}")
    return Extracted(found.name, text.size)


def _refused(code: Code, message: str) -> Done:
    return Done(code=code, message=message)
