"""What an answer looks like is no proof of its end, except of chat's own."""

from gateway.layers.cache.complete import is_complete


def test_a_refusal_is_not_kept_for_what_a_tool_is_given() -> None:
    tool = b'{"type":"tool_use","id":"t","name":"n","input":{"content":"x","finish_reason":"stop"}}'
    assert not is_complete("messages", b'{"stop_reason":"refusal","content":[%b]}' % tool, False)


def test_an_empty_answer_is_not_kept_for_what_it_cites() -> None:
    message = b'{"citations":[{"content":"cited"}],"content":""}'
    assert not is_complete("chat", b'{"choices":[{"message":%b,"finish_reason":"stop"}]}' % message, False)
