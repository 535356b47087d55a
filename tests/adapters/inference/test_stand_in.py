"""What answers in the place of an adapter that can't be used."""

import msgspec
import pytest
from msgspec import Raw

from adapters.inference.contract import Target
from adapters.inference.stand_in import stand_in
from adapters.wire.body import parse
from adapters.wire.errors import ProviderUnusable
from config.schema import Provider


def test_every_request_is_refused_for_now_in_openais_shape() -> None:
    adapter = stand_in("acme")
    options = msgspec.convert({"anything": [1]}, adapter.options)
    target = Target("acme", "m", Raw(b'"m"'), Provider(dialect="acme"), options)
    for codec in adapter.codecs.values():
        with pytest.raises(ProviderUnusable) as raised:
            codec.encode(parse(b'{"model":"acme/m"}'), target)
        error = raised.value
        assert (error.status, error.code, error.retryable) == (503, "provider_unusable", True)
        assert msgspec.json.decode(error.body())["error"]["type"] == "server_error"
        assert "'acme'" in error.message
