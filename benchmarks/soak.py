"""What a fresh contender holds in memory, before and after very many requests and cancelled streams."""

import time

from benchmarks import harness, scenarios
from benchmarks.launch import Running
from benchmarks.measure import Measurement, say

_PARTS = 10
_IDLE_SECONDS = 1.0


def soak(measurement: Measurement, running: Running, upstream_port: int) -> None:
    """Requests and cancelled streams in ten parts, with a look at the memory after each."""
    settings, results, name = measurement.settings, measurement.results, running.name
    time.sleep(_IDLE_SECONDS)
    memory = [running.tree.memory_mb()]
    results.add(name, "memory.idle_mb", memory[0])
    requests, cancels = settings.soak_requests // _PARTS, settings.soak_cancels // _PARTS
    seconds = settings.soak_seconds / _PARTS / 2
    say(f"soak of {name}: {settings.soak_requests} requests, {settings.soak_cancels} cancelled streams")
    for _ in range(_PARTS):
        answered = measurement.load(running, scenarios.UNARY, seconds, requests)
        left = measurement.load(running, scenarios.CANCELLED, seconds, cancels)
        if answered.total < requests or left.total < cancels:
            results.left_out[f"{name}: soak"] = f"not done in {settings.soak_seconds:.0f} s"
            measurement.settle(running)
            return
        memory.append(running.tree.memory_mb())
    results.soak_memory[name] = memory
    results.add(name, "memory.most_mb", max(memory))
    results.add(name, "memory.late_mb", memory[-1] - memory[_PARTS // 2])
    measurement.settle(running)
    time.sleep(settings.soak_rest)
    after = running.tree.memory_mb()
    results.add(name, "memory.after_mb", after)
    results.add(name, "memory.grown_mb", after - memory[0])
    results.add(name, "soak.left", harness.mock_stats(upstream_port).paced_now)
