"""What classifiers of prompts answer, in the forms in which servers send it, as scores.

Prompt Guard 2 knows benign and malicious, version 1 benign, injection and jailbreak; servers call these by name or
LABEL_0, LABEL_1, LABEL_2: https://github.com/meta-llama/PurpleLlama/tree/main/Llama-Prompt-Guard-2
"""

from typing import Final

import msgspec
from msgspec import Struct

from adapters.safety.contract import CheckUnavailable

INJECTION: Final = "prompt_injection"
JAILBREAK: Final = "jailbreak"
_BINARY: Final = {"BENIGN": None, "LABEL_0": None, "MALICIOUS": INJECTION, "LABEL_1": INJECTION}
_THREE: Final = {"INJECTION": INJECTION, "JAILBREAK": JAILBREAK, "LABEL_2": JAILBREAK}
_LABELS: Final[dict[str, str | None]] = {**_BINARY, **_THREE}


class _Scored(Struct):
    label: str
    score: float


class _Classified(Struct):
    probs: list[float]


class _Listing(Struct):
    data: list[_Classified]


_flat = msgspec.json.Decoder(list[_Scored])
_nested = msgspec.json.Decoder(list[list[_Scored]])
_vllm = msgspec.json.Decoder(_Listing)


def read_chat(said: str) -> dict[str, float]:
    """What a server says that offers the classifier as a chat model: a probability, or a label."""
    words = said.split()
    word = words[0].strip("\"'.,:").upper() if words else ""
    try:
        score = float(word)
    except ValueError:
        if word not in _LABELS:
            raise CheckUnavailable("the model's answer is neither a probability nor a label") from None
        name = _LABELS[word]
        return {} if name is None else {name: 1.0}
    if not 0 <= score <= 1:
        raise CheckUnavailable("the model's answer is no probability")
    return {INJECTION: score}


def read_pipeline(raw: bytes) -> dict[str, float]:
    """Labels with scores: Hugging Face's text classification, and TEI's /predict. Raises CheckUnavailable.

    https://huggingface.co/docs/inference-providers/tasks/text-classification
    """
    try:
        scored = _nested.decode(raw)[0] if raw.lstrip().startswith(b"[[") else _flat.decode(raw)
        return _worst([(each.label.upper(), each.score) for each in scored])
    except (ValueError, KeyError, IndexError):
        raise CheckUnavailable("the endpoint's answer has no labels of Prompt Guard") from None


def read_classes(raw: bytes) -> dict[str, float]:
    """Probabilities in the order of the labels: vLLM's /classify, and SGLang's. Raises CheckUnavailable.

    https://docs.vllm.ai/en/stable/serving/openai_compatible_server/#classification-api
    """
    try:
        probabilities = _vllm.decode(raw).data[0].probs
        return _worst([(f"LABEL_{place}", score) for place, score in enumerate(probabilities)])
    except (ValueError, KeyError, IndexError):
        raise CheckUnavailable("the endpoint's answer has no classes of Prompt Guard") from None


def _worst(scored: list[tuple[str, float]]) -> dict[str, float]:
    """The scores of what is not benign, within 0 and 1."""
    scores: dict[str, float] = {}
    for label, score in scored:
        name = _LABELS[label]
        if name is not None:
            scores[name] = max(scores.get(name, 0.0), min(1.0, max(0.0, score)))
    return scores
