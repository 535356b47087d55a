"""The request fields of OpenAI's own API, all of which its dialect keeps; a provider's row says what differs there.

https://platform.openai.com/docs/api-reference/chat/create  https://platform.openai.com/docs/api-reference/completions
https://platform.openai.com/docs/api-reference/embeddings
"""

from adapters.wire.fields import KEPT, Fields

CHAT: Fields = dict.fromkeys(
    (
        "model",
        "messages",
        "stream",
        "stream_options",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "functions",
        "function_call",
        "response_format",
        "reasoning_effort",
        "verbosity",
        "max_completion_tokens",
        "max_tokens",
        "temperature",
        "top_p",
        "stop",
        "n",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "modalities",
        "audio",
        "prediction",
        "web_search_options",
        "moderation",
        "service_tier",
        "store",
        "metadata",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
    ),
    KEPT,
)

COMPLETIONS: Fields = dict.fromkeys(
    (
        "model",
        "prompt",
        "suffix",
        "stream",
        "stream_options",
        "max_tokens",
        "temperature",
        "top_p",
        "stop",
        "n",
        "best_of",
        "echo",
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "logprobs",
        "user",
    ),
    KEPT,
)

EMBEDDINGS: Fields = dict.fromkeys(("model", "input", "dimensions", "encoding_format", "user"), KEPT)
