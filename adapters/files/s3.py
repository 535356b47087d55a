"""The store that is a bucket of S3, or of anything that speaks S3: MinIO, Ceph, R2, Garage.

boto3 waits for the network, so it works in threads. A blob over one part goes up in parts of the same size, a few at a
time, and is there once the last request says so. What a writer that died has left is aborted when its blob is deleted,
and after a day in any case.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from adapters.files.contract import BlobMissing, Found, Store, StoreUnavailable
from adapters.files.threads import to_its_end

try:
    import boto3
    import botocore.config
    import botocore.exceptions
except ImportError:
    raise ImportError("the store s3 needs the extra s3: pip install 'isthmus[s3]'") from None

_T = TypeVar("_T")

log = logging.getLogger("isthmus.files")

_PART = 5_242_880
"""Bytes: the least that S3 takes as a part that is not the last."""
_IN_FLIGHT = 2
"""Parts of one blob that are on their way at once."""
_THREADS = 8
_PIECE = 524_288
_TRIES = 4
"""How often a blob that breaks off while it is read is read on."""
_ABANDONED_SECONDS = 86_400.0
"""No file takes longer to arrive (`files.body_seconds`), so what is older belongs to nobody."""
_LOOK_SECONDS = 3.0
_MISSING = frozenset({"404", "NoSuchKey"})


class S3Options(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`files.options` of this store."""

    bucket: str
    """It has to be there."""
    prefix: str = ""
    """What the keys in it begin with, for example isthmus/."""
    endpoint_url: str | None = None
    """Of what is not AWS."""
    region: str | None = None
    """Of the bucket; what AWS's own settings say unless said."""
    access_key_id: str | None = None
    """Without it AWS's own chain of credentials counts."""
    secret_access_key: str | None = None
    """The secret of that key."""
    path_style: bool | None = None
    """Whether the bucket stands in the path instead of the host; it does where there is an endpoint_url."""
    ca_file: str | None = None
    """Authorities to trust instead of the system's."""
    attempts: Annotated[int, Meta(ge=1, le=20)] = 5
    """Tries of one request: a bucket that says SlowDown is asked again, later each time."""
    timeout_seconds: Annotated[float, Meta(gt=0, le=600)] = 30
    """A request that hears nothing for this long is tried again."""


class S3Store:
    """A bucket of blobs."""

    def __init__(self, options: S3Options, state: Path) -> None:
        self.options = options
        self._threads = ThreadPoolExecutor(_THREADS, "isthmus-s3")
        self._made: Any = None
        self._copies = True
        """Whether it can make a part of another blob; some that speak S3 can't."""

    async def start(self) -> None:
        """See that the bucket is there. Raises StoreUnavailable."""
        try:
            await self.call("head_bucket")
        except BlobMissing:
            raise StoreUnavailable(f"there is no bucket {self.options.bucket}") from None

    async def close(self) -> None:
        """End the threads and the connections."""
        await asyncio.to_thread(self._threads.shutdown)
        if self._made is not None:
            self._made.close()

    def write(self, key: str) -> "S3Writer":
        """Begin a blob."""
        return S3Writer(self, key)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """Its bytes from `start` up to `end`; one that breaks off is read on. Raises BlobMissing, StoreUnavailable."""
        tries = _TRIES
        while end is None or start < end:
            wanted = {} if not start and end is None else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
            try:
                body = (await self.call("get_object", key, **wanted))["Body"]
            except _Beyond:
                return
            try:
                while piece := await self.run(body.read, _PIECE):
                    start += len(piece)
                    yield piece
                return
            except StoreUnavailable:
                tries -= 1
                if not tries:
                    raise
            finally:
                await asyncio.to_thread(body.close)

    async def join(self, key: str, parts: Sequence[str]) -> None:
        """Make a blob of others, inside S3 where their sizes allow it. Raises BlobMissing and StoreUnavailable."""
        sizes = [(await self.call("head_object", part))["ContentLength"] for part in parts]
        if self._copies and len(parts) > 1 and min(sizes[:-1]) >= _PART:
            try:
                await self._join(key, parts, inside=True)
            except _NoCopies:
                self._copies = False
            else:
                return
        await self._join(key, parts, inside=False)

    async def delete(self, key: str) -> None:
        """Remove it, and what a writer has left of it. Raises StoreUnavailable."""
        await self.call("delete_object", key)
        place = self.place(key)
        for found in await self._unfinished(place):
            if found["Key"] == place:
                await self._abandon(found)

    async def list(self, prefix: str = "") -> AsyncIterator[Found]:
        """Every blob whose key begins so. Raises StoreUnavailable."""
        pages = await self.run(self._pages, "list_objects_v2", self.place(prefix))
        while (page := await self.run(next, pages, None)) is not None:
            for entry in page.get("Contents", ()):
                key = entry["Key"].removeprefix(self.options.prefix)
                yield Found(key, entry["Size"], entry["LastModified"].timestamp())

    async def sweep(self, older_than: float) -> int:
        """Abort what writers that died have left. Nothing tells them from living ones but their age."""
        oldest = min(older_than, time.time() - _ABANDONED_SECONDS)
        found = await self._unfinished(self.options.prefix)
        left = [upload for upload in found if upload["Initiated"].timestamp() < oldest]
        for upload in left:
            await self._abandon(upload)
        return len(left)

    async def _join(self, key: str, parts: Sequence[str], *, inside: bool) -> None:
        writer = self.write(key)
        try:
            for part in parts:
                if inside:
                    await writer.copy(part)
                    continue
                async for piece in self.read(part):
                    await writer.write(piece)
            await writer.commit()
        finally:
            await writer.abort()

    def place(self, key: str) -> str:
        """The key of a blob in the bucket."""
        return self.options.prefix + key

    async def call(self, operation: str, key: str | None = None, **arguments: Any) -> Any:
        """Ask S3. Raises BlobMissing and StoreUnavailable."""
        if key is not None:
            arguments["Key"] = self.place(key)
        return await self.run(lambda: getattr(self.client(), operation)(**self._named(), **arguments))

    async def run(self, work: Callable[..., _T], *arguments: object) -> _T:
        """Do something that waits in a thread, to its end even if nobody waits for it any more."""
        try:
            return await to_its_end(self._threads, work, *arguments)
        except botocore.exceptions.ClientError as error:
            raise self._judged(error) from None
        except (botocore.exceptions.BotoCoreError, OSError) as error:
            raise StoreUnavailable(f"the bucket {self.options.bucket}: {type(error).__name__}") from None

    def client(self) -> Any:
        """boto3's client, which takes a tenth of a second to make."""
        if self._made is None:
            said = self.options
            path_style = said.endpoint_url is not None if said.path_style is None else said.path_style
            settings = botocore.config.Config(
                signature_version="s3v4",
                request_checksum_calculation="when_required",  # what is not AWS often knows no others
                response_checksum_validation="when_required",
                s3={"addressing_style": "path" if path_style else "auto"},
                retries={"max_attempts": said.attempts, "mode": "standard"},
                connect_timeout=min(5.0, said.timeout_seconds),
                read_timeout=said.timeout_seconds,
                max_pool_connections=_THREADS,
            )
            self._made = boto3.session.Session().client(
                "s3",
                endpoint_url=said.endpoint_url,
                region_name=said.region,
                aws_access_key_id=said.access_key_id,
                aws_secret_access_key=said.secret_access_key,
                verify=said.ca_file,
                config=settings,
            )
        return self._made

    def _named(self) -> dict[str, str]:
        return {"Bucket": self.options.bucket}

    def _pages(self, operation: str, prefix: str) -> Iterator[dict[str, Any]]:
        return iter(self.client().get_paginator(operation).paginate(**self._named(), Prefix=prefix))

    async def _unfinished(self, prefix: str) -> Sequence[dict[str, Any]]:
        """What is being written, or was."""
        try:
            pages = await self.run(self._pages, "list_multipart_uploads", prefix)
            return await self.run(lambda: [upload for page in pages for upload in page.get("Uploads", ())])
        except _NoUpload:  # rclone's way to say that there are none
            return []

    async def _abandon(self, upload: dict[str, Any]) -> None:
        with suppress(_NoUpload):
            await self.run(
                lambda: self.client().abort_multipart_upload(
                    **self._named(), Key=upload["Key"], UploadId=upload["UploadId"]
                )
            )

    def _judged(self, error: Any) -> Exception:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _MISSING:
            return BlobMissing(code)
        if code == "NoSuchUpload":
            return _NoUpload("what was written has been removed")
        if code == "InvalidRange":
            return _Beyond(code)
        return StoreUnavailable(f"the bucket {self.options.bucket}: {code}")


class _Beyond(StoreUnavailable):
    """The blob has no bytes there."""


class _NoUpload(StoreUnavailable):
    """What is being written has been aborted, perhaps by somebody else."""


class _NoCopies(StoreUnavailable):
    """A part was not copied, and no error says so."""


class S3Writer:
    """A blob on its way, in parts."""

    def __init__(self, store: S3Store, key: str) -> None:
        self._store = store
        self._key = key
        self._held = bytearray()
        self._upload = ""
        self._number = 0
        self._tags: dict[int, str] = {}
        self._running: dict[asyncio.Future[Any], int] = {}
        self._over = False

    async def write(self, data: bytes) -> None:
        """Take the next bytes. Raises StoreUnavailable."""
        self._held += data
        while len(self._held) >= _PART:
            part = bytes(memoryview(self._held)[:_PART])
            del self._held[:_PART]
            await self._send("upload_part", Body=part)

    async def copy(self, key: str) -> None:
        """Take all bytes of another blob, which has enough for a part. Raises BlobMissing and StoreUnavailable."""
        source = {"Bucket": self._store.options.bucket, "Key": self._store.place(key)}
        await self._send("upload_part_copy", CopySource=source)

    async def commit(self) -> None:
        """Make it visible. Raises StoreUnavailable."""
        rest = bytes(self._held)
        self._held.clear()
        if not self._upload:
            await self._store.call("put_object", self._key, Body=rest)
        else:
            if rest:
                await self._send("upload_part", Body=rest)
            await self._arrived(0)
            parts = [{"PartNumber": number, "ETag": tag} for number, tag in sorted(self._tags.items())]
            await self._store.call(
                "complete_multipart_upload", self._key, UploadId=self._upload, MultipartUpload={"Parts": parts}
            )
        self._over = True

    async def abort(self) -> None:
        """Forget it."""
        self._held.clear()
        if self._over or not self._upload:
            return
        self._over = True
        if self._running:
            await asyncio.wait(self._running)
            for future in self._running:
                future.exception()
        try:
            await self._store.call("abort_multipart_upload", self._key, UploadId=self._upload)
        except _NoUpload:
            pass
        except StoreUnavailable as error:
            log.warning("what was written of %s is left to the sweep: %s", self._key, error)

    async def _send(self, operation: str, **what: Any) -> None:
        """Send a part once there is room for it on the way."""
        if not self._upload:
            self._upload = (await self._store.call("create_multipart_upload", self._key))["UploadId"]
        await self._arrived(_IN_FLIGHT - 1)
        self._number += 1
        part = {"UploadId": self._upload, "PartNumber": self._number, **what}
        self._running[asyncio.ensure_future(self._store.call(operation, self._key, **part))] = self._number

    async def _arrived(self, left: int) -> None:
        """Wait until only so many parts are on their way. Raises what one of them raised."""
        while len(self._running) > left:
            done, _ = await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                number = self._running.pop(future)
                answer = future.result()
                tag = answer.get("CopyPartResult", answer).get("ETag")
                if tag is None:
                    raise _NoCopies("parts can't be copied")
                self._tags[number] = tag


async def _look(options: S3Options, state: Path) -> None:
    seconds = min(options.timeout_seconds, _LOOK_SECONDS)
    store = S3Store(msgspec.structs.replace(options, attempts=1, timeout_seconds=seconds), state)
    try:
        await store.start()
    finally:
        await store.close()


STORE = Store("s3", S3Options, S3Store, look=_look)
