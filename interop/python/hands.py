"""What the cases about hands share: live capability clients of the served environment `world`."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, AsyncIterator

from hud.agents.tools.base import AgentTool, result_text
from hud.capabilities.ssh import SSHClient
from hud.clients.client import HudClient
from hud.types import MCPToolResult

from support import equal, session

MODEL = "claude-sonnet-4-6"


def world() -> AbstractAsyncContextManager[HudClient]:
    return session("world")


@asynccontextmanager
async def opened(ref: str) -> AsyncIterator[Any]:
    """The package's own client of one capability, through the tunnel."""
    async with world() as client:
        yield await client.open(ref)


@asynccontextmanager
async def shell() -> AsyncIterator[SSHClient]:
    async with opened("ssh") as client:
        assert isinstance(client, SSHClient)
        yield client


async def says(client: SSHClient, command: str, **options: Any) -> tuple[Any, Any, int | None]:
    """What a command wrote, and how it ended."""
    done = await client.run(command, **options)
    return done.stdout, done.stderr, done.returncode


async def still_works(client: SSHClient) -> None:
    """The same connection takes a further command."""
    connection = client.conn
    equal(await says(client, "echo still here"), ("still here\n", "", 0), "the next command")
    equal(client.conn is connection, True, "it ran over the same connection")


async def refuses(call: Any, *errors: type[Exception]) -> Exception:
    """Awaits one of these errors, or any at all."""
    try:
        result = await call
    except errors or Exception as error:
        return error
    raise AssertionError(f"expected an error, got {result!r}")


def tool(kind: type[AgentTool[Any]], client: Any, model: str = MODEL) -> Any:
    """One of the package's agent tools, made as its agents make it."""
    spec = kind.default_spec(model)
    assert spec is not None
    return kind(spec=spec, client=client)


def text_of(result: MCPToolResult, *, is_error: bool = False) -> str:
    text = result_text(result)
    equal(bool(result.isError), is_error, f"isError of {text!r}")
    return text
