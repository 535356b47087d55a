"""Milvus Lite as a process of its own: `python -m adapters.vector_io.milvus.lite_server <folder> <socket>`.

It is Python throughout and would hold up the gateway's event loop. It ends when its standard input does, and so with
the process that started it, however that ends. It inherits that one's lock on the folder: nobody else starts another
one before this has closed its files.
"""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from milvus_lite.adapter.grpc.servicer import MilvusServicer
from milvus_lite.db import MilvusLite
from pymilvus.grpc_gen import milvus_pb2_grpc

READY = "ready"
_THREADS = 10
_MESSAGE_BYTES = 256 * 1024 * 1024
_GRACE_SECONDS = 5.0
_SETTINGS = [
    ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_BYTES),
    # Milvus' client pings every ten seconds; by default a server soon hangs up on whoever does, its calls too.
    ("grpc.http2.max_ping_strikes", 0),
]
"""https://grpc.io/docs/guides/keepalive/"""

_WRITES = ("CreateCollection", "DropCollection", "CreateIndex", "LoadCollection", "Insert", "Upsert", "Delete")


class _OneWriter(MilvusServicer):  # type: ignore[misc] # its package has no types
    """Reads go on at once; of writes, Milvus Lite takes one at a time only."""

    def __init__(self, database: Any) -> None:
        super().__init__(database)
        self._writing = threading.Lock()
        for name in _WRITES:
            setattr(self, name, self._alone(getattr(self, name)))

    def _alone(self, serve: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        def serve_alone(request: Any, context: Any) -> Any:
            with self._writing:
                return serve(request, context)

        return serve_alone


def main(folder: str, socket: str) -> None:
    """Serve until standard input ends."""
    database = MilvusLite(folder)
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=_SETTINGS)
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(_OneWriter(database), server)
    server.add_insecure_port(f"unix:{socket}")
    server.start()
    print(READY, flush=True)
    sys.stdin.buffer.read()
    Path(socket).unlink(missing_ok=True)  # whoever comes now waits for the lock
    server.stop(_GRACE_SECONDS).wait()
    database.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
