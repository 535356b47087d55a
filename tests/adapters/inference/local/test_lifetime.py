import subprocess
import sys

import msgspec
import pytest

from tests.adapters.inference.local.serving import settings_with

PROGRAM = "from adapters.inference.local import lifetime; lifetime.run(print)"
NOBODY = 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_process_whose_gateway_has_gone_before_it_could_begin_ends_at_once() -> None:
    settings = msgspec.json.encode(settings_with(parent=NOBODY))
    result = subprocess.run([sys.executable, "-c", PROGRAM, settings], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "The gateway is gone.\n")
