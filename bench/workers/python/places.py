"""From asking for an environment in a process of its own to its first hello: python places.py ENV_FILE"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from answering import answer
from hud.clients import connect
from hud.eval import SubprocessRuntime, Task

TASK = Task(env="instant", id="go", args={})


async def sample(request: dict[str, Any]) -> dict[str, float]:
    took: list[float] = []
    for _ in range(int(request["n"])):
        started = time.perf_counter()
        async with SubprocessRuntime(sys.argv[1])(TASK) as place:
            async with connect(place, ready_timeout=60):
                took.append((time.perf_counter() - started) * 1000)
    took.sort()
    return {"p50": took[len(took) // 2], "worst": took[-1]}


asyncio.run(answer(sample))
