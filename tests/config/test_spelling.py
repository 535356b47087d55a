import pytest

from config.schema import Config
from tests.config.loading import mistake, mistakes

MODEL = "{providers: {local: {}}, models: {m: %s}}"


@pytest.mark.parametrize(
    ("text", "path", "meant"),
    [
        ("provders: {local: {}}", "provders", "providers"),
        ("{providers: {local: {}}, sever: {port: 1}}", "sever", "server"),
        ("providers: {local: {time-outs: {}}}", "providers.local.time-outs", "timeouts"),
        ("providers: {x: {baseUrl: 'http://h'}}", "providers.x.baseUrl", "base_url"),
        ("providers: {x: {exetnds: local}}", "providers.x.exetnds", "extends"),
        (
            MODEL % "{deployment: [{provider: local, model: m}]}",
            "models.m.deployment",
            "deployments",
        ),
        (
            MODEL % "{deployments: [{provdier: local, model: m}]}",
            "models.m.deployments[0].provdier",
            "provider",
        ),
        ("{providers: {local: {}}, keys: [{nmae: a, key: abcdefgh}]}", "keys[0].nmae", "name"),
    ],
)
def test_a_slip_is_one_mistake_with_the_right_spelling(text: str, path: str, meant: str) -> None:
    only = mistake(text)
    assert (only.path, only.nearest) == (path, meant)


def test_a_name_like_nothing_lists_what_there_is() -> None:
    only = mistake("{providers: {local: {}}, zzz: 1}")
    assert (only.found, only.nearest, only.allowed) == ("zzz", None, ", ".join(Config.__struct_fields__))


def test_a_misspelled_field_does_not_replace_the_right_one() -> None:
    only = mistake("{server: {port: 1, prot: many}, providers: {local: {}}}")
    assert (only.path, only.nearest) == ("server.prot", "port")


def test_what_stands_under_a_misspelled_name_is_checked_too() -> None:
    found = mistakes("{sever: {port: 70000}, providers: {local: {}}}")
    assert [each.path for each in found] == ["sever", "server.port"]


def test_a_missing_space_after_a_colon_is_explained() -> None:
    only = mistake("{providers: {x: {base_url: 'http://h', api_key:sk-1234567890}}}")
    assert (only.path, only.problem) == ("providers.x.api_key", "a colon needs a space after it")
