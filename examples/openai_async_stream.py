"""The official OpenAI SDK, asynchronous and streamed: words are printed as the model says them."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(
    base_url=os.environ.get("ISTHMUS_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("ISTHMUS_KEY", "any"),
)
model = os.environ.get("ISTHMUS_MODEL", "local/smollm2")


async def main() -> None:
    stream = await client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Tell me one sentence about the sea."}],
        max_tokens=40,
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        if chunk.choices:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
        elif chunk.usage:
            print(f"\n({chunk.usage.completion_tokens} tokens)")


asyncio.run(main())
