"""Starts a gateway with reliable.yaml: a provider is down, an answer comes again, and a budget ends."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from openai import OpenAI, RateLimitError

config = Path(__file__).with_name("reliable.yaml")


def show(client: OpenAI) -> None:
    for _ in range(2):
        answer = client.chat.completions.with_raw_response.create(
            model="fast", messages=[{"role": "user", "content": "What is the capital of France?"}], max_tokens=40
        )
        print(answer.parse().choices[0].message.content)
        for name in ("x-isthmus-provider", "x-isthmus-attempts", "x-isthmus-cache", "x-isthmus-cost"):
            print(f"  {name}: {answer.headers.get(name)}")
    try:
        client.chat.completions.create(
            model="fast", messages=[{"role": "user", "content": "Tell me everything."}], max_tokens=2_000
        )
    except RateLimitError as refused:
        print(refused.body["message"] if isinstance(refused.body, dict) else refused)


with tempfile.TemporaryDirectory() as state:
    gateway = subprocess.Popen(  # noqa: S603 - nothing of it comes from outside
        [sys.executable, "-m", "gateway", "serve", "--config", str(config), "--port", "0"],
        env=os.environ | {"STATE_FOLDER": state},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        serves = next(found for line in gateway.stdout or () if (found := re.search(r"serves (http\S+)", line)))
        show(OpenAI(base_url=serves[1], api_key="sk-demo-0123456789abcdef"))
    finally:
        gateway.terminate()
        gateway.wait()
