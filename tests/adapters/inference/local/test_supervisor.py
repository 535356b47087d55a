"""Real processes: started, shared, killed, started again."""

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import httpx
import msgspec
import pytest
import pytest_asyncio

from adapters.inference.local import ADAPTER, process, supervisor
from adapters.inference.local.engine import LocalEngine
from adapters.inference.local.options import LocalOptions
from adapters.wire.errors import Overloaded, UnknownModel, UpstreamError
from tests.adapters.inference.local.asking import Model, eventually

Make: TypeAlias = Callable[..., LocalEngine]

STARTS_AND_STAYS = """
import asyncio, sys
from pathlib import Path
from adapters.inference.local.engine import LocalEngine
from adapters.inference.local.options import LocalOptions

async def main():
    engine = LocalEngine("local", LocalOptions(), Path(sys.argv[1]))
    print(await engine.ready("minilm"), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest_asyncio.fixture
async def make(run_dir: Path) -> AsyncIterator[Make]:
    """Makes engines that share a folder, as the workers of one gateway do, and ends them."""
    engines = []
    with TemporaryDirectory(dir=run_dir) as folder:

        def engine(**models: Any) -> LocalEngine:
            options = msgspec.convert({"models": models or {"minilm": {}}}, LocalOptions)
            engines.append(LocalEngine("local", options, Path(folder)))
            return engines[-1]

        yield engine
        for one in engines:
            await one.stop()


def processes(engine: LocalEngine) -> list[int]:
    """The living processes that have the engine's folder in their arguments."""
    folder = str(engine.folder)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                arguments = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if folder.encode() in arguments and b"_server" in arguments:
                found.append(int(entry.name))
    return found


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def sockets(engine: LocalEngine) -> list[Path]:
    return list(engine.folder.glob("*.sock"))


def mode(path: Path | str) -> int:
    return Path(path).stat().st_mode & 0o777


def environment(pid: int) -> str:
    return Path(f"/proc/{pid}/environ").read_text()


async def embeds(url: str, input: str | list[str] = "Hi") -> bool:
    transport = httpx.AsyncHTTPTransport(uds=url.removeprefix("unix://"))
    async with httpx.AsyncClient(transport=transport, timeout=httpx.Timeout(30)) as client:
        answer = await client.post("http://x/v1/embeddings", json={"model": "minilm", "input": input})
    return answer.status_code == 200


async def gone(pid: int) -> None:
    """Wait until a process is no more."""

    async def is_gone() -> bool:
        return not alive(pid)

    await eventually(is_gone)


async def noticed(engine: LocalEngine) -> None:
    """Wait until the engine knows that its process has ended: the kernel tells it a little later than us."""
    minilm = engine._supervisors["minilm"]

    async def is_noticed() -> bool:
        return minilm._process is None or not minilm._process.alive

    await eventually(is_noticed)


async def test_many_who_wait_share_one_start(make: Make) -> None:
    engine = make()
    urls = await asyncio.gather(*(engine.ready("minilm") for _ in range(20)))
    assert len(set(urls)) == 1
    assert len(processes(engine)) == 1
    assert await embeds(urls[0])


async def test_one_who_asks_later_is_given_the_same_process(make: Make) -> None:
    engine = make()
    first = await engine.ready("minilm")
    started = processes(engine)
    assert await engine.ready("minilm") == first
    assert processes(engine) == started


async def test_nothing_starts_before_it_is_needed(make: Make) -> None:
    engine = make(minilm={"load": "first_use"})
    await engine.start()
    assert processes(engine) == []


async def test_a_model_may_be_loaded_from_the_start(make: Make) -> None:
    engine = make(minilm={"load": "start"})
    await engine.start()
    assert len(processes(engine)) == 1


async def test_a_killed_process_comes_back(make: Make) -> None:
    engine = make()
    await engine.ready("minilm")
    (pid,) = processes(engine)
    os.kill(pid, signal.SIGKILL)
    await gone(pid)
    await noticed(engine)
    assert await embeds(await engine.ready("minilm"))
    assert processes(engine) != [pid]


async def test_a_process_that_keeps_dying_rests_longer_and_longer(make: Make) -> None:
    engine = make()
    for _ in range(2):
        await engine.ready("minilm")
        (pid,) = processes(engine)
        os.kill(pid, signal.SIGKILL)
        await gone(pid)
        await noticed(engine)
    with pytest.raises(Overloaded, match="died 2 times in a row") as caught:
        await engine.ready("minilm")
    assert caught.value.retry_after is not None
    await asyncio.sleep(caught.value.retry_after + 0.05)
    assert await embeds(await engine.ready("minilm"))


async def test_a_process_that_dies_now_and_then_does_not_rest(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_STABLE_SECONDS", 0)
    engine = make()
    for _ in range(2):
        await engine.ready("minilm")
        (pid,) = processes(engine)
        os.kill(pid, signal.SIGKILL)
        await gone(pid)
        await noticed(engine)
    assert await embeds(await engine.ready("minilm"))


async def test_a_process_that_hangs_is_killed_and_comes_back(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make()
    with monkeypatch.context() as impatient:
        impatient.setattr(supervisor, "_PULSE_SECONDS", 0.05)
        impatient.setattr(process, "_PULSE_TIMEOUT", 1.0)
        await engine.ready("minilm")
        (pid,) = processes(engine)
        os.kill(pid, signal.SIGSTOP)
        await gone(pid)
    await noticed(engine)
    assert await embeds(await engine.ready("minilm"))


async def test_a_process_whose_socket_was_removed_is_killed_and_comes_back(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = make()
    with monkeypatch.context() as impatient:
        impatient.setattr(supervisor, "_PULSE_SECONDS", 0.05)
        url = await engine.ready("minilm")
        (pid,) = processes(engine)
        os.unlink(url.removeprefix("unix://"))
        await gone(pid)
    await noticed(engine)
    assert await embeds(await engine.ready("minilm"))


async def test_workers_share_one_process(make: Make) -> None:
    first, second = make(), make()
    one, other = await asyncio.gather(first.ready("minilm"), second.ready("minilm"))
    assert one == other
    assert len(processes(first)) == 1


async def test_a_worker_does_not_wait_for_ever_for_the_process_of_another(make: Make) -> None:
    engine = make(minilm={"start_seconds": 0.1})
    with engine._supervisors["minilm"]._lock_path.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Overloaded, match="still loading"):
            await engine.ready("minilm")


async def test_a_worker_takes_over_when_the_one_that_started_it_ends(make: Make) -> None:
    first, second = make(), make()
    await first.ready("minilm")
    await second.ready("minilm")
    await first.stop()
    assert await embeds(await second.ready("minilm"))
    assert len(processes(second)) == 1


async def test_a_worker_that_only_shares_ends_nothing(make: Make) -> None:
    first, second = make(), make()
    url = await first.ready("minilm")
    await second.ready("minilm")
    await second.stop()
    assert await embeds(url)


async def test_a_process_dies_with_the_gateway_that_was_killed(make: Make) -> None:
    engine = make()
    gateway = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTS_AND_STAYS, str(engine.folder.parent), stdout=asyncio.subprocess.PIPE
    )
    assert gateway.stdout is not None
    await gateway.stdout.readline()
    (pid,) = processes(engine)
    gateway.kill()
    await gateway.wait()
    await gone(pid)
    assert await embeds(await engine.ready("minilm"))


async def test_stopping_leaves_no_process_and_no_socket(make: Make) -> None:
    engine = make()
    await engine.ready("minilm")
    (pid,) = processes(engine)
    await engine.stop()
    assert not alive(pid)
    assert sockets(engine) == []


async def test_stopping_ends_a_start_under_way(make: Make) -> None:
    engine = make()
    starting = asyncio.create_task(engine.ready("minilm"))

    async def begun() -> bool:
        return bool(processes(engine))

    await eventually(begun)
    await engine.stop()
    assert processes(engine) == []
    with pytest.raises(asyncio.CancelledError):
        await starting


async def test_stopping_lets_what_others_asked_for_finish(make: Make) -> None:
    first, second = make(), make()
    await first.ready("minilm")
    running = asyncio.create_task(embeds(await second.ready("minilm"), ["word " * 300] * 60))
    await asyncio.sleep(0.3)
    stopping = asyncio.create_task(first.stop())

    async def handed_over() -> bool:
        return not [path for path in sockets(first) if ".sock." not in path.name]

    await eventually(handed_over)
    assert await embeds(await second.ready("minilm"))  # of a process of its own
    assert await running
    await stopping


async def test_other_settings_have_a_process_of_their_own(make: Make) -> None:
    before, after = make(minilm={}), make(minilm={"threads": 2})
    assert await before.ready("minilm") != await after.ready("minilm")


async def test_one_who_stops_waiting_does_not_end_the_start(make: Make) -> None:
    engine = make()
    leaver, stayer = (asyncio.create_task(engine.ready("minilm")) for _ in range(2))
    await asyncio.sleep(0.1)
    leaver.cancel()
    assert await embeds(await stayer)


async def test_too_many_who_wait_for_a_start_are_refused(make: Make) -> None:
    engine = make(minilm={"parallel": 1, "queue": 1})
    waiting = [asyncio.create_task(engine.ready("minilm")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await engine.ready("minilm")
    await asyncio.gather(*waiting)


async def test_an_idle_model_is_unloaded_and_comes_back(make: Make) -> None:
    engine = make(minilm={"idle_seconds": 1})
    await engine.ready("minilm")
    (pid,) = processes(engine)
    await gone(pid)
    await noticed(engine)
    assert await embeds(await engine.ready("minilm"))


async def test_a_file_that_is_no_model_says_why(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "broken.gguf"
    file.write_bytes(b"this is no model")
    engine = make(broken={"file": str(file)})
    with pytest.raises(UpstreamError, match=r"'broken' can't be loaded\. .*RuntimeError") as caught:
        await engine.ready("broken")
    assert (caught.value.status, caught.value.code, caught.value.retryable) == (503, "model_failed", True)


async def test_a_gguf_file_that_does_not_say_how_to_pool_asks_for_it(make: Make) -> None:
    from adapters.inference.local.weights import locate

    engine = make(mine={"kind": "embeddings", "file": locate("smollm2", "packaged").file, "context": 256})
    with pytest.raises(UpstreamError, match=r"(?i)pooling"):
        await engine.ready("mine")


async def test_a_folder_whose_path_is_too_long_for_a_socket_is_told(run_dir: Path) -> None:
    engine = LocalEngine("x" * 90, LocalOptions(), run_dir)
    with pytest.raises(UpstreamError, match="too long for the local model 'minilm'"):
        await engine.ready("minilm")


async def test_a_model_that_loads_too_long_is_given_up(make: Make) -> None:
    engine = make(minilm={"start_seconds": 0.05})
    with pytest.raises(UpstreamError, match=r"within 0\.05 seconds"):
        await engine.ready("minilm")
    assert processes(engine) == []


async def test_a_name_that_nobody_has_is_unknown(make: Make) -> None:
    with pytest.raises(UnknownModel, match="local/minilm"):
        await make().ready("gpt-5")


async def test_a_process_knows_no_key_of_the_gateway(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    engine = make()
    await engine.ready("minilm")
    (pid,) = processes(engine)
    assert "sk-very-secret" not in environment(pid)


@pytest.mark.parametrize(("spin", "told"), [(False, True), (True, False)])
async def test_threads_spin_where_the_operator_says_so_alone(make: Make, spin: bool, told: bool) -> None:
    engine = make(minilm={"spin": spin})
    await engine.ready("minilm")
    (pid,) = processes(engine)
    assert ("GOMP_SPINCOUNT=0" in environment(pid).split("\0")) is told


async def test_sockets_are_for_the_gateways_user_alone(make: Make) -> None:
    engine = make()
    url = await engine.ready("minilm")
    assert mode(url.removeprefix("unix://")) & 0o077 == 0
    assert mode(engine.folder) & 0o077 == 0


async def test_a_gguf_file_embeds(make: Make) -> None:
    from adapters.inference.local.weights import locate

    file = locate("smollm2", "packaged").file
    engine = make(minilm={"kind": "embeddings", "file": file, "pooling": "mean", "context": 256, "parallel": 1})
    assert await embeds(await engine.ready("minilm"))


async def test_a_gguf_file_reranks_and_cuts_long_texts(make: Make) -> None:
    from adapters.inference.local.weights import locate

    file = locate("smollm2", "packaged").file
    engine = make(minilm={"kind": "embeddings", "file": file, "pooling": "mean", "context": 256, "parallel": 1})
    async with Model(ADAPTER, "minilm", await engine.ready("minilm")) as model:
        told = await model.ask("rerank", query="cats", documents=["word " * 600, "cats"], max_tokens_per_doc=300)
    assert told["results"][0]["index"] == 1
    assert told["results"][0]["relevance_score"] > 0.99
