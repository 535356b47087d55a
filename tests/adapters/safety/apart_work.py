"""Work for a process apart that does what a test tells it."""

import os
import time
from collections.abc import Callable
from typing import Any


def prepare(options: dict[str, Any]) -> Callable[[Any], Any]:
    """What does it; `options` may tell to fail at once."""
    if "fault" in options:
        raise ValueError("a secret")

    def work(message: Any) -> Any:
        print("what a library prints is no answer")
        match message:
            case {"sleep": seconds}:
                time.sleep(seconds)
            case {"exit": status}:
                os._exit(status)
            case {"raise": text}:
                raise KeyError(text)
        return {"pid": os.getpid(), "message": message}

    return work
