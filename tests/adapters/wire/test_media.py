import pytest

from adapters.wire.errors import BadRequest
from adapters.wire.media import Media, data_url, decoded


@pytest.mark.parametrize(
    ("url", "media"),
    [
        ("data:image/png;base64,aGk=", Media("image/png", "aGk=")),
        ("data:image/svg+xml;charset=utf-8;base64,aGk=", Media("image/svg+xml", "aGk=")),
        ("data:;base64,aGk=", Media("text/plain", "aGk=")),
        ("data:application/pdf;base64,aG\n k=", Media("application/pdf", "aGk=")),
    ],
)
def test_a_data_url_holds_bytes_and_their_type(url: str, media: Media) -> None:
    assert data_url(url, "url") == media


def test_another_url_holds_no_bytes() -> None:
    assert data_url("https://example.test/a.png", "url") is None


@pytest.mark.parametrize("url", ["data:text/plain,hello", "data:", "data:image/png;base64"])
def test_a_data_url_that_is_not_in_base64_is_refused_by_name(url: str) -> None:
    with pytest.raises(BadRequest) as caught:
        data_url(url, "messages[0].content[1].image_url.url")
    assert caught.value.param == "messages[0].content[1].image_url.url"


def test_bytes_are_decoded() -> None:
    assert decoded(Media("text/plain", "aGk="), "url") == b"hi"


@pytest.mark.parametrize("data", ["a", "aGk", "a-_b", "ä"])
def test_what_is_no_base64_is_refused(data: str) -> None:
    with pytest.raises(BadRequest, match="not valid base64"):
        decoded(Media("text/plain", data), "url")
