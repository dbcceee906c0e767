"""The package's RFB client, and the computer tools of its agents over it, on a desktop of ours."""

from __future__ import annotations

import io
from dataclasses import replace

from hud.agents.claude.tools.computer import ClaudeComputerTool
from hud.capabilities.rfb import RFBClient
from hud.types import MCPToolResult
from mcp.types import ImageContent
from PIL import Image

from hands import opened, refuses, tool, world
from support import case, equal


@case("a screenshot has the desktop's size, and shows something")
async def _() -> None:
    async with world() as client:
        await client.start_task("type_left", {"text": "unused"})
        screen = await client.open("rfb")
        equal((screen.width, screen.height), (1024, 768), "size")
        data, kind = await screen.screenshot_png()
        image = Image.open(io.BytesIO(data)).convert("RGB")
        equal((image.size, kind), ((1024, 768), "image/png"), "screenshot")
        colours = image.getcolors(1 << 24) or []
        equal(len(colours) > 1, True, f"colours: {colours[:3]}")
        equal((await screen.screenshot_png("image/webp"))[1], "image/webp", "kind")
        await client.cancel()


@case("a wrong password of the screen is refused")
async def _() -> None:
    async with world() as client:
        found = client.binding("rfb")
        wrong = replace(found, params={**found.params, "password": "guessed"})
        await refuses(RFBClient.connect(wrong))


@case("clicks and keys reach the program that they are meant for")
async def _() -> None:
    text = "Hello, left: $x {1} ~é"
    async with world() as client:
        await client.start_task("type_left", {"text": text})
        computer = tool(ClaudeComputerTool, await client.open("rfb"))
        await acts(computer, {"action": "left_click", "coordinate": [100, 100]})
        await acts(computer, {"action": "type", "text": text})
        await acts(computer, {"action": "key", "text": "Return"})
        frame = await client.grade({"answer": ""})
        equal((frame["left"], frame["right"], frame["score"]), (text, None, 1.0), "what arrived")


@case("moving, scrolling, dragging and held keys are taken")
async def _() -> None:
    async with opened("rfb") as screen:
        computer = tool(ClaudeComputerTool, screen)
        await acts(computer, {"action": "mouse_move", "coordinate": [300, 300]})
        await acts(computer, {"action": "scroll", "coordinate": [300, 300], "scroll_direction": "down", "scroll_amount": 3})
        await acts(computer, {"action": "left_click_drag", "start_coordinate": [300, 300], "coordinate": [400, 350]})
        await acts(computer, {"action": "hold_key", "text": "shift", "duration": 0.1})
        await acts(computer, {"action": "double_click", "coordinate": [900, 700]})
        shot = await computer.execute({"action": "screenshot"})
        equal([type(block) for block in shot.content], [ImageContent], "screenshot")


async def acts(computer: ClaudeComputerTool, arguments: dict[str, object]) -> None:
    result: MCPToolResult = await computer.execute(dict(arguments))
    equal(bool(result.isError), False, f"error of {arguments}: {result.content}")
