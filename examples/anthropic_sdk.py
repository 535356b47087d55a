"""Anthropic's SDK in front of any model of the gateway: change `base_url`, and nothing else."""

import os

from anthropic import Anthropic

client = Anthropic(
    base_url=os.environ.get("ISTHMUS_BASE_URL", "http://127.0.0.1:8000/v1").removesuffix("/v1"),
    api_key=os.environ.get("ISTHMUS_KEY", "any"),
)
model = os.environ.get("ISTHMUS_MODEL", "local/smollm2")

with client.messages.stream(
    model=model,
    max_tokens=60,
    system="You are a helpful assistant.",
    messages=[{"role": "user", "content": "What is the capital of France?"}],
) as stream:
    for text in stream.text_stream:
        print(text, end="", flush=True)
    message = stream.get_final_message()

print(f"\n{message.usage.input_tokens} tokens in, {message.usage.output_tokens} out")
