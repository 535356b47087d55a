"""A call's end, and request ids."""

import pytest

from gateway.call import Call, new_request_id, request_id_of
from tests.gateway.calls import a_call


async def test_a_call_is_closed_once_and_in_reverse_order() -> None:
    call = a_call()
    told: list[str] = []

    def note(word: str) -> None:
        call.on_close.append(lambda _: told.append(word))

    note("first")
    note("second")
    call.close()
    call.close()
    assert told == ["second", "first"]


async def test_who_closes_is_given_the_call() -> None:
    call = a_call()
    given: list[Call] = []
    call.on_close.append(given.append)
    call.close()
    assert given == [call]


def test_new_ids_differ() -> None:
    assert len({new_request_id() for _ in range(1_000)}) == 1_000


@pytest.mark.parametrize("given", [b"a", b"req_1-2.3:4/5+6=", b"x" * 128])
def test_a_clients_id_is_kept_where_it_is_a_word(given: bytes) -> None:
    assert request_id_of({b"x-request-id": given}) == given


@pytest.mark.parametrize("given", [b"", b"a b", b"a\r\nb", b"a\x00", b"\xc3\xa9", b'"', b"x" * 129])
def test_another_id_is_replaced(given: bytes) -> None:
    assert request_id_of({b"x-request-id": given}).startswith(b"req_")
