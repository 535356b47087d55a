"""Names to targets."""

import pytest

from adapters.inference.contract import NoOptions
from adapters.wire.errors import UnknownModel
from config.routing import Deployment, Model
from config.schema import Config, Provider
from gateway.routing.routes import Routes

PROVIDERS = {"groq": Provider(base_url="http://groq/v1"), "lab": Provider(base_url="http://lab/v1")}
MODELS = {
    "fast": Model(
        deployments=[Deployment(provider="groq", model="llama-3"), Deployment(provider="lab", model="llama")]
    ),
    "smart": Model(deployments=[Deployment(provider="lab", model="big/one")]),
}


def routes(**sections: object) -> Routes:
    config = Config(**{"providers": PROVIDERS, **sections})  # type: ignore[arg-type]
    return Routes(config, lambda name: NoOptions())


def refusal(found: Routes, name: str) -> UnknownModel:
    with pytest.raises(UnknownModel) as caught:
        found.find(name)
    return caught.value


def test_a_route_has_its_targets_in_order() -> None:
    targets = routes(models=MODELS).find("fast").targets
    assert [(target.provider, target.model) for target in targets] == [("groq", "llama-3"), ("lab", "llama")]
    assert bytes(targets[0].model_json) == b'"llama-3"'
    assert targets[0].settings is PROVIDERS["groq"]


def test_configured_names_are_listed() -> None:
    assert routes(models=MODELS).names == ["fast", "smart"]
    assert routes().names == []


@pytest.mark.parametrize("model", ["llama", "org/model", "org/model:free", "a b"])
def test_without_models_a_provider_is_reached_directly(model: str) -> None:
    (target,) = routes().find(f"lab/{model}").targets
    assert (target.provider, target.model) == ("lab", model)


@pytest.mark.parametrize("name", ["lab", "lab/", "/llama", "nowhere/llama", "", "/"])
def test_what_names_no_provider_or_no_model_is_unknown(name: str) -> None:
    assert refusal(routes(), name).code == "model_not_found"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    error = refusal(routes(models=MODELS), "fats")
    assert error.message.endswith("Did you mean 'fast'?")
    assert (error.status, error.param) == (404, "model")


def test_a_name_like_no_other_is_answered_with_where_names_are_listed() -> None:
    assert "GET /v1/models" in refusal(routes(models=MODELS), "zzzzzzzz").message


def test_an_unknown_provider_is_answered_with_the_nearest() -> None:
    assert refusal(routes(), "grok/llama").message.endswith("Ask for a model as 'provider/model': 'groq/…'.")


def test_a_name_without_a_provider_is_answered_with_those_there_are() -> None:
    assert refusal(routes(), "zzzzzzzz").message.endswith("'groq/…' or 'lab/…'.")


def test_a_long_name_is_not_said_back_whole() -> None:
    assert len(refusal(routes(models=MODELS), "x" * 500).message) < 300


def test_direct_routes_are_made_once_and_kept_up_to_a_bound() -> None:
    found = routes()
    assert found.find("lab/a") is found.find("lab/a")
    for number in range(2_000):
        found.find(f"lab/{number}")
    assert len(found._direct) == 1_024
