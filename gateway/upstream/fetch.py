"""Small documents of other services: bounded in size and time, over https except from this machine."""

import asyncio
from ipaddress import ip_address
from urllib.parse import urlsplit

from config.schema import Tls
from gateway.upstream.tls import token_context

_TIMEOUT_SECONDS = 10.0
_ANSWER_BYTES = 1_048_576


class NotFetched(Exception):
    """Why there is no document, without anything that the other side said."""


async def fetch_document(url: str, *, seconds: float = _TIMEOUT_SECONDS, most: int = _ANSWER_BYTES) -> bytes:
    """The body of a 200 answer; redirects are not followed. Raises NotFetched."""
    if not _is_guarded(url):
        raise NotFetched("it is not at an https URL")
    import httpx  # takes a tenth of a second and ten megabytes, and few configurations need it

    try:
        async with asyncio.timeout(seconds):
            context = await asyncio.to_thread(token_context, Tls())
            client = httpx.AsyncClient(timeout=seconds, verify=context)
            async with client, client.stream("GET", url, headers={"accept": "application/json"}) as response:
                if response.status_code != 200:
                    raise NotFetched(f"the answer has status {response.status_code}")
                body = b""
                async for data in response.aiter_bytes():
                    body += data
                    if len(body) > most:
                        raise NotFetched(f"the answer has more than {most} bytes")
                return body
    except TimeoutError:
        raise NotFetched(f"no answer within {seconds:g} seconds") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotFetched(type(error).__name__) from None


def _is_guarded(url: str) -> bool:
    """Whether nobody on the way could change what comes."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme == "https":
        return True
    try:
        return parts.scheme == "http" and ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return parts.scheme == "http" and parts.hostname == "localhost"
