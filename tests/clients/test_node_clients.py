"""The npm packages `openai` and `ai`: each `node/*.test.mjs` is run by Node's own test runner."""

import os
import subprocess

import pytest

from tests.clients.conftest import Service
from tests.clients.node_packages import FOLDER, node


@pytest.mark.parametrize("file", ["openai.test.mjs", "ai.test.mjs"])
def test_node_client(service: Service, file: str) -> None:
    run(service, file)


def test_files_and_vector_stores(local: Service) -> None:
    run(local, "stores.test.mjs")


def run(service: Service, file: str) -> None:
    environment = os.environ | {
        "ISTHMUS_BASE_URL": service.base_url,
        "ISTHMUS_KEY": service.api_key,
        "MODEL": service.model,
        "EMBEDDING_MODEL": service.embedding_model,
        "AI_SDK_LOG_WARNINGS": "false",
    }
    done = subprocess.run(
        [node(), "--test", file], cwd=FOLDER, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
