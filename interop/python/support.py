"""What the cases share: where they are registered, expectations, and sessions with the environment."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AbstractAsyncContextManager
from typing import Any, Awaitable, Callable

from hud.clients import HudProtocolError, connect
from hud.clients.client import HudClient
from hud.environment import utils as framing
from hud.eval import Runtime

#: What this version of the package reads at most; before 0.6.16 asyncio's default applied.
FRAME_LIMIT: int = getattr(framing, "CONTROL_FRAME_LIMIT_BYTES", 65_536)

CASE_LIMIT_SECONDS = 20.0
CASES: list[tuple[str, Callable[[], Awaitable[None]], float]] = []
URLS: dict[str, str] = {}


def case(name: str, *, seconds: float = CASE_LIMIT_SECONDS, when: bool = True):
    """Registers a case; its name is a sentence about behaviour.

    `when`: this release of the package can do it, and it was asked for.
    """

    def register(run: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        if when:
            CASES.append((name, run, seconds))
        return run

    return register


def equal(actual: Any, expected: Any, what: str) -> None:
    if actual != expected:
        raise AssertionError(f"{what}: expected {expected!r}, got {actual!r}")


def contains(text: str, *parts: str) -> None:
    for part in parts:
        if part not in text:
            raise AssertionError(f"expected {part!r} in {text!r}")


def session(environment: str = "interop") -> AbstractAsyncContextManager[HudClient]:
    return connect(Runtime(URLS[environment]), ready_timeout=10)


async def refused(call: Awaitable[Any], code: int | None = None, *parts: str) -> HudProtocolError:
    """Awaits an RPC error with this code and these parts in its message."""
    try:
        result = await call
    except HudProtocolError as error:
        if code is not None:
            equal(error.code, code, f"code of {error.message!r}")
        contains(error.message, *parts)
        return error
    raise AssertionError(f"expected an error, got {result!r}")


async def parked(tag: str) -> str:
    """Starts `echo` and drops the connection; returns the session that stays behind."""
    async with session() as client:
        await client.start_task("echo", {"tag": tag})
        assert client.manifest is not None
        return client.manifest.session_id


async def parked_sessions(environment: str) -> list[str]:
    """Ids of the sessions that wait for a grade; grades (and so ends) a sole one."""
    async with session(environment) as client:
        try:
            await client.grade({"answer": None})
        except HudProtocolError as error:
            if "parked sessions (" in error.message:
                return error.message.split("(")[1].split(")")[0].split(", ")
            equal(error.message, "no task in progress", "message when nothing is parked")
            return []
        return ["the only one"]


async def sweep(environment: str = "interop") -> list[str]:
    """Ends whatever a case left parked, so that no case sees another's sessions."""
    found = await parked_sessions(environment)
    for session_id in found:
        if session_id.startswith("sess-"):
            async with session(environment) as client:
                await client.hello(session_id)
                await client.cancel()
    return found


async def cleanups(key: str) -> int:
    async with session() as client:
        prompt = (await client.start_task("journal"))["prompt"]
        await client.cancel()
        return json.loads(prompt).get(key, 0)


async def until(check: Callable[[], Awaitable[bool]], what: str, seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not await check():
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s still not: {what}")
        await asyncio.sleep(0.05)


def unique(name: str) -> str:
    return f"{name}-{time.monotonic_ns()}"
