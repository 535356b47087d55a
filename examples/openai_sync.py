"""The official OpenAI SDK: change `base_url`, and nothing else."""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("ISTHMUS_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("ISTHMUS_KEY", "any"),
)
model = os.environ.get("ISTHMUS_MODEL", "local/smollm2")

answer = client.chat.completions.create(
    model=model,
    messages=[{"role": "user", "content": "What is the capital of France?"}],
    max_tokens=40,
)
print(answer.choices[0].message.content)
