"""The Python package's own clients against served environments; one JSON line on stdout per case.

python drive.py SUITE[,SUITE…] --url NAME=URL … [--only TEXT] [--slow]

`wide` is the environment `interop` again, served for clients that read 16 MiB a message.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import sys
import time
import traceback
from pathlib import Path
from typing import Awaitable, Callable

from support import CASES, URLS, sweep

HERE = Path(__file__).parent
#: Importing a module registers its cases, in this order. The first environment is swept after each case.
SUITES: dict[str, tuple[str, list[str]]] = {
    "control": ("interop", ["wire_cases", "rollout_cases"]),
    "shell": ("world", ["shell_cases"]),
    "tools": ("world", ["tools_cases"]),
    "browser": ("world", ["browser_cases"]),
    "screen": ("world", ["screen_cases"]),
    "agents": ("world", ["agent_cases"]),
}


def report(name: str, started: float, error: str | None) -> None:
    ms = round((time.monotonic() - started) * 1000)
    sys.stdout.write(json.dumps({"case": name, "ms": ms, "error": error}) + "\n")
    sys.stdout.flush()


def reason(error: BaseException, limit: float) -> str:
    if isinstance(error, TimeoutError):
        return f"took longer than {limit:g} s"
    if isinstance(error, AssertionError):
        return str(error)
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent == HERE]
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "outside the cases"
    return f"{type(error).__name__}: {error} ({place})"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("suites")
    parser.add_argument("--url", action="append", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--slow", action="store_true")
    options = parser.parse_args()
    URLS.update(pair.split("=", 1) for pair in options.url)
    for suite in options.suites.split(","):
        environment, modules = SUITES[suite]
        for module in modules:
            importlib.import_module(module)
        while CASES:
            name, run, limit = CASES.pop(0)
            if options.only in name:
                await attempt(name, run, limit, environment)


async def attempt(name: str, run: Callable[[], Awaitable[None]], limit: float, environment: str) -> None:
    started = time.monotonic()
    error: str | None = None
    try:
        async with asyncio.timeout(limit):
            await run()
    except Exception as caught:
        error = reason(caught, limit)
    try:
        async with asyncio.timeout(10):
            left = await sweep(environment)
        if left and error is None:
            error = f"the case left sessions parked: {', '.join(left)}"
    except Exception as caught:
        error = error or f"the environment did not recover: {reason(caught, 10)}"
    report(name, started, error)


if __name__ == "__main__":
    asyncio.run(main())
