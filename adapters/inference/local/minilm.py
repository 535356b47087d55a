"""all-MiniLM-L6-v2 in ONNX with int8 weights: sentences to vectors of 384 dimensions and length 1.

https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2
"""

import asyncio
import gzip
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import Any, TypeAlias

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

    async def embed(self, texts: list[str]) -> tuple[Vectors, int]:
        """One vector for each text, and their tokens together. Raises BadRequest on a text that is too long."""
        loop = asyncio.get_running_loop()
        encodings = await loop.run_in_executor(self._thread, self._tokenizer.encode_batch, texts)
        for place, encoding in enumerate(encodings):
            if len(encoding) > TOKENS_MAX:
                raise BadRequest(
                    f"This model takes texts of up to {TOKENS_MAX} tokens, and input {place} has {len(encoding)}.",
                    param="input",
                    code="context_length_exceeded",
                )
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        for batch in _batches(list(map(len, encodings))):
            vectors[batch] = await loop.run_in_executor(self._thread, self._compute, [encodings[i] for i in batch])
        return vectors, sum(map(len, encodings))

    def _compute(self, encodings: list[Any]) -> Vectors:
        """Mean of the token vectors, of length 1: how the model was trained."""
        longest = max(map(len, encodings))
        ids = np.zeros((len(encodings), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding)] = encoding.ids
            mask[row, : len(encoding)] = 1
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
