"""OpenAI's client: a file goes into a vector store, and is found by meaning and by words."""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("ISTHMUS_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("ISTHMUS_KEY", "any"),
)

store = client.vector_stores.create(name="geography")
batch = client.vector_stores.file_batches.upload_and_poll(
    store.id,
    files=[
        ("panama.md", b"# Panama\n\nThe isthmus of Panama joins two continents; a canal crosses it."),
        ("bosporus.md", b"# Bosporus\n\nThe strait parts Europe from Asia, and ships pass between two seas."),
    ],
)
print(f"{batch.file_counts.completed} files taken in")
for hit in client.vector_stores.search(store.id, query="Which water lies between Europe and Asia?", max_num_results=2):
    print(f"{hit.score:.2f}  {hit.filename}: {hit.content[0].text!r}")
for file in client.vector_stores.files.list(store.id):
    client.files.delete(file.id)
client.vector_stores.delete(store.id)
