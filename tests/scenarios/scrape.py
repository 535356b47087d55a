"""Reads /metrics as Prometheus does."""

import urllib.request
from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from tests.gateway_process import GatewayProcess


class Scrape:
    """What a gateway tells at one moment."""

    def __init__(self, gateway: GatewayProcess) -> None:
        with urllib.request.urlopen(f"{gateway.url}/metrics") as answer:
            self.text = answer.read().decode()
        families = text_string_to_metric_families(self.text)
        self.samples = [sample for family in families for sample in family.samples]

    def sum(self, name: str, **labels: str) -> float:
        """All samples of a family that have these labels, added up."""
        return sum(each.value for each in self.samples if each.name == f"isthmus_{name}" and has(each.labels, labels))

    def names(self) -> set[str]:
        """Every family that has a sample."""
        return {each.name for each in self.samples}


def has(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether labels have these values, whatever else there is."""
    return wanted.items() <= labels.items()
