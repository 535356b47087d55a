"""all-MiniLM-L6-v2 in ONNX with int8 weights: sentences to vectors of 384 dimensions and length 1.

https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
"""

import asyncio
import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import TypeAlias

import numpy as np
import onnxruntime
import tokenizers
from numpy.typing import NDArray

from adapters.wire.errors import BadRequest

Vectors: TypeAlias = NDArray[np.float32]
"""One row a text."""

DIMENSIONS = 384
TOKENS_MAX = 512
"""Of one text: the model knows no further positions."""
_BATCH_TOKENS = 2_048
"""Computed at once, padding included: others wait for no more than this."""


class MiniLM:
    """The loaded model. It computes in one thread, a batch at a time, so that requests take turns."""

    def __init__(self, file: str, threads: int) -> None:
        vocabulary = (files(__package__) / "minilm-tokenizer.json.gz").read_bytes()
        self._tokenizer = tokenizers.Tokenizer.from_str(gzip.decompress(vocabulary).decode())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self._thread = ThreadPoolExecutor(1, "minilm")

    async def embed(self, texts: list[str], cut: int | None = None) -> tuple[Vectors, int]:
        """One vector for each text, and their tokens together.

        Texts are cut to `cut` tokens, and to `TOKENS_MAX`. Without it, raises BadRequest on one that is too long.
        """
        loop = asyncio.get_running_loop()
        ids = await loop.run_in_executor(self._thread, self._encode, texts)
        if cut is not None:
            most = min(cut, TOKENS_MAX)
            ids = [[*text[: most - 1], text[-1]] if len(text) > most else text for text in ids]
        for place, text in enumerate(ids):
            if len(text) > TOKENS_MAX:
                raise BadRequest(
                    f"This model takes texts of up to {TOKENS_MAX} tokens, and input {place} has {len(text)}.",
                    param="input",
                    code="context_length_exceeded",
                )
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        for batch in _batches(list(map(len, ids))):
            vectors[batch] = await loop.run_in_executor(self._thread, self._compute, [ids[i] for i in batch])
        return vectors, sum(map(len, ids))

    def _encode(self, texts: list[str]) -> list[list[int]]:
        """The ids of tokens, with the marks before and after a text."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]

    def _compute(self, texts: list[list[int]]) -> Vectors:
        """Mean of the token vectors, of length 1: how the model was trained."""
        longest = max(map(len, texts))
        ids = np.zeros((len(texts), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden: Vectors = self._session.run(["last_hidden_state"], inputs)[0]
        mean = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        vectors: Vectors = (mean / np.linalg.norm(mean, axis=1, keepdims=True)).astype(np.float32)
        return vectors


def _batches(lengths: list[int]) -> Iterator[list[int]]:
    """The places of texts, those of like length together: they need little padding."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[place] > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(place)
    yield batch
