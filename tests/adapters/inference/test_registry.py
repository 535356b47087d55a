"""Which dialects there are: shipped ones, those of installed packages, and paths of modules."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.inference import openai, registry
from adapters.inference.contract import Adapter
from config.mistakes import UnusableDialect
from tests.external_package import GOOD, install


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that packages can be installed into."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    registry.refresh()
    yield tmp_path
    for name in set(sys.modules) - before:
        if (tmp_path / f"{name}.py").exists():
            del sys.modules[name]
    monkeypatch.undo()
    registry.refresh()


def offer(site: Path, text: str, *, dialect: str = "acme", value: str = "acme:ADAPTER", package: str = "acme") -> None:
    """Install a package that offers a dialect."""
    install(site, package, {dialect: value}, {"acme": text})
    registry.refresh()


def unusable(dialect: str) -> UnusableDialect:
    with pytest.raises(UnusableDialect) as raised:
        registry.find(dialect)
    return raised.value


@pytest.mark.parametrize("dialect", registry.SHIPPED)
def test_a_shipped_dialect_is_found_under_its_name(dialect: str) -> None:
    assert registry.find(dialect).name == dialect
    assert registry.fault(dialect) is None


def test_a_module_is_imported_when_its_dialect_is_asked_for(site: Path) -> None:
    offer(site, GOOD.format(dialect="acme"))
    program = (
        "import sys; from gateway import onion; from adapters.inference import registry; print(*registry.names());"
        "told = [*registry.SHIPPED.values(), 'acme']; print(*(name for name in told if name in sys.modules));"
        "registry.find('acme'); print('acme' in sys.modules, registry.SHIPPED['local'] in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": f"{site}:."}, capture_output=True)
    names, imported, then, _ = done.stdout.decode().split("\n")
    assert "acme" in names.split()
    assert imported == ""
    assert then == "True False"


def test_a_package_offers_a_dialect(site: Path) -> None:
    offer(site, GOOD.format(dialect="acme"))
    assert isinstance(registry.find("acme"), Adapter)
    assert registry.is_known("acme")
    assert "acme" in registry.names()
    assert registry.fault("acme") is None


def test_a_dialect_may_be_the_path_of_a_value_in_a_module(site: Path) -> None:
    (site / "acme.py").write_text(GOOD.format(dialect="acme"))
    assert registry.find("acme:ADAPTER").name == "acme"
    assert registry.is_known("acme:ADAPTER")


@pytest.mark.parametrize("dialect", ["acme", "acme:", ":ADAPTER", "acme:ADAPTER:x", "my-package:ADAPTER", "a b:C"])
def test_what_is_neither_a_name_nor_written_like_a_path_is_not_known(dialect: str) -> None:
    assert not registry.is_known(dialect)


def test_a_name_that_nobody_offers_gets_the_nearest(site: Path) -> None:
    offer(site, GOOD.format(dialect="acme"))
    assert str(unusable("acm")) == "the dialect acm, from no package: there is no such dialect; did you mean acme?"
    assert "install the package that offers it" in str(unusable("zzzzzz"))


@pytest.mark.parametrize(
    ("text", "problem", "advice"),
    [
        pytest.param("import nowhere.at_all", "ModuleNotFoundError: No module named 'nowhere'", "pip install nowhere"),
        pytest.param("1 / 0", "ZeroDivisionError: division by zero", "repair or update it"),
        pytest.param("raise ValueError('two\\nlines')", "ValueError: two lines", "repair or update it"),
        pytest.param("raise SystemExit", "SystemExit", "repair or update it"),
        pytest.param("def", "SyntaxError: invalid syntax (acme.py, line 1)", "repair or update it"),
        pytest.param("", "AttributeError: module 'acme' has no attribute 'ADAPTER'", "name an adapter that acme has"),
        pytest.param("ADAPTER = 5", "TypeError: its value is of the type int and not an Adapter", "contract.py"),
        pytest.param(GOOD.format(dialect="other"), "its name is other and that of the entry point is acme", "contract"),
    ],
)
def test_a_broken_package_is_named_with_what_to_do(site: Path, text: str, problem: str, advice: str) -> None:
    offer(site, text, package="acme-for-isthmus")
    fault = unusable("acme")
    assert fault.source == 'the package acme-for-isthmus 1.0.0, entry point acme = "acme:ADAPTER"'
    assert fault.problem == problem
    assert advice in fault.advice
    assert "\n" not in str(fault)
    assert registry.fault("acme") is fault


def test_a_long_word_of_a_package_is_cut(site: Path) -> None:
    offer(site, "raise ValueError('x' * 5_000)")
    assert len(str(unusable("acme"))) < 600


def test_an_entry_point_that_is_no_path_is_said_so(site: Path) -> None:
    offer(site, "", value="acme")
    assert unusable("acme").problem == "its value is not written module:VALUE"


def test_a_module_that_is_not_there_is_to_be_installed(site: Path) -> None:
    assert "install the package that has nowhere.to" in unusable("nowhere.to:ADAPTER").advice


def test_a_path_may_not_lead_to_the_name_of_a_shipped_dialect(site: Path) -> None:
    (site / "acme.py").write_text(GOOD.format(dialect="openai"))
    assert unusable("acme:ADAPTER").problem == "its name, openai, is that of a shipped dialect"


def test_a_package_can_not_take_the_place_of_a_shipped_dialect(site: Path) -> None:
    offer(site, "raise AssertionError('imported')", dialect="openai")
    assert registry.find("openai") is openai.ADAPTER
    fault = registry.fault("openai")
    assert fault is not None
    assert str(fault) == (
        'the dialect openai, from the package acme 1.0.0, entry point openai = "acme:ADAPTER": Isthmus has a dialect '
        "of this name, which is used instead; give the entry point another name, or uninstall it"
    )


def test_two_packages_with_one_dialect_are_both_named(site: Path) -> None:
    offer(site, GOOD.format(dialect="acme"))
    offer(site, GOOD.format(dialect="acme"), package="other")
    fault = unusable("acme")
    assert "the package acme 1.0.0" in fault.source
    assert "the package other 1.0.0" in fault.source
    assert fault.advice == "uninstall all but one"


def test_what_was_repaired_is_found_after_a_refresh(site: Path) -> None:
    offer(site, "import nowhere")
    assert registry.fault("acme")
    (site / "nowhere.py").write_text("")
    (site / "acme.py").write_text(f"import nowhere\n{GOOD.format(dialect='acme')}")
    assert registry.fault("acme")
    registry.refresh()
    assert registry.find("acme").name == "acme"


def test_a_shipped_dialect_that_lacks_what_it_needs_is_told_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.SHIPPED, "flying", "nowhere.flying")
    fault = unusable("flying")
    assert (fault.source, fault.problem) == ("Isthmus", "ModuleNotFoundError: No module named 'nowhere'")
    registry.refresh()
