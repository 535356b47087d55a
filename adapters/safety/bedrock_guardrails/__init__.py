"""Guardrails of Amazon Bedrock, for any model: texts and images are judged by ApplyGuardrail, through AWS's library.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-use-independent-api.html
"""

import asyncio
import base64
import binascii
import importlib.util
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

from msgspec import Meta, Struct

from adapters.safety.bedrock_guardrails.judgement import CATEGORIES, judgement
from adapters.safety.contract import Ask, CheckType, CheckUnavailable, Content, Judgement

_PIECE = 20_000
"""Characters of one request: the service's bound is 25 units of 1,000 characters.

https://docs.aws.amazon.com/general/latest/gr/bedrock.html
"""
_SHARED = 200
"""Characters that two pieces of a text have in common, so that nothing is cut between them."""
_IMAGE = re.compile(r"data:image/(png|jpe?g);base64,(.*)", re.DOTALL)

Block = dict[str, Any]


class BedrockGuardrailOptions(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The options of Bedrock's guardrails.

    Without keys here, AWS's own chain of credentials is asked: variables, profiles, single sign-on, web identity,
    containers, instances.
    """

    guardrail: Annotated[str, Meta(min_length=1, max_length=2048)]
    """Its id or ARN."""
    version: Annotated[str, Meta(pattern=r"^([1-9][0-9]{0,7}|DRAFT)$")] = "DRAFT"
    region: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}$")] | None = None
    """Where AWS's own settings do not name it."""
    base_url: str | None = None
    """Instead of AWS's endpoint, as behind a proxy."""
    access_key_id: str | None = None
    """A fixed key, with `secret_access_key`, instead of the chain."""
    secret_access_key: str | None = None
    """The secret of `access_key_id`."""
    session_token: str | None = None
    """Of keys that expire."""
    profile: str | None = None
    """Of `~/.aws/config`, instead of AWS_PROFILE."""
    connections: Annotated[int, Meta(ge=1, le=256)] = 16
    """Requests at once."""
    seconds: Annotated[float, Meta(gt=0, le=600)] = 10
    """For one request."""

    def __post_init__(self) -> None:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together")


class BedrockGuardrails:
    """The check."""

    def __init__(self, name: str, options: BedrockGuardrailOptions) -> None:
        if importlib.util.find_spec("boto3") is None:
            raise ImportError("boto3 is not installed: pip install 'isthmus[bedrock]'")
        self._options = options
        self._threads = ThreadPoolExecutor(options.connections, thread_name_prefix=f"check-{name}")
        self._client: Any = None

    async def start(self) -> None:
        """Read what the service looks like. Raises CheckUnavailable."""
        from botocore.exceptions import BotoCoreError

        try:
            self._client = await asyncio.get_running_loop().run_in_executor(self._threads, _connect, self._options)
        except (BotoCoreError, ValueError) as error:
            raise CheckUnavailable(f"AWS's library raised {type(error).__name__}") from None

    async def close(self) -> None:
        """Let go of the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    async def judge(self, contents: Sequence[Content], ask: Ask) -> list[Judgement]:
        """One judgement for each content. Raises CheckUnavailable."""
        return [await self._judge(content) for content in contents]

    async def _judge(self, content: Content) -> Judgement:
        loop = asyncio.get_running_loop()
        source = "OUTPUT" if content.role == "assistant" else "INPUT"
        answers = [
            await loop.run_in_executor(self._threads, self._apply, source, blocks) for blocks in _requests(content)
        ]
        return judgement(content.texts, answers)

    def _apply(self, source: str, blocks: list[Block]) -> dict[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError

        if self._client is None:
            raise CheckUnavailable("AWS's library is not loaded")
        options = self._options
        try:
            answer: dict[str, Any] = self._client.apply_guardrail(
                guardrailIdentifier=options.guardrail, guardrailVersion=options.version, source=source, content=blocks
            )
        except ClientError as error:
            raise CheckUnavailable(f"Bedrock answered {error.response['Error'].get('Code')}") from None
        except BotoCoreError as error:
            raise CheckUnavailable(f"Bedrock was not reached: {type(error).__name__}") from None
        if answer.get("action") not in ("NONE", "GUARDRAIL_INTERVENED"):
            raise CheckUnavailable("Bedrock gave no judgement")
        return answer


def _connect(options: BedrockGuardrailOptions) -> Any:
    import boto3
    from botocore.config import Config

    session = boto3.Session(
        aws_access_key_id=options.access_key_id,
        aws_secret_access_key=options.secret_access_key,
        aws_session_token=options.session_token,
        region_name=options.region,
        profile_name=options.profile,
    )
    config = Config(
        connect_timeout=options.seconds,
        read_timeout=options.seconds,
        max_pool_connections=options.connections,
        retries={"total_max_attempts": 2, "mode": "standard"},
    )
    return session.client("bedrock-runtime", endpoint_url=options.base_url, config=config)


def _requests(content: Content) -> Iterator[list[Block]]:
    """The blocks of a content, as many together as one request takes."""
    blocks: list[Block] = [_image(url) for url in content.images]
    size = 0
    for text in content.texts:
        for start in range(0, max(1, len(text) - _SHARED), _PIECE - _SHARED):
            piece = text[start : start + _PIECE]
            if blocks and size + len(piece) > _PIECE:
                yield blocks
                blocks, size = [], 0
            if piece:
                blocks.append({"text": {"text": piece}})
                size += len(piece)
    if blocks:
        yield blocks


def _image(url: str) -> Block:
    form = _IMAGE.fullmatch(url)
    if form is None:
        raise CheckUnavailable("Bedrock judges PNG and JPEG images that are sent with their bytes")
    try:
        data = base64.b64decode(form[2], validate=True)
    except (binascii.Error, ValueError):
        raise CheckUnavailable("an image's bytes are no base64") from None
    return {"image": {"format": "png" if form[1] == "png" else "jpeg", "source": {"bytes": data}}}


CHECK = CheckType(
    "bedrock_guardrails",
    BedrockGuardrailOptions,
    BedrockGuardrails,
    CATEGORIES,
    judges_images=True,
    redacts=True,
)
