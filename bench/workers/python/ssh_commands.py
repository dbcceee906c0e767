"""Commands over SSH with the package's client, as ssh-commands.ts does them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from answering import answer
from hud.capabilities import Capability
from hud.capabilities.ssh import SSHClient

MIB = 1024 * 1024
PIECE = bytes(256 * 1024)
opened: list[SSHClient] = []


async def sample(request: dict[str, Any]) -> dict[str, float]:
    if not opened:
        capability = request["capability"]
        opened.append(
            await SSHClient.connect(
                Capability(capability["name"], capability["protocol"], capability["url"], capability["params"])
            )
        )
    client = opened[0]
    if request["what"] == "down":
        return await download(client, int(request["mib"]))
    if request["what"] == "up":
        return await upload(client, int(request["mib"]))
    return await exec_all(client, int(request["n"]), int(request.get("atOnce", 1)))


async def exec_all(client: SSHClient, n: int, at_once: int) -> dict[str, float]:
    took: list[float] = []

    async def several(count: int) -> None:
        for _ in range(count):
            sent = time.perf_counter()
            done = await client.run("true")
            took.append((time.perf_counter() - sent) * 1000)
            if done.returncode != 0:
                raise RuntimeError(f"exit {done.returncode}: {done.stderr}")

    started = time.perf_counter()
    await asyncio.gather(*(several(n // at_once) for _ in range(at_once)))
    seconds = time.perf_counter() - started
    took.sort()
    return {"p50": took[len(took) // 2], "p99": took[int(len(took) * 0.99)], "rate": len(took) / seconds}


async def download(client: SSHClient, mib: int) -> dict[str, float]:
    started = time.perf_counter()
    process = await client.create_process(f"head -c {mib}M /dev/zero")
    count = 0
    while piece := await process.stdout.read(256 * 1024):
        count += len(piece)
    await process.wait_closed()
    return rate(count, mib, started)


async def upload(client: SSHClient, mib: int) -> dict[str, float]:
    started = time.perf_counter()
    process = await client.create_process("wc -c")
    for _ in range(mib * MIB // len(PIECE)):
        process.stdin.write(PIECE)
        await process.stdin.drain()
    process.stdin.write_eof()
    count = int(await process.stdout.read())
    await process.wait_closed()
    return rate(count, mib, started)


def rate(count: int, mib: int, started: float) -> dict[str, float]:
    if count != mib * MIB:
        raise RuntimeError(f"{count} of {mib * MIB} bytes came")
    return {"rate": mib / (time.perf_counter() - started)}


asyncio.run(answer(sample))
