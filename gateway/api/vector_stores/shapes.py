"""What the API of vector stores takes, in OpenAI's shape and within its bounds."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from adapters.wire.errors import BadRequest
from gateway.ingest.contract import Chunking
from gateway.vector_stores.kept import Attributes, Settings, Wanted

_EXACT: Final = 2**53
"""Whole numbers below this are exact as floats."""

_KEPT: Final = {"pattern": r"^[^\x00]*$"}
"""What is checked in `read`, for the description of what is served."""

Key = Annotated[str, Meta(max_length=64, extra_json_schema=_KEPT)]
Text = Annotated[str, Meta(max_length=512, extra_json_schema=_KEPT)]
Metadata = Annotated[dict[Key, Text], Meta(max_length=16)]
GivenAttributes = Annotated[dict[Key, Text | float | bool], Meta(max_length=16)]
StoreName = Annotated[str, Meta(max_length=512, extra_json_schema=_KEPT)]
FileId = Annotated[str, Meta(max_length=256, extra_json_schema=_KEPT)]

_B = TypeVar("_B", bound=Struct)


class AutoChunking(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="auto"):
    """OpenAI's own choice."""


class ChunkSizes(Struct, frozen=True, forbid_unknown_fields=True):
    """Of chunks, in tokens."""

    max_chunk_size_tokens: Annotated[int, Meta(ge=100, le=4_096)]
    chunk_overlap_tokens: Annotated[int, Meta(ge=0)]


class StaticChunking(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="static"):
    """A choice of the caller's."""

    static: ChunkSizes


Strategy: TypeAlias = AutoChunking | StaticChunking


class StoreExpiry(Struct, forbid_unknown_fields=True):
    """When a store ends."""

    anchor: Literal["last_active_at"]
    days: Annotated[int, Meta(ge=1, le=365)]


class NewStore(Struct, forbid_unknown_fields=True, kw_only=True):
    """A store to be made."""

    file_ids: Annotated[list[FileId], Meta(max_length=500)] = []
    name: StoreName = ""
    description: Annotated[str, Meta(max_length=4_096, extra_json_schema=_KEPT)] | UnsetType = UNSET
    expires_after: StoreExpiry | UnsetType = UNSET
    chunking_strategy: Strategy = AutoChunking()
    metadata: Metadata | None = None

    def settings(self) -> Settings:
        """What is kept of it."""
        return Settings(
            name=self.name,
            description=None if self.description is UNSET else self.description,
            metadata=self.metadata or {},
            days=None if self.expires_after is UNSET else self.expires_after.days,
        )

    def wanted(self) -> list[Wanted]:
        """Its files."""
        chunking = chunking_of(self.chunking_strategy, "chunking_strategy")
        return [Wanted(file_id, None, chunking) for file_id in dict.fromkeys(self.file_ids)]


class StoreChange(Struct, forbid_unknown_fields=True, kw_only=True):
    """What of a store is to be changed: what is not named stays, and null takes away."""

    name: StoreName | UnsetType | None = UNSET
    expires_after: StoreExpiry | UnsetType | None = UNSET
    metadata: Metadata | UnsetType | None = UNSET

    def applied(self, settings: Settings) -> Settings:
        """The settings after it. Raises BadRequest where a store would have to move."""
        if self.name is not UNSET:
            settings = structs.replace(settings, name=self.name or "")
        if self.expires_after is not UNSET:
            settings = structs.replace(settings, days=self.expires_after and self.expires_after.days)
        if self.metadata is not UNSET:
            settings = structs.replace(settings, metadata=self.metadata or {})
        return settings


class NewStoreFile(Struct, forbid_unknown_fields=True, kw_only=True):
    """A file to be taken in."""

    file_id: FileId
    attributes: GivenAttributes | UnsetType | None = UNSET
    chunking_strategy: Strategy = AutoChunking()

    def wanted(self, path: str = "") -> Wanted:
        """What is to be done. `path` is where it stands in a request."""
        chunking = chunking_of(self.chunking_strategy, f"{path}chunking_strategy")
        return Wanted(self.file_id, given(self.attributes, f"{path}attributes"), chunking)


class NewFileBatch(Struct, forbid_unknown_fields=True, kw_only=True):
    """Files to be taken in together."""

    file_ids: Annotated[list[FileId], Meta(min_length=1, max_length=2_000)] | UnsetType = UNSET
    files: Annotated[list[NewStoreFile], Meta(min_length=1, max_length=2_000)] | UnsetType = UNSET
    attributes: GivenAttributes | UnsetType | None = UNSET
    chunking_strategy: Strategy = AutoChunking()

    def wanted(self) -> list[Wanted]:
        """What is to be done for each file: of one that is named twice, what was said last. Raises BadRequest."""
        if (self.file_ids is UNSET) == (self.files is UNSET):
            raise BadRequest("Give either 'file_ids' or 'files'.", param="file_ids", code="invalid_value")
        if self.files is not UNSET:
            each = [file.wanted(f"files[{index}].") for index, file in enumerate(self.files)]
            return list({file.file_id: file for file in each}.values())
        assert self.file_ids is not UNSET  # noqa: S101 - one of them is said
        chunking = chunking_of(self.chunking_strategy, "chunking_strategy")
        attributes = given(self.attributes, "attributes")
        return [Wanted(file_id, attributes, chunking) for file_id in dict.fromkeys(self.file_ids)]


class AttributesChange(Struct, forbid_unknown_fields=True, kw_only=True):
    """The attributes that a file has from now on."""

    attributes: GivenAttributes | None

    def said(self) -> Attributes:
        """Those that are kept."""
        return given(self.attributes, "attributes") or {}


def read(body: bytes, kind: type[_B]) -> _B:
    """A request's body. Raises BadRequest that names the field."""
    try:
        decoded = msgspec.json.decode(body or b"{}", type=dict[str, Any])
        _refuse_nul(decoded, "")
        return msgspec.convert(_with_whole_numbers(decoded), kind)
    except msgspec.ValidationError as error:
        reason, _, place = str(error).partition(" - at `")
        param = place.removeprefix("key` in `").strip("$.`") or None
        raise BadRequest(f"{reason}.", param=param, code="invalid_value") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("The request's body is no JSON.", code="invalid_json") from None


def chunking_of(strategy: Strategy, path: str) -> Chunking:
    """How a text is cut. Raises BadRequest where chunks overlap by more than half."""
    if isinstance(strategy, AutoChunking):
        return Chunking()
    most, overlap = strategy.static.max_chunk_size_tokens, strategy.static.chunk_overlap_tokens
    if overlap * 2 > most:
        raise BadRequest(
            "'chunk_overlap_tokens' must not exceed half of 'max_chunk_size_tokens'.",
            param=f"{path}.static.chunk_overlap_tokens",
            code="invalid_value",
        )
    return Chunking(most, overlap)


def given(attributes: Mapping[str, str | float | bool] | UnsetType | None, path: str) -> Attributes | None:
    """Attributes as they are kept, None where nothing is said of them. Raises BadRequest."""
    if attributes is UNSET:
        return None
    kept: Attributes = {}
    for name, value in (attributes or {}).items():
        if isinstance(value, float) and not math.isfinite(value):
            raise BadRequest("This number is too large.", param=f"{path}.{name}", code="invalid_value")
        is_whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT
        kept[name] = int(value) if is_whole else value
    return kept


def _with_whole_numbers(value: Any) -> Any:
    """The same with 60.0 as 60: to JSON both are the same integer."""
    if isinstance(value, dict):
        return {name: _with_whole_numbers(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(part) for part in value]
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT else value


def _refuse_nul(value: Any, path: str) -> None:
    """Raise BadRequest for a text with U+0000, which databases do not keep."""
    if isinstance(value, str) and "\0" in value:
        raise BadRequest("U+0000 can't be kept.", param=path or None, code="invalid_value")
    if isinstance(value, dict):
        for name, part in value.items():
            _refuse_nul(name, path)
            _refuse_nul(part, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            _refuse_nul(part, f"{path}[{index}]")
