"""Calls of the package's client, one control session at a time."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from urllib.parse import urlsplit

from hud.clients import HudProtocolError, connect
from hud.clients import client as client_module
from hud.clients.client import HudClient
from hud.environment import utils as framing
from hud.eval import Runtime

from support import FRAME_LIMIT, URLS, case, cleanups, contains, equal, parked, refused, session, sweep, unique, until

# ─── manifest ────────────────────────────────────────────────────────────


@case("hello names the environment and its capability")
async def _() -> None:
    async with session() as client:
        manifest = client.manifest
        assert manifest is not None
        equal((manifest.server_info.name, manifest.server_info.version), ("interop", "1.0.0"), "env")
        contains(manifest.session_id, "sess-")
        binding = manifest.bindings[0]
        equal((binding.name, binding.protocol, binding.params), ("echo", "echo/1", {"greeting": "hé"}), "binding")
        again = await client.hello(manifest.session_id)
        equal(again.session_id, manifest.session_id, "session after a second hello")


@case("tasks.list gives the argument schemas (36)")
async def _() -> None:
    async with session() as client:
        tasks = {task["id"]: task for task in await client.list_tasks()}
    schema = tasks["fix_bug"]["args"]
    expected = {
        "type": "object",
        "additionalProperties": False,
        "required": ["difficulty"],
        "properties": {
            "difficulty": {"title": "Difficulty", "type": "integer"},
            "suite": {"title": "Suite", "type": "string", "default": "coding"},
        },
    }
    equal(schema, expected, "schema of fix_bug")
    bare = tasks["bare"]["args"]
    equal(bare, {"type": "object", "properties": {}, "additionalProperties": False}, "schema of bare")
    equal(tasks["echo"]["description"], "answer with the tag", "description")
    equal(tasks["count"]["returns"]["type"], "integer", "returns of count")
    equal("returns" in tasks["echo"], False, "returns of echo present")


# ─── sessions ────────────────────────────────────────────────────────────


@case("two sessions hold a task each (20)")
async def _() -> None:
    async with session() as one, session() as two:
        await one.start_task("echo", {"tag": "a"})
        await two.start_task("echo", {"tag": "b"})
        equal((await one.grade({"answer": "a"}))["tag"], "a", "tag of the first")
        equal((await two.grade({"answer": "b"}))["tag"], "b", "tag of the second")


@case("a second start replaces the first and cleans it up once (21)")
async def _() -> None:
    first, second = unique("first"), unique("second")
    async with session() as client:
        await client.start_task("tracked", {"key": first})
        equal((await client.start_task("tracked", {"key": second}))["prompt"], f"working on {second}", "prompt")
        equal(await client.grade({"answer": "done"}), {"score": 1.0}, "grade")
    equal((await cleanups(first), await cleanups(second)), (1, 1), "clean-ups")


@case("a dropped session's task is graded by the next connection, once (22)")
async def _() -> None:
    await parked("left")
    async with session() as client:
        equal((await client.grade({"answer": "left"}))["score"], 1.0, "score of the adopted task")
    async with session() as client:
        await refused(client.grade({"answer": "left"}), -32600, "no task in progress")


@case("two parked tasks are ambiguous, and named in order (23)")
async def _() -> None:
    ids = sorted([await parked("a"), await parked("b")])
    async with session() as client:
        await refused(client.grade({"answer": "a"}), -32600, f"2 parked sessions ({ids[0]}, {ids[1]})")
    await sweep()


@case("hello with its id resumes one of two parked sessions (24)")
async def _() -> None:
    first, second = await parked("a"), await parked("b")
    async with session() as client:
        equal((await client.hello(second)).session_id, second, "resumed session")
        equal((await client.grade({"answer": "b"}))["tag"], "b", "tag")
    async with session() as client:
        await client.hello(first)
        equal((await client.grade({"answer": "a"}))["score"], 1.0, "score of the other")


@case("a session that lives, or is unknown, is not resumed (25)")
async def _() -> None:
    async with session() as one, session() as two:
        assert one.manifest is not None
        await refused(two.hello(one.manifest.session_id), -32600, "has a live connection")
        await refused(two.hello("sess-nope"), -32600, "unknown session")
        await refused(two.hello(""), -32600, "unknown session")
        await refused(two._call("hello", {"session_id": 5}), -32602)
        await two.start_task("bare")
        await two.cancel()


@case("resuming leaves the connection's own task behind, parked (26)")
async def _() -> None:
    other = await parked("theirs")
    async with session() as client:
        await client.start_task("echo", {"tag": "mine"})
        await client.hello(other)
        async with session() as third:
            equal((await third.grade({"answer": "mine"}))["tag"], "mine", "tag adopted by the third")
        equal((await client.grade({"answer": "theirs"}))["tag"], "theirs", "tag of the resumed")


@case("a start that outlives its connection can be resumed (27)")
async def _() -> None:
    key = unique("slow")
    async with session() as client:
        assert client.manifest is not None
        session_id = client.manifest.session_id
        starting = asyncio.create_task(client.start_task("slow", {"seconds": 0.6, "key": key}))
        await asyncio.sleep(0.1)
        async with session() as early:
            await refused(early.hello(session_id), -32600, "has a live connection")
        client.abort()
        await asyncio.gather(starting, return_exceptions=True)

    async def resumes() -> bool:
        async with session() as late:
            try:
                await late.hello(session_id)
            except HudProtocolError as error:
                contains(error.message, "live connection")
                return False
            equal(await late.grade({"answer": "x"}), {"score": 1.0}, "grade of the resumed")
            return True

    await until(resumes, "the session can be resumed")


@case("cancel ends the task and cleans up; a grade then finds nothing")
async def _() -> None:
    key = unique("cancelled")
    async with session() as client:
        await client.start_task("tracked", {"key": key})
        await client.cancel()
        await client.cancel()
        equal(await cleanups(key), 1, "clean-ups")
        await refused(client.grade({"answer": "done"}), -32600, "no task in progress")


@case("bye ends the session with its task (28)")
async def _() -> None:
    key = unique("bye")
    async with session() as client:
        await client.start_task("tracked", {"key": key})
        equal(await client._call("bye", {}), {"goodbye": True}, "reply to bye")
    equal(await cleanups(key), 1, "clean-ups")
    async with session() as client:
        await refused(client.grade({"answer": "done"}), -32600, "no task in progress")


# ─── tasks ───────────────────────────────────────────────────────────────


@case("arguments are coerced; wrong names end the session's task without running another (30)")
async def _() -> None:
    key = unique("before")
    async with session() as client:
        started = await client.start_task("fix_bug", {"difficulty": "5"})
        equal(started["prompt"], "difficulty 6 follows; suite coding", "prompt")
        started = await client.start_task("fix_bug", {"difficulty": 7, "suite": "ops"})
        equal(started["prompt"], "difficulty 8 follows; suite ops", "prompt")
        await refused(client._call("tasks.start", {"id": "bare", "args": [1]}), -32602, "args")
        await refused(client._call("tasks.start", {"args": {}}), -32602, "id")
        await refused(client.start_task("nope"), -32602, "unknown task: 'nope'")
        await client.start_task("tracked", {"key": key})
        await refused(client.start_task("echo", {"zz": 1}), -32000, "bad args", "zz")
        equal(await cleanups(key), 1, "clean-ups of the task before")
        await refused(client.grade({"answer": "x"}), -32600, "no task in progress")
        await refused(client.start_task("fix_bug", {}), None, "bad args")


@case("prompts keep their shape (31)")
async def _() -> None:
    expected = {
        "text": {"prompt": "hi"},
        "frame": {"prompt": "p", "bindings": {"robot": {"token": "t"}}},
        "object": {"prompt": {"foo": 1}},
        "null": {"prompt": None},
        "turns": {"prompt": [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]},
    }
    async with session() as client:
        for kind, frame in expected.items():
            equal(await client.start_task("shape", {"kind": kind}), frame, kind)
        await client.cancel()


async def graded(client: HudClient, kind: str) -> dict[str, Any]:
    await client.start_task("grade_as", {"kind": kind})
    return await client.grade({"answer": "the answer"})


@case("numbers and booleans become a float score (32)")
async def _() -> None:
    async with session() as client:
        for kind, score in {"bool": 1.0, "number": 0.25}.items():
            frame = await graded(client, kind)
            equal(frame, {"score": score}, kind)
            equal(isinstance(frame["score"], bool), False, f"{kind}: score is a bool")


@case("what is no grade is refused, readably (32)")
async def _() -> None:
    async with session() as client:
        await refused(graded(client, "text"), -32000, "yield a number")
        await refused(graded(client, "keys"), -32000, "score")
        await refused(graded(client, "nan"), -32000, "finite")
        await refused(client.grade({"answer": "x"}), -32600, "no task in progress")
        equal((await graded(client, "none"))["score"], 0.0, "score without a second yield")


@case("an evaluation result travels whole (33)")
async def _() -> None:
    async with session() as client:
        frame = await graded(client, "result")
    equal(frame["score"], 0.75, "score")
    equal("reward" in frame, False, "reward present")
    equal((frame["done"], frame["isError"], frame["content"]), (True, False, "clœse"), "fields")
    equal(frame["info"], {"max": 256, "answer": "the answer"}, "info")
    judge, parts = frame["subscores"]
    equal(judge, {"name": "judge", "weight": 0.5, "value": 1.0, "children": None, "info": {"model": "m"}}, "judge")
    leaf = {"name": "one", "weight": 1.0, "value": 0.5, "children": None, "info": None}
    equal(parts, {"name": "parts", "weight": 0.5, "value": 0.5, "children": [leaf], "info": None}, "parts")


@case("answers are read as the declared type, else kept as text (34)")
async def _() -> None:
    async with session() as client:

        async def reply(answer: Any) -> dict[str, Any]:
            await client.start_task("structured")
            return await client.grade({"answer": answer})

        equal(await reply('{"text":"yo"}'), {"score": 1.0, "content": "yo", "raw": '{"text":"yo"}'}, "JSON text")
        equal(await reply("not json"), {"score": 0.0, "content": "not json", "raw": "not json"}, "other text")
        frame = await reply({"text": "yo"})
        equal((frame["score"], frame["content"]), (1.0, "yo"), "an object")
        await client.start_task("count", {"word": "strawberry", "letter": "r"})
        equal(await client.grade({"answer": "3"}), {"score": 1.0}, "an integer")


@case("a task that raises while grading reports it, and is over (35)")
async def _() -> None:
    async with session() as client:
        await refused(graded(client, "raise"), -32000, "the grader gave up")
        await refused(client.grade({"answer": "x"}), -32600, "no task in progress")


@case("text outside ASCII survives both ways")
async def _() -> None:
    tag = "é😀\u2028\u0000中"
    async with session() as client:
        equal((await client.start_task("echo", {"tag": tag}))["prompt"], f"tag={tag}", "prompt")
        frame = await client.grade({"answer": tag})
        equal((frame["score"], frame["answer"]), (1.0, tag), "grade")


# ─── sizes ───────────────────────────────────────────────────────────────


@case("a 70,000-byte prompt becomes an error that names its size and the limit (10)")
async def _() -> None:
    async with session() as client:
        await refused(client.start_task("large", {"size": 70_000}), -32000, "70047 bytes", "65536")
        await refused(client.grade({"answer": "x"}), -32600, "no task in progress")
        equal((await client.start_task("large", {"size": 60_000}))["prompt"], "x" * 60_000, "the next prompt")
        await client.cancel()


@case("served for clients that read 16 MiB, a 3,000,000-byte prompt arrives", when=FRAME_LIMIT > 3_000_100)
async def _() -> None:
    async with connect(Runtime(URLS["wide"]), ready_timeout=10) as client:
        equal(len((await client.start_task("large", {"size": 3_000_000}))["prompt"]), 3_000_000, "length")
        await refused(client.start_task("large", {"size": 17_000_000}), -32000, "17000047 bytes", "16777216")
        equal((await client.start_task("bare"))["prompt"], "nothing to pass", "the next prompt")
        await client.cancel()


@case("a request of 65,536 bytes is answered (7)")
async def _() -> None:
    async with session() as client:
        await client.start_task("large", {"size": 1})
        message = {"jsonrpc": "2.0", "id": 3, "method": "tasks.grade", "params": {"answer": ""}}
        length = 65_536 - len(json.dumps(message, separators=(",", ":")))
        equal((await client.grade({"answer": "y" * length}))["length"], length, "length of the answer")


@case("a 200,000-byte answer is graded")
async def _() -> None:
    async with session() as client:
        await client.start_task("large", {"size": 1})
        equal((await client.grade({"answer": "z" * 200_000}))["length"], 200_000, "length of the answer")


# ─── capabilities ────────────────────────────────────────────────────────


async def echoed(client: HudClient, payload: bytes) -> bytes:
    """Sends everything, closes its half, and reads to the end."""
    parts = urlsplit(client.binding("echo").url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(payload)
        writer.write_eof()
        return await reader.read()
    finally:
        writer.close()


@case("bytes through the tunnel come back whole, half-close included (12, 18)")
async def _() -> None:
    async with session() as client:
        equal(client.binding("echo/1").name, "echo", "binding by protocol")
        equal(await echoed(client, b"ping\n{}\n"), b"ping\n{}\n", "a few bytes")
        payload = bytes(range(256)) * 4096
        equal(await echoed(client, payload) == payload, True, "a mebibyte came back")


@case("eight tunnels at once do not mix (17)")
async def _() -> None:
    async with session() as client:
        payloads = [bytes([65 + i]) * 50_000 for i in range(8)]
        replies = await asyncio.gather(*(echoed(client, payload) for payload in payloads))
        equal(replies == payloads, True, "each tunnel echoes its own bytes")


@case("an unknown capability is refused by name (14, 15, 16)")
async def _() -> None:
    async def opening(params: dict[str, Any]) -> dict[str, Any]:
        parts = urlsplit(URLS["interop"])
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        try:
            await framing.send_frame(writer, {"jsonrpc": "2.0", "id": 7, "method": "tunnel.open", "params": params})
            reply = json.loads(await reader.readline())
            equal(await reader.read(), b"", "bytes after the refusal")
            return reply
        finally:
            writer.close()

    reply = await opening({"capability": "nope"})
    equal((reply["id"], reply["error"]["code"]), (7, -32000), "unknown")
    contains(reply["error"]["message"], "nope")
    equal((await opening({}))["error"]["code"], -32602, "no name")
    async with session() as client:
        await refused(client._call("tunnel.open", {"capability": "echo"}), -32601)
        await client.list_tasks()


# ─── heartbeats ────────────────────────────────────────────────────────────


@case("heartbeats keep an idle connection alive")
async def _() -> None:
    before = client_module._CONTROL_HEARTBEAT_INTERVAL_SECONDS
    client_module._CONTROL_HEARTBEAT_INTERVAL_SECONDS = 0.1
    try:
        async with session() as client:
            await client.start_task("echo", {"tag": "beat"})
            await asyncio.sleep(1.0)
            equal((await client.grade({"answer": "beat"}))["score"], 1.0, "score after ten heartbeats")
    finally:
        client_module._CONTROL_HEARTBEAT_INTERVAL_SECONDS = before


@case("130 idle seconds, with the package's own heartbeat", seconds=160, when="--slow" in sys.argv)
async def _() -> None:
    async with session() as client:
        await client.start_task("echo", {"tag": "idle"})
        await asyncio.sleep(130)
        equal((await client.grade({"answer": "idle"}))["score"], 1.0, "score")
