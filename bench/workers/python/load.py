"""Loads a task file once: python load.py PATH"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

from answering import answer
from hud.eval import Taskset

MIB = 1024 * 1024


def rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def sample(_: dict[str, Any]) -> dict[str, float]:
    before = rss()
    started = time.perf_counter()
    taskset = Taskset.from_file(sys.argv[1])
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "rows": len(list(taskset)), "rssMiB": (rss() - before) / MIB}


asyncio.run(answer(sample))
