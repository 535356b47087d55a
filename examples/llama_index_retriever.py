"""LlamaIndex: a retriever over a vector store of the gateway."""

import os

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
from openai import OpenAI


class VectorStoreRetriever(BaseRetriever):
    """Finds what a vector store has to say to a question."""

    def __init__(self, client: OpenAI, store: str, most: int = 4) -> None:
        super().__init__()
        self._client = client
        self._store = store
        self._most = most

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        found = self._client.vector_stores.search(self._store, query=query_bundle.query_str, max_num_results=self._most)
        return [
            NodeWithScore(
                node=TextNode(text=hit.content[0].text, metadata={"source": hit.filename, **(hit.attributes or {})}),
                score=hit.score,
            )
            for hit in found
        ]


client = OpenAI(
    base_url=os.environ.get("ISTHMUS_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("ISTHMUS_KEY", "any"),
)
store = client.vector_stores.create(name="geography")
file = client.vector_stores.files.upload_and_poll(
    vector_store_id=store.id, file=("panama.txt", b"The isthmus of Panama joins two continents; a canal crosses it.")
)
for found in VectorStoreRetriever(client, store.id).retrieve("What crosses the isthmus?"):
    print(f"{found.score or 0:.2f}", found.node.metadata["source"], found.node.get_content())
client.files.delete(file.id)
client.vector_stores.delete(store.id)
