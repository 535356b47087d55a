import msgspec
import pytest

from adapters.inference.local.options import LocalOptions


def test_both_packaged_models_are_there_by_default() -> None:
    assert set(LocalOptions().models) == {"smollm2", "minilm"}


def test_a_gguf_file_goes_by_any_name() -> None:
    options = msgspec.convert({"models": {"mine-7b": {"file": "/models/mine.gguf"}}}, LocalOptions)
    assert options.models["mine-7b"].file == "/models/mine.gguf"


@pytest.mark.parametrize(
    ("models", "said"),
    [
        ({"mine": {}}, "give it a `file`"),
        ({"../up": {"file": "/x.gguf"}}, "letters, digits"),
        ({"": {"file": "/x.gguf"}}, "letters, digits"),
        ({"smollm2": {"paralel": 2}}, "paralel"),
        ({"smollm2": {"parallel": 0}}, "parallel"),
    ],
)
def test_what_can_not_work_is_refused_with_a_reason(models: dict[str, object], said: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert({"models": models}, LocalOptions)
