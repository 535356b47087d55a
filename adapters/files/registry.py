"""Which stores of files there are."""

from pathlib import Path

import msgspec

from adapters.breaches import breach_of
from adapters.files.contract import BlobStore, Store
from adapters.offers import Kind, Offers
from config.file_storage import FileStorage
from config.mistakes import UnusableStore

SHIPPED = {"local": "adapters.files.local", "s3": "adapters.files.s3"}
"""The modules whose `STORE` each is."""

GROUP = "isthmus.files"
"""Entry points of this group: the name is the store's, the value is its Store."""

_KIND = Kind(
    group=GROUP,
    value="STORE",
    noun="a Store",
    unusable=UnusableStore,
    breach=breach_of(Store),
    contract="adapters/files/contract.py",
)
STORES: Offers[Store] = Offers(_KIND, SHIPPED)


def open_store(settings: FileStorage, folder: Path) -> BlobStore:
    """The store as it is configured. Raises UnusableStore, and ImportError where a library is missing."""
    kind = STORES.find(settings.store)
    return kind.open(msgspec.convert(settings.options, kind.options), folder)
