"""How OpenAI ends a stream. https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream"""

from typing import Final

DONE: Final = b"data: [DONE]\n\n"
"""The last frame of a stream that is whole, as it is written."""
