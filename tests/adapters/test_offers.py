"""Vector backends, stores of files and safety checks: shipped, of a package, or at a path."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from adapters.files.registry import STORES, open_store
from adapters.offers import Offers
from adapters.safety.registry import CHECKS, open_check
from adapters.vector_io.registry import BACKENDS, open_backend
from config.file_storage import FileStorage
from config.mistakes import UnusableBackend, UnusableCheck, UnusableStore
from config.safety import Check
from config.vector_stores import Backend
from tests.external_package import BACKEND, CHECK, STORE, install

KINDS: dict[str, tuple[Offers[Any], str]] = {
    "backends": (BACKENDS, BACKEND),
    "stores": (STORES, STORE),
    "checks": (CHECKS, CHECK),
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that packages can be installed into."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop("acme", None)
    monkeypatch.undo()
    for offers, _ in KINDS.values():
        offers.refresh()


def offer(site: Path, kind: str, text: str | None = None) -> Offers[Any]:
    """Install a package that offers `acme`."""
    offers, module = KINDS[kind]
    text = module.format(name="acme") if text is None else text
    install(site, "acme", {"acme": f"acme:{offers.kind.value}"}, {"acme": text}, offers.kind.group)
    offers.refresh()
    return offers


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_offers_one_under_a_name_and_at_a_path(site: Path, kind: str) -> None:
    offers = offer(site, kind)
    assert "acme" in offers.names()
    assert offers.find("acme") is offers.find(f"acme:{offers.kind.value}")
    assert offers.fault("acme") is None


@pytest.mark.parametrize("kind", KINDS)
def test_another_thing_in_its_place_is_said_to_be_that(site: Path, kind: str) -> None:
    offers = offer(site, kind, f"{KINDS[kind][0].kind.value} = 5")
    fault = offers.fault("acme")
    assert fault is not None
    assert str(fault).startswith(f"the {offers.kind.unusable.kind} acme, from the package acme 1.0.0")
    assert "of the type int and not a" in fault.problem
    assert "contract.py" in fault.advice


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_can_not_be_opened_as_the_contract_says_is_refused(site: Path, kind: str) -> None:
    offers = offer(site, kind, KINDS[kind][1].format(name="acme").replace("lambda ", "lambda more, "))
    fault = offers.fault("acme")
    assert fault is not None
    assert "its open does not take what the contract gives it" in fault.problem


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_shipped_keeps_its_contract(kind: str) -> None:
    offers = KINDS[kind][0]
    for name in offers.shipped:
        assert offers.find(name).name == name


def test_each_is_opened_with_its_options(site: Path) -> None:
    folder = Path("/somewhere")
    offer(site, "backends")
    opened: Any = open_backend("near", Backend(type="acme", options={"wings": 4}), folder)
    assert opened == ("near", 4, folder)
    (site / "shelves.py").write_text(STORE.format(name="shelves"))
    opened = open_store(FileStorage(store="shelves:STORE", options={"shelf": "a"}), folder)
    assert opened == ("a", folder)
    (site / "strict.py").write_text(CHECK.format(name="strict"))
    opened = open_check("mine", Check(type="strict:CHECK"))
    assert opened == ("mine", 3)


def test_one_that_nobody_offers_is_named_by_its_kind() -> None:
    with pytest.raises(UnusableBackend, match="there is no such vector backend"):
        open_backend("near", Backend(type="zzzz"), Path())
    with pytest.raises(UnusableStore, match="there is no such store of files"):
        open_store(FileStorage(store="zzzz"), Path())
    with pytest.raises(UnusableCheck, match="there is no such safety check"):
        open_check("mine", Check(type="zzzz"))
