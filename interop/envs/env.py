"""The environment that a TypeScript client is tested against. Its twin is env.ts; keep them alike."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from pydantic import BaseModel

from hud.capabilities import Capability
from hud.environment import Environment
from hud.graders import EvaluationResult, SubScore

env = Environment(name="interop", version="1.0.0")
verifier = Environment(name="interop-verifier", version="1.0.0")

#: How often the clean-up of each `tracked` task ran.
cleanups: dict[str, int] = {}
servers: list[asyncio.Server] = []


class Reply(BaseModel):
    text: str


@env.initialize
async def serve_echo() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    servers.append(server)
    port = server.sockets[0].getsockname()[1]
    env.add_capability(Capability("echo", "echo/1", f"echo://127.0.0.1:{port}", {"greeting": "hé"}))


@env.shutdown
async def stop_echo() -> None:
    while servers:
        servers.pop().close()


@env.template(description="answer with the tag")
async def echo(tag: str = "none"):
    answer = yield f"tag={tag}"
    yield {"score": 1.0 if answer == tag else 0.0, "tag": tag, "answer": answer}


@env.template()
async def fix_bug(difficulty: int, suite: str = "coding"):
    yield f"difficulty {difficulty + 1} follows; suite {suite}"
    yield 1.0


@env.template()
async def bare():
    yield "nothing to pass"
    yield 1.0


@env.template()
async def tracked(key: str):
    try:
        answer = yield f"working on {key}"
        yield 1.0 if answer == "done" else 0.5
    finally:
        cleanups[key] = cleanups.get(key, 0) + 1


@env.template()
async def journal():
    yield json.dumps(cleanups)
    yield 1.0


@env.template()
async def slow(seconds: float, key: str):
    try:
        await asyncio.sleep(seconds)
        yield f"slept {key}"
        yield 1.0
    finally:
        cleanups[key] = cleanups.get(key, 0) + 1


@env.template()
async def shape(kind: str):
    prompts: dict[str, Any] = {
        "text": "hi",
        "frame": {"prompt": "p", "bindings": {"robot": {"token": "t"}}},
        "object": {"foo": 1},
        "null": None,
        "turns": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}],
    }
    yield prompts[kind]
    yield 1.0


@env.template()
async def large(size: int):
    answer = yield "x" * size
    yield {"score": 1.0, "length": len(answer or "")}


@env.template()
async def grade_as(kind: str):
    answer = yield f"grade as {kind}"
    if kind == "raise":
        raise RuntimeError("the grader gave up")
    if kind == "none":
        return
    grades: dict[str, Any] = {
        "bool": True,
        "number": 0.25,
        "text": "great",
        "keys": {"points": 3},
        "nan": float("nan"),
        "error": EvaluationResult(reward=0.0, isError=True, content="no oracle"),
        "result": EvaluationResult(
            reward=0.75,
            content="clœse",
            info={"max": 256, "answer": answer},
            subscores=[
                SubScore(name="judge", weight=0.5, value=1.0, info={"model": "m"}),
                SubScore(name="parts", weight=0.5, value=0.5, children=[SubScore(name="one", value=0.5)]),
            ],
        ),
    }
    yield grades[kind]


@env.template(returns=Reply)
async def structured():
    answer = yield "reply as JSON"
    content = answer.content
    parsed = isinstance(content, Reply)
    text = content.text if parsed else content
    yield {"score": 1.0 if parsed else 0.0, "content": text, "raw": answer.raw}


@env.template(returns=int)
async def count(word: str, letter: str):
    answer = yield f'How many "{letter}" are in "{word}"?'
    yield 1.0 if answer.content == word.count(letter) else 0.0


@env.template()
async def check(factor: float = 0.5):
    """Grades the grade of another task: the shared verifier."""
    answer = yield ""
    yield {"score": answer["score"] * factor, "seen": answer}


@verifier.template(id="check")
async def check_elsewhere(factor: float = 0.5):
    """The same, as an environment of its own."""
    answer = yield ""
    yield {"score": answer["score"] * factor, "seen": answer, "separate": True}
