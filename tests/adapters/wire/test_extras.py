import json

import pytest

from adapters.wire.errors import BadRequest
from adapters.wire.extras import vendor_extras
from tests.adapters.inference.targets import request


def test_the_members_of_the_dialects_own_field_are_given_as_they_came() -> None:
    extras = vendor_extras(request(ollama={"keep_alive": "5m"}, cohere={"k": 1}), "ollama", {"model"})
    assert {name: json.loads(bytes(value)) for name, value in extras.items()} == {"keep_alive": "5m"}


@pytest.mark.parametrize("fields", [{}, {"ollama": None}])
def test_without_the_field_there_are_none(fields: dict[str, None]) -> None:
    assert vendor_extras(request(**fields), "ollama", {"model"}) == {}


@pytest.mark.parametrize("name", ["model", "Model", "MODEL"])
def test_what_was_judged_before_can_not_be_set_in_any_spelling(name: str) -> None:
    with pytest.raises(BadRequest) as caught:
        vendor_extras(request(ollama={name: "another"}), "ollama", {"model"})
    assert (caught.value.param, caught.value.code) == (f"ollama.{name}", "reserved_parameter")


def test_anything_but_an_object_is_refused() -> None:
    with pytest.raises(BadRequest) as caught:
        vendor_extras(request(ollama=[1]), "ollama", {"model"})
    assert caught.value.param == "ollama"
