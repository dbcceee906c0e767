"""Workspaces, each from its making to the end of its first command: python sandboxes.py FOLDER"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from typing import Any

from answering import answer
from hud.capabilities.ssh import SSHClient
from hud.environment.workspace import Workspace


async def one() -> float:
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as root:
        started = time.perf_counter()
        workspace = Workspace(root)
        await workspace.start()
        client = await SSHClient.connect(workspace.capability())
        done = await client.run("true")
        took = (time.perf_counter() - started) * 1000
        if done.returncode != 0:
            raise RuntimeError(f"the first command failed: {done.stderr}")
        await client.close()
        await workspace.stop()
        return took


async def sample(request: dict[str, Any]) -> dict[str, float]:
    started = time.perf_counter()
    took = await asyncio.gather(*(several(int(request["n"]) // int(request["atOnce"])) for _ in range(int(request["atOnce"]))))
    times = sorted(ms for part in took for ms in part)
    return {"p50": times[len(times) // 2], "worst": times[-1], "rate": len(times) / (time.perf_counter() - started)}


async def several(count: int) -> list[float]:
    return [await one() for _ in range(count)]


asyncio.run(answer(sample))
