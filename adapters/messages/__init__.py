"""Anthropic's Messages format as a second door: requests to OpenAI's format, answers back.

https://docs.claude.com/en/api/messages

OpenAI's format stays the hub. `bridge.bridge` makes a codec for the operation `messages` from any dialect's codec for
`chat`, so clients of Anthropic's SDK reach every provider; dialects whose service speaks the Messages format itself
have a codec of their own for it, and bytes pass through.
"""
