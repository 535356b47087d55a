"""LlamaIndex: a chat model, streamed, and embeddings."""

import os

from llama_index.core.base.llms.types import ChatMessage
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike

base_url = os.environ.get("ISTHMUS_BASE_URL", "http://127.0.0.1:8000/v1")
api_key = os.environ.get("ISTHMUS_KEY", "any")

llm = OpenAILike(
    model=os.environ.get("ISTHMUS_MODEL", "local/smollm2"),
    api_base=base_url,
    api_key=api_key,
    is_chat_model=True,
    context_window=4_096,
    max_tokens=40,
)
for piece in llm.stream_chat([ChatMessage(role="user", content="What is the capital of France?")]):
    print(piece.delta, end="", flush=True)
print()

embedder = OpenAILikeEmbedding(
    model_name=os.environ.get("ISTHMUS_EMBEDDING_MODEL", "local/minilm"), api_base=base_url, api_key=api_key
)
print(f"{len(embedder.get_text_embedding('a cat'))} dimensions")
