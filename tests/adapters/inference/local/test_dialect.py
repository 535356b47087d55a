import json
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import Raw, structs

from adapters.inference.contract import Target
from adapters.inference.local import ADAPTER
from adapters.inference.local.options import LocalOptions
from adapters.wire.body import Body, parse
from adapters.wire.errors import UnsupportedParameter
from config.schema import Provider

TARGET = Target("local", "smollm2", Raw(b'"smollm2"'), Provider(dialect="local"), LocalOptions())


def request(**fields: object) -> Body:
    return parse(json.dumps({"model": "local/smollm2", **fields}).encode())


def test_what_the_engine_passes_over_is_dropped_and_told() -> None:
    encoded = ADAPTER.codecs["chat"].encode(request(messages=[], store=True, user="me", temperature=1), TARGET)
    assert encoded.dropped == ("store=unsupported", "user=unsupported")
    assert json.loads(encoded.body) == {"model": "smollm2", "messages": [], "temperature": 1}


def test_what_the_operator_says_is_unsupported_is_dropped_as_well() -> None:
    target = structs.replace(TARGET, settings=Provider(dialect="local", unsupported=["seed"]))
    assert ADAPTER.codecs["chat"].encode(request(messages=[], seed=1), target).dropped == ("seed=unsupported",)


def test_it_is_refused_where_the_operator_says_so() -> None:
    target = structs.replace(TARGET, settings=Provider(dialect="local", on_unsupported="refuse"))
    with pytest.raises(UnsupportedParameter) as caught:
        ADAPTER.codecs["embeddings"].encode(request(input="x", user="me"), target)
    assert caught.value.param == "user"


def test_its_models_are_those_of_its_options() -> None:
    assert ADAPTER.models is not None
    assert ADAPTER.models(LocalOptions()) == ["smollm2", "minilm"]


def test_the_gateways_side_loads_none_of_the_heavy_parts() -> None:
    heavy = "{'xllamacpp', 'onnxruntime', 'numpy', 'tokenizers', 'httpx', 'tiktoken'}"
    script = f"import sys, adapters.inference.local; print(*({heavy} & set(sys.modules)))"
    root = Path(__file__).parents[4]
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert result.stdout.strip() == ""
