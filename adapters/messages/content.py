"""Blocks of a Messages request to parts of a chat request, and messages to messages."""

from collections.abc import Sequence
from typing import Any

from adapters.messages.schema import (
    Base64Source,
    Block,
    CacheControl,
    ContentSource,
    DocumentBlock,
    FileSource,
    ImageBlock,
    Message,
    RedactedThinkingBlock,
    ResultContent,
    SearchResultBlock,
    TextBlock,
    TextSource,
    ThinkingBlock,
    ToolResultBlock,
    ToolUseBlock,
    UrlSource,
)
from adapters.messages.thoughts import Recalled
from adapters.wire.errors import BadRequest
from adapters.wire.fields import Drops

Part = dict[str, Any]


class Content:
    """Translates the messages of one request for one target.

    `plain`: the target's service speaks OpenAI's format, so nothing may stand in it that OpenAI's does not have: hints
    for caches are left out, and what only users may send is taken out of a tool's result.
    """

    __slots__ = ("_drops", "_plain", "_provider")

    def __init__(self, drops: Drops, provider: str, plain: bool) -> None:
        self._drops = drops
        self._provider = provider
        self._plain = plain

    def hint(self, control: CacheControl) -> dict[str, Any]:
        """The member that tells a cache where to begin; leaving it out changes no answer, so it is never refused."""
        if control is None:
            return {}
        if self._plain:
            self._drops.drop_foreign("cache_control")
            return {}
        return {"cache_control": control}

    def system(self, content: str | list[TextBlock]) -> Part:
        """Instructions."""
        parts = [TextBlock(content)] if isinstance(content, str) else content
        return {"role": "system", "content": self._joined([self._text(part) for part in parts], "\n\n")}

    def messages(self, messages: Sequence[Message]) -> list[Part]:
        """The conversation."""
        translated: list[Part] = []
        for index, message in enumerate(messages):
            path = f"messages[{index}]"
            blocks: list[Block] = [TextBlock(message.content)] if isinstance(message.content, str) else message.content
            if message.role == "assistant":
                translated.append(self._assistant(blocks, path))
            elif message.role == "user":
                translated += self._user(blocks, path)
            else:
                translated.append({"role": "system", "content": self._joined(self._parts(blocks, path), "\n\n")})
        return translated

    def _assistant(self, blocks: Sequence[Block], path: str) -> Part:
        parts: list[Part] = []
        calls: list[Part] = []
        hint: Part = {}
        recalled = Recalled(self._provider, self._plain)
        for index, block in enumerate(blocks):
            place = f"{path}.content[{index}]"
            match block:
                case ToolUseBlock():
                    calls.append(_tool_call(block, place))
                    hint |= self.hint(block.cache_control)
                case ThinkingBlock() | RedactedThinkingBlock():
                    if not recalled.add(block):
                        self._drops.drop_foreign(place)
                case TextBlock():
                    parts.append(self._text(block))
                case _:
                    raise _misplaced(block, place)
        message: Part = {"role": "assistant", "content": self._joined(parts, "") if parts else None}
        if calls:
            message["tool_calls"] = calls
        elif not parts:
            message["content"] = ""
        return message | recalled.members | hint

    def _user(self, blocks: Sequence[Block], path: str) -> list[Part]:
        """What tools gave comes first: in OpenAI's format it follows the calls at once."""
        results: list[Part] = []
        shown: list[Part] = []
        rest: list[Part] = []
        for index, block in enumerate(blocks):
            place = f"{path}.content[{index}]"
            if isinstance(block, ToolResultBlock):
                message, further = self._result(block, place)
                results.append(message)
                shown += further
            else:
                rest += self._parts([block], path, index)
        if shown or rest or not results:
            results.append({"role": "user", "content": self._joined(shown + rest, "\n\n")})
        return results

    def _result(self, block: ToolResultBlock, path: str) -> tuple[Part, list[Part]]:
        """A tool's message, and what has to be shown by the user instead."""
        content: list[ResultContent] = (
            [TextBlock(block.content)] if isinstance(block.content, str) else block.content or []
        )
        parts = self._parts(content, path)
        if block.is_error:
            parts.insert(0, {"type": "text", "text": "Error:"})
        further: list[Part] = []
        if self._plain and any(part["type"] != "text" for part in parts):
            further = [part for part in parts if part["type"] != "text"]
            parts = [part for part in parts if part["type"] == "text"]
            told = f"What the tool call {block.tool_use_id} gave besides text:"
            parts.append({"type": "text", "text": "The user's next message shows what else the tool gave."})
            further.insert(0, {"type": "text", "text": told})
        message = {
            "role": "tool",
            "tool_call_id": block.tool_use_id,
            "content": self._joined(parts, "\n\n" if len(parts) > 1 else ""),
        }
        return message | self.hint(block.cache_control), further

    def _joined(self, parts: list[Part], between: str) -> str | list[Part]:
        """One string wherever parts say no more than that: not every service takes lists of texts."""
        if not parts:
            return ""
        if all(part["type"] == "text" and len(part) == 2 for part in parts) and (self._plain or len(parts) == 1):
            return between.join(part["text"] for part in parts)
        return parts

    def _parts(self, blocks: Sequence[Block], path: str, start: int = 0) -> list[Part]:
        parts: list[Part] = []
        for index, block in enumerate(blocks, start):
            place = f"{path}.content[{index}]"
            match block:
                case TextBlock():
                    parts.append(self._text(block))
                case ImageBlock():
                    parts.append(self._image(block, place))
                case DocumentBlock():
                    parts += self._document(block, place)
                case SearchResultBlock():
                    parts.append(self._search_result(block, place))
                case _:
                    raise _misplaced(block, place)
        return parts

    def _text(self, block: TextBlock) -> Part:
        return {"type": "text", "text": block.text} | self.hint(block.cache_control)

    def _image(self, block: ImageBlock, path: str) -> Part:
        source = block.source
        if isinstance(source, FileSource):
            raise BadRequest(
                "Images that were uploaded as files can't be given to this model's provider: send their bytes.",
                param=f"{path}.source",
                code="unsupported_content",
            )
        url = source.url if isinstance(source, UrlSource) else _data_url(source)
        return {"type": "image_url", "image_url": {"url": url}} | self.hint(block.cache_control)

    def _document(self, block: DocumentBlock, path: str) -> list[Part]:
        self._note_citations(block, path)
        about = [text for text in (block.title, block.context) if text]
        hint = self.hint(block.cache_control)
        match block.source:
            case TextSource(data):
                return [{"type": "text", "text": "\n\n".join([*about, data])} | hint]
            case ContentSource(content):
                blocks: list[TextBlock | ImageBlock] = [TextBlock(content)] if isinstance(content, str) else content
                parts = self._parts(blocks, f"{path}.source")
                if parts:
                    parts[-1] |= hint
                return [*({"type": "text", "text": text} for text in about), *parts]
            case _:
                part: Part = {"type": "file", "file": _file(block.source, block.title)}
                return [*({"type": "text", "text": text} for text in [block.context] if text), part | hint]

    def _search_result(self, block: SearchResultBlock, path: str) -> Part:
        self._note_citations(block, path)
        text = "\n\n".join([block.title, block.source, *(each.text for each in block.content)])
        return {"type": "text", "text": text} | self.hint(block.cache_control)

    def _note_citations(self, block: DocumentBlock | SearchResultBlock, path: str) -> None:
        if block.citations is not None and block.citations.enabled:
            self._drops.drop(f"{path}.citations")


def _data_url(source: Base64Source) -> str:
    return f"data:{source.media_type};base64,{source.data}"


def _file(source: Base64Source | UrlSource | FileSource, title: str | None) -> Part:
    if isinstance(source, FileSource):
        return {"file_id": source.file_id}
    if isinstance(source, UrlSource):
        return {"file_url": source.url} | ({"filename": title} if title else {})
    return {"filename": title or "document.pdf", "file_data": _data_url(source)}


def _tool_call(block: ToolUseBlock, path: str) -> Part:
    arguments = bytes(block.input)
    if not arguments.startswith(b"{"):
        raise BadRequest("A tool's 'input' must be an object.", param=f"{path}.input", code="invalid_type")
    return {
        "id": block.id,
        "type": "function",
        "function": {"name": block.name, "arguments": arguments.decode()},
    }


def _misplaced(block: Block, path: str) -> BadRequest:
    kind = block.__struct_config__.tag
    return BadRequest(f"A block of type '{kind}' can't stand here.", param=path, code="unsupported_content")
