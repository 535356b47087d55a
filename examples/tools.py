"""A tool: the model says how to call it, we call it, the model tells the result."""

import json
import os

from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

client = OpenAI(
    base_url=os.environ.get("ISTHMUS_BASE_URL", "http://127.0.0.1:8000/v1"),
    api_key=os.environ.get("ISTHMUS_KEY", "any"),
)
model = os.environ.get("ISTHMUS_MODEL", "local/smollm2")

tool: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def get_weather(city: str) -> str:
    return f"It is sunny in {city}."


messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What is the weather in Paris?"}]
asked = client.chat.completions.create(
    model=model,
    messages=messages,
    tools=[tool],
    # A small model calls a tool only when it must; a larger one decides by itself.
    tool_choice={"type": "function", "function": {"name": "get_weather"}},
    max_tokens=60,
)
for call in asked.choices[0].message.tool_calls or []:
    if call.type == "function":
        print(f"{call.function.name}({call.function.arguments})")
        result = get_weather(**json.loads(call.function.arguments))
        messages.append({"role": "assistant", "tool_calls": [call.to_dict()]})  # type: ignore[list-item]
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})

told = client.chat.completions.create(model=model, messages=messages, max_tokens=40)
print(told.choices[0].message.content)
