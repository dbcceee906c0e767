"""The package's MCP client on tools that an environment of ours serves."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
from hud.agents.tools.base import result_text
from hud.capabilities.mcp import MCPClient

from hands import opened, refuses, text_of, world
from support import case, contains, equal, unique


@case("the tools of an MCP server are listed with their schemas")
async def _() -> None:
    async with opened("mcp") as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
        equal(sorted(tools), ["add_note", "fail", "repeat"], "names")
        equal(tools["add_note"].description, "Keeps a note.", "description")
        equal(tools["add_note"].inputSchema["required"], ["text"], "required arguments")


@case("a tool gives text and structured content, and keeps its state from session to session")
async def _() -> None:
    text = unique("nóte")
    async with opened("mcp") as client:
        first = await client.call_tool("add_note", {"text": text})
        count = (first.structuredContent or {})["count"]
        equal(text_of(first), f"{count} kept", "text")
    async with opened("mcp") as client:
        second = await client.call_tool("add_note", {"text": text})
        equal((second.structuredContent or {})["count"], count + 1, "the next session counts on")


@case("a failure of a tool is a result that says so")
async def _() -> None:
    async with opened("mcp") as client:
        contains(text_of(await client.call_tool("fail", {}), is_error=True), "this tool never works")
        contains(text_of(await client.call_tool("add_note", {"text": 5}), is_error=True), "text")
        contains(text_of(await client.call_tool("repeat", {"text": "é", "times": 2})), "éé")


@case("calls at once and large results don't mix")
async def _() -> None:
    async with opened("mcp") as client:
        calls = [client.call_tool("repeat", {"text": letter, "times": 300_000}) for letter in "abcdefgh"]
        results = await asyncio.gather(*calls)
        equal([result_text(result) == letter * 300_000 for result, letter in zip(results, "abcdefgh")], [True] * 8, "results")


@case("without the right token nothing is served")
async def _() -> None:
    async with world() as client:
        found = client.binding("mcp")
        for token in ({}, {"auth_token": "guessed"}):
            params: dict[str, Any] = {"transport": found.params["transport"], **token}
            await refuses(MCPClient.connect(replace(found, params=params)))
        async with httpx.AsyncClient() as http:
            equal((await http.post(found.url, json={})).status_code, 401, "status without a token")
        whole = await MCPClient.connect(found)
        equal(len(await whole.list_tools()), 3, "tools with the token")
        await whole.close()


@case("a note that was kept by a tool is seen by the grader")
async def _() -> None:
    text = unique("graded")
    async with world() as client:
        await client.start_task("keep_note", {"text": text})
        await (await client.open("mcp")).call_tool("add_note", {"text": text})
        equal((await client.grade({"answer": ""}))["score"], 1.0, "score")
