"""The shipped rows as providers, with something for every variable that they name."""

import re
from functools import cache

from config.catalogue import ROWS
from config.schema import Provider
from tests.config.loading import read

TEXTS = dict(re.findall(r"^(\w+):\n((?:(?:[ #].*)?\n)+)", ROWS.read_text(), re.MULTILINE))

# What the recordings have in the place of a host or account, and a key for the rest.
_PLACES = {
    "AZURE_OPENAI_ENDPOINT": "https://RESOURCE.openai.azure.com",
    "CLOUDFLARE_ACCOUNT_ID": "ACCOUNT",
    "DATABRICKS_HOST": "https://WORKSPACE.azuredatabricks.net",
    "SNOWFLAKE_ACCOUNT_URL": "https://myorg-myaccount.snowflakecomputing.com",
}


def variables(text: str) -> dict[str, str]:
    """A value for every variable without a default."""
    return {name: _PLACES.get(name, "test-key-0123456789") for name in re.findall(r"\$\{(\w+)\}", text)}


@cache
def row(name: str) -> Provider:
    return read(f"providers: {{{name}: {{}}}}", variables(TEXTS[name])).providers[name]
