"""In the place of an adapter that can't be used: requests are answered with an error, and other providers serve on."""

from typing import NoReturn, get_args

from msgspec import Struct

from adapters.inference.contract import Adapter, Codec
from adapters.wire.errors import ProviderUnusable
from config.schema import Operation


class AnyOptions(Struct, frozen=True):
    """Whatever stands there, because nobody can judge it."""


def stand_in(provider: str) -> Adapter:
    """An adapter for a provider of this name that refuses every request. Its functions raise ProviderUnusable."""

    def refuse(*given: object) -> NoReturn:
        raise ProviderUnusable(
            f"The provider '{provider}' can't be used: its adapter could not be loaded. The gateway's log says why."
        )

    codec = Codec(refuse, refuse, refuse, refuse)
    codecs = dict.fromkeys(get_args(Operation), codec)
    return Adapter(name="", codecs=codecs, sign=refuse, explain=refuse, options=AnyOptions)
