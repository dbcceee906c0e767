"""The Python package's own client against a served environment; one JSON line on stdout per case.

python drive.py --env URL --verifier URL --wide URL [--only TEXT] [--slow]

`--wide` is the first environment again, served for clients that read 16 MiB a message.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import traceback
from pathlib import Path

import wire_cases  # noqa: F401 - importing registers the cases, in this order
import rollout_cases  # noqa: F401
from support import CASES, URLS, sweep

HERE = Path(__file__).parent


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
    parser.add_argument("--env", required=True)
    parser.add_argument("--verifier", required=True)
    parser.add_argument("--wide", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--slow", action="store_true")
    options = parser.parse_args()
    URLS.update({"interop": options.env, "interop-verifier": options.verifier, "wide": options.wide})
    for name, run, limit in CASES:
        if options.only not in name:
            continue
        started = time.monotonic()
        error: str | None = None
        try:
            async with asyncio.timeout(limit):
                await run()
        except Exception as caught:
            error = reason(caught, limit)
        try:
            async with asyncio.timeout(10):
                left = await sweep()
            if left and error is None:
                error = f"the case left sessions parked: {', '.join(left)}"
        except Exception as caught:
            error = error or f"the environment did not recover: {reason(caught, 10)}"
        report(name, started, error)


if __name__ == "__main__":
    asyncio.run(main())
