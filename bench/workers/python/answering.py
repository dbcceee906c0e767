"""The worker's end of a measured process, in Python: one JSON line in, one JSON line out. See worker.ts."""

from __future__ import annotations

import asyncio
import json
import sys
import traceback
from typing import Any, Awaitable, Callable


async def answer(
    sample: Callable[[dict[str, Any]], Awaitable[dict[str, float]]], ready: dict[str, Any] | None = None
) -> None:
    out = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is no message
    write(out, {"ready": True, **(ready or {})})
    while line := await asyncio.to_thread(sys.stdin.readline):  # servers go on meanwhile
        try:
            write(out, {"figures": await sample(json.loads(line))})
        except Exception:
            write(out, {"error": traceback.format_exc()})


def write(out: Any, message: dict[str, Any]) -> None:
    out.write(json.dumps(message) + "\n")
    out.flush()
