"""LangChain: a chat model, streamed, and embeddings."""

import os

from langchain_openai import ChatOpenAI, OpenAIEmbeddings

base_url = os.environ.get("ISTHMUS_BASE_URL", "http://127.0.0.1:8000/v1")
api_key = os.environ.get("ISTHMUS_KEY", "any")

llm = ChatOpenAI(
    base_url=base_url,
    api_key=api_key,  # type: ignore[arg-type]
    model=os.environ.get("ISTHMUS_MODEL", "local/smollm2"),
    max_completion_tokens=40,
)
for chunk in llm.stream("What is the capital of France?"):
    print(chunk.text, end="", flush=True)
print()

embeddings = OpenAIEmbeddings(
    base_url=base_url,
    api_key=api_key,  # type: ignore[arg-type]
    model=os.environ.get("ISTHMUS_EMBEDDING_MODEL", "local/minilm"),
    check_embedding_ctx_length=False,  # send text, not token ids of OpenAI's tokeniser
)
print(f"{len(embeddings.embed_query('a cat'))} dimensions")
