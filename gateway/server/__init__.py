"""The gateway's own HTTP/1.1 server: an ASGI server over asyncio and llhttp, made for long answers and quick cancels.

`connection` parses and owns a client's socket, `exchange` is one request and its answer, `listener` accepts and drains.
"""
