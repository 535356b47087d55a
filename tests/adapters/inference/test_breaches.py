"""What an author of an adapter can get wrong, found when it is loaded."""

from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta, Struct
from msgspec.structs import replace

from adapters.inference import registry
from adapters.inference.breaches import breach
from adapters.inference.contract import NoOptions
from adapters.inference.stand_in import stand_in


class OneOrTheOther(Struct):
    voice: str | int = 1


class Endless(Struct):
    within: "Endless | None" = None


class Rich(Struct):
    a: Literal["x", "y"] = "x"
    b: dict[str, list[Annotated[int, Meta(ge=1)] | None]] = {}
    c: NoOptions | None = None
    d: Any = None


GOOD = registry.find("openai")
CHAT = GOOD.codecs["chat"]


@pytest.mark.parametrize("dialect", registry.SHIPPED)
def test_shipped_adapters_keep_the_contract(dialect: str) -> None:
    assert breach(registry.find(dialect)) is None


def test_what_stands_in_keeps_it_too() -> None:
    assert breach(stand_in("acme")) is None


def test_a_value_of_another_type_is_no_adapter() -> None:
    assert breach("openai") == "TypeError: its value is of the type str and not an Adapter"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sign": None}, "TypeError: its sign is no function"),
        ({"sign": lambda target: []}, "its sign does not take what the contract gives it: Target, str, bytes"),
        ({"explain": 5}, "TypeError: its explain is no function"),
        ({"models_url": lambda: ""}, "its models_url does not take"),
        ({"options": dict}, "its options are not a type made from msgspec.Struct"),
        ({"options": None}, "its options are not a type made from msgspec.Struct"),
        ({"options": OneOrTheOther}, "its options have a field of a type that a configuration can't hold"),
        ({"options": Endless}, "its options have a field of a type that a configuration can't hold"),
        ({"codecs": []}, "its codecs are not a mapping"),
        ({"codecs": {}}, "its codecs are not a mapping"),
        ({"codecs": {"chats": CHAT}}, "ValueError: it has a codec for 'chats', which is none of chat,"),
        ({"codecs": {"chat": 5}}, "its codec for chat is of the type int and not a Codec"),
        ({"codecs": {"chat": replace(CHAT, url="/chat")}}, "its codecs[chat].url is no function"),
        (
            {"codecs": {"chat": replace(CHAT, decode=lambda raw, target: None)}},
            "its codecs[chat].decode does not take what the contract gives it: bytes, Target, Body",
        ),
    ],
)
def test_a_breach_says_where_it_is(changes: dict[str, Any], said: str) -> None:
    assert said in (breach(replace(GOOD, **changes)) or "")


def test_options_may_hold_what_a_configuration_can() -> None:
    assert breach(replace(GOOD, options=Rich)) is None


def test_a_function_that_tells_nothing_of_its_parameters_is_believed() -> None:
    assert breach(replace(GOOD, models=max)) is None
