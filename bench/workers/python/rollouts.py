"""Rollouts of an agent that answers at once: python rollouts.py URL ROLLOUTS_AT_ONCE"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from answering import answer
from hud.agents.base import Agent
from hud.eval import LocalRuntime, Runtime, Task, Taskset


class Instant(Agent):
    async def __call__(self, run: Any) -> None:
        run.trace.content = "anything"


URL, AT_ONCE = sys.argv[1], int(sys.argv[2])


async def sample(request: dict[str, Any]) -> dict[str, float]:
    tasks = [Task(env="instant", id="go", args={}, slug=f"go-{i}") for i in range(int(request["n"]))]
    taskset = Taskset("instant", tasks)
    cpu, started = time.process_time(), time.monotonic()
    runtime = LocalRuntime(URL) if URL.endswith(".py") else Runtime(URL)
    job = await taskset.run(Instant(), runtime=runtime, max_concurrent=AT_ONCE)
    seconds = time.monotonic() - started
    graded = sum(run.reward == 1.0 for run in job.runs)
    if graded != len(tasks):
        raise RuntimeError(f"{graded} of {len(tasks)} rollouts were graded 1.0: {job.runs[0].trace.error}")
    return {"rate": len(tasks) / seconds, "driverCpuMs": (time.process_time() - cpu) * 1000 / len(tasks)}


asyncio.run(answer(sample))
