from typing import Any

import pytest

from adapters.wire.errors import UnsupportedParameter
from adapters.wire.fields import KEPT, UNSUPPORTED, Drops, Fields, drops_for
from tests.adapters.inference.targets import request

FIELDS: Fields = {"model": KEPT, "seed": UNSUPPORTED, "n": UNSUPPORTED, "user": KEPT}


def dropped(own: str = "cohere", refuse: bool = False, native: tuple[str, ...] = (), **fields: Any) -> tuple[str, ...]:
    drops = Drops("lab", refuse)
    drops.drop_unexpressed(request(**fields).fields, FIELDS, own, native)
    return drops.dropped


def test_fields_that_can_be_expressed_are_not_told_of() -> None:
    assert dropped(user="me") == ()


def test_fields_that_can_not_are_told_of_with_a_reason() -> None:
    assert dropped(seed=1, made_up=2) == ("seed=unsupported", "made_up=unknown")


@pytest.mark.parametrize("fields", [{"seed": None}, {"n": 1}, {"made_up": None}])
def test_what_says_nothing_is_no_loss(fields: dict[str, Any]) -> None:
    assert dropped(refuse=True, **fields) == ()


def test_a_loss_is_refused_where_that_was_asked_for() -> None:
    with pytest.raises(UnsupportedParameter, match="'seed' is not supported by the provider 'lab'") as caught:
        dropped(refuse=True, seed=1)
    assert caught.value.param == "seed"


def test_members_for_another_dialect_are_left_out_and_never_refused() -> None:
    assert dropped(refuse=True, anthropic={"top_k": 1}, cohere={"k": 1}) == ("anthropic=other-dialect",)


def test_a_service_has_fields_of_its_own() -> None:
    assert dropped(native=("top_k",), top_k=1) == ()


@pytest.mark.parametrize(
    ("said", "written", "refuses"),
    [(None, "report", False), (None, "refuse", True), ("refuse", "report", True), ("report", "refuse", False)],
)
def test_a_clients_word_counts_more_than_the_operators(said: str | None, written: str, refuses: bool) -> None:
    body = request()
    body.on_unsupported = said
    drops = drops_for(body, "lab", written)
    if refuses:
        with pytest.raises(UnsupportedParameter):
            drops.drop("seed")
    else:
        drops.drop("seed")
        assert drops.dropped == ("seed=unsupported",)


def test_what_the_operator_names_unsupported_is_taken_out_and_told_of() -> None:
    drops = Drops("lab", refuse=False)
    asked = request(seed=1, n=1, user="me")
    asked.on_unsupported = "report"
    rest = drops.without(asked, ["seed", "n", "stop"])
    assert list(rest.fields) == ["model", "user"]
    assert rest.on_unsupported == "report"
    assert drops.dropped == ("seed=unsupported",)
    assert "seed" in asked.fields


def test_a_request_with_nothing_to_take_out_stays_the_same() -> None:
    asked = request(user="me")
    assert Drops("lab", refuse=True).without(asked, ["seed"]) is asked
