"""All doors of vector stores, in the order in which a request for one meets them."""

from litestar import Router

from gateway.api.vector_stores.batches import batch_doors
from gateway.api.vector_stores.elsewhere import passing_on
from gateway.api.vector_stores.files import store_file_doors
from gateway.api.vector_stores.search import search_door
from gateway.api.vector_stores.stores import store_doors
from gateway.onion import Live


def vector_store_doors(live: Live) -> Router:
    """The doors over what `live` holds; stores that live with a provider are answered for before them."""
    doors = [*store_doors(live), *store_file_doors(live), *batch_doors(live), search_door(live)]
    return Router("/", route_handlers=doors, before_request=passing_on(live))
