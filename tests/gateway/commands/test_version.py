"""`isthmus version`, and the command line itself."""

from importlib.metadata import version

import pytest

from tests.gateway.commands.conftest import Isthmus


def test_the_version_is_that_of_the_package(isthmus: Isthmus) -> None:
    assert isthmus("version").stdout == f"isthmus {version('isthmus')}\n"


def test_help_names_every_command_that_is_for_people(isthmus: Isthmus) -> None:
    done = isthmus("--help")
    assert done.returncode == 0
    assert [
        word for word in ("serve", "check", "models", "schema", "version") if f"    {word} " not in done.stdout
    ] == []


@pytest.mark.parametrize("arguments", [(), ("sevre",), ("check",), ("serve", "--port", "many")])
def test_wrong_use_is_a_2_with_the_usage(isthmus: Isthmus, arguments: tuple[str, ...]) -> None:
    done = isthmus(*arguments)
    assert done.returncode == 2
    assert "usage: isthmus" in done.stderr
