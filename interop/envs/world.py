"""An environment with hands that our clients are tested against. Its twin is world.ts; keep them alike.

`INTEROP_PARTS` names what this machine can have of shell, tools, browser and screen.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any, Awaitable, Callable

import httpx
from fastmcp import FastMCP
from fastmcp.server.auth.providers.jwt import StaticTokenVerifier

from hud.capabilities import Capability
from hud.environment import Environment

env = Environment(name="world", version="1.0.0")

PARTS = set(os.environ.get("INTEROP_PARTS", "shell,tools,browser,screen").split(","))
HOME = Path(tempfile.mkdtemp(prefix="hud-interop-world-py-"))
TOKEN = "only-for-this-run"
DISPLAY_SIZE = "1024x768"

notes: list[str] = []
#: Of the X server, once it runs.
display = ""
processes: list[asyncio.subprocess.Process] = []
servers: list[asyncio.Task[None]] = []


@env.shutdown
async def remove_home() -> None:
    """Registered first, so that it runs last."""
    shutil.rmtree(HOME, ignore_errors=True)


# Acts only where this process is root: sessions run as nobody in particular.
workspace = env.workspace(HOME / "workspace", track_files=True, shell_uid=61999) if "shell" in PARTS else None


# ─── tools ─────────────────────────────────────────────────────────────────


def note_server(*, guarded: bool) -> FastMCP[Any]:
    verifier = StaticTokenVerifier(tokens={TOKEN: {"client_id": "interop", "scopes": []}}) if guarded else None
    server: FastMCP[Any] = FastMCP("notes", auth=verifier)

    @server.tool
    def add_note(text: str) -> dict[str, int]:
        """Keeps a note."""
        notes.append(text)
        return {"count": len(notes)}

    @server.tool
    def fail() -> str:
        """Never works."""
        raise RuntimeError("this tool never works")

    @server.tool
    def repeat(text: str, times: int) -> str:
        """Says it again and again."""
        return text * times

    return server


async def serve_tools(name: str, *, transport: str, guarded: bool) -> None:
    port = free_port()
    server = note_server(guarded=guarded)
    path = "/sse" if transport == "sse" else "/mcp"
    kind: Any = "sse" if transport == "sse" else "http"
    running = server.run_http_async(transport=kind, host="127.0.0.1", port=port, path=path, show_banner=False, log_level="error")
    servers.append(asyncio.create_task(running))
    await until(lambda: connects(port))
    token = TOKEN if guarded else None
    url = f"http://127.0.0.1:{port}{path}"
    env.add_capability(Capability.mcp(name=name, url=url, auth_token=token, transport=transport))  # type: ignore[arg-type]


if "tools" in PARTS:

    @env.initialize
    async def start_tools() -> None:
        await serve_tools("tools", transport="streamable-http", guarded=True)
        await serve_tools("older-tools", transport="sse", guarded=False)

    @env.shutdown
    async def stop_tools() -> None:
        for task in servers:
            task.cancel()
        await asyncio.gather(*servers, return_exceptions=True)


# ─── browser and screen, as an author starts them ──────────────────────────


async def start_process(*command: str, **options: Any) -> asyncio.subprocess.Process:
    quiet = {"stdin": asyncio.subprocess.DEVNULL, "stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
    process = await asyncio.create_subprocess_exec(*command, **quiet, **options)
    processes.append(process)
    return process


if "browser" in PARTS:

    @env.initialize
    async def start_browser() -> None:
        port = free_port()
        program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        profile = f"--user-data-dir={HOME / 'profile'}"
        page = "data:text/html,<title>Counter</title><body style='margin:0;background:%23135'>"
        await start_process(program, *flags, profile, f"--remote-debugging-port={port}", "--window-size=1280,800", page)

        async def is_ready() -> bool:
            async with httpx.AsyncClient() as http:
                return any(one["title"] == "Counter" for one in (await http.get(f"http://127.0.0.1:{port}/json")).json())

        await until(is_ready)
        env.add_capability(Capability.cdp(url=f"ws://127.0.0.1:{port}"))


if "screen" in PARTS:

    @env.initialize
    async def start_screen() -> None:
        global display
        port = free_port()
        tells, told = os.pipe()
        command = ["Xtigervnc", "-displayfd", str(told), "-geometry", DISPLAY_SIZE, "-depth", "24", "-rfbport", str(port)]
        await start_process(*command, "-SecurityTypes", "None", "-localhost", "-nolisten", "tcp", "-noreset", pass_fds=[told])
        os.close(told)
        with open(tells) as pipe:  # the number and its line break come one by one: the server dies when nobody reads the second
            display = f":{(await asyncio.to_thread(pipe.readline)).strip()}"
        await until(lambda: connects(port))
        await start_process("openbox", env={**os.environ, "DISPLAY": display})
        env.add_capability(Capability.rfb(url=f"rfb://127.0.0.1:{port}"))


@env.shutdown
async def stop_processes() -> None:
    for process in reversed(processes):
        if process.returncode is None:
            process.kill()
            await process.wait()


# ─── tasks ─────────────────────────────────────────────────────────────────


@env.template()
async def write_file(word: str):
    """1 when the file holds the word."""
    assert workspace is not None
    (workspace.root / "seed.txt").write_text("from the task\n")
    yield f"Write {word} into /workspace/result.txt"
    result = workspace.root / "result.txt"
    found = result.read_text() if result.is_file() else None
    yield {"score": 1.0 if found is not None and found.strip() == word else 0.0, "found": found}


@env.template()
async def keep_note(text: str):
    """1 when the note was kept."""
    yield f"Keep the note {text}"
    yield 1.0 if text in notes else 0.0


@env.template()
async def type_left(text: str):
    """Two terminals that write down one line each; 1 when the left one got the text and the right one nothing."""
    terminals = []
    for side, geometry in (("left", "40x10+20+40"), ("right", "40x10+520+40")):
        (HOME / f"{side}.txt").unlink(missing_ok=True)
        script = f"IFS= read -r line; printf %s \"$line\" > {side}.txt; exec sleep 60"
        command = ["xterm", "-T", side, "-geometry", geometry, "-e", "sh", "-c", script]
        terminals.append(await start_process(*command, cwd=HOME, env={**os.environ, "DISPLAY": display}))
        await until(lambda side=side: has_keyboard(side))
    yield f"Type {text} into the left terminal"

    async def has_line() -> bool:
        return (HOME / "left.txt").is_file()

    await until(has_line, seconds=5, strict=False)
    typed = [path.read_text() if (path := HOME / f"{side}.txt").is_file() else None for side in ("left", "right")]
    for terminal in terminals:
        terminal.kill()
    yield {"score": 1.0 if typed == [text, None] else 0.0, "left": typed[0], "right": typed[1]}


async def has_keyboard(title: str) -> bool:
    """The window is there, and the window manager is done with it."""
    command = ["xdotool", "search", "--onlyvisible", "--name", f"^{title}$", "windowactivate", "--sync"]
    process = await start_process(*command, env={**os.environ, "DISPLAY": display})
    return await process.wait() == 0


# ─── waiting ───────────────────────────────────────────────────────────────


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def connects(port: int) -> bool:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    return True


async def until(check: Callable[[], Awaitable[bool]], *, seconds: float = 20.0, strict: bool = True) -> None:
    """Asks again and again; an error counts as not yet."""
    deadline = asyncio.get_running_loop().time() + seconds
    reason: object = "it never said yes"
    while asyncio.get_running_loop().time() < deadline:
        try:
            if await check():
                return
        except (OSError, httpx.HTTPError) as error:
            reason = error
        await asyncio.sleep(0.05)
    if strict:
        raise TimeoutError(f"not ready within {seconds:g} s: {reason}")
