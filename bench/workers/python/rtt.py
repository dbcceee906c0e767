"""Serial tasks.list calls on one control connection: python rtt.py URL"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from answering import answer
from hud.clients import connect
from hud.eval import Runtime


async def main() -> None:
    async with connect(Runtime(sys.argv[1]), ready_timeout=30) as client:

        async def sample(request: dict[str, Any]) -> dict[str, float]:
            took: list[float] = []
            for _ in range(int(request["n"])):
                started = time.perf_counter()
                await client.list_tasks()
                took.append((time.perf_counter() - started) * 1e6)
            took.sort()
            return {"p50": took[len(took) // 2], "p99": took[int(len(took) * 0.99)]}

        await answer(sample)


asyncio.run(main())
