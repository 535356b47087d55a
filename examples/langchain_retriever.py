"""LangChain: a retriever over a vector store of the gateway."""

import os

from langchain_core.callbacks import CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from openai import OpenAI


class VectorStoreRetriever(BaseRetriever):
    """Finds what a vector store has to say to a question."""

    client: OpenAI
    store: str
    most: int = 4

    def _get_relevant_documents(self, query: str, *, run_manager: CallbackManagerForRetrieverRun) -> list[Document]:
        found = self.client.vector_stores.search(self.store, query=query, max_num_results=self.most)
        return [
            Document(
                hit.content[0].text, metadata={"source": hit.filename, "score": hit.score, **(hit.attributes or {})}
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
retriever = VectorStoreRetriever(client=client, store=store.id)
for document in retriever.invoke("What crosses the isthmus?"):
    print(document.metadata["source"], document.page_content)
client.files.delete(file.id)
client.vector_stores.delete(store.id)
