"""The package's CDP client on a browser that an environment of ours runs."""

from __future__ import annotations

import base64
import io
from typing import Any

from hud.capabilities.cdp import CDPClient, CDPError
from PIL import Image

from hands import opened, refuses, world
from support import case, contains, equal, until


async def evaluate(page: CDPClient, expression: str) -> Any:
    reply = await page.send("Runtime.evaluate", {"expression": expression, "returnByValue": True, "awaitPromise": True})
    if "exceptionDetails" in reply:
        raise AssertionError(f"{expression}: {reply['exceptionDetails']}")
    return reply["result"].get("value")


async def loaded(page: CDPClient) -> None:
    async def has_title() -> bool:
        return await evaluate(page, "document.title") != ""

    await until(has_title, "the page has its title")


@case("the browser shows its first page, and evaluates in it")
async def _() -> None:
    async with opened("cdp") as page:
        await loaded(page)
        equal(await evaluate(page, "6 * 7"), 42, "arithmetic")
        equal(await evaluate(page, "document.title"), "Counter", "title")
        equal(await evaluate(page, "Promise.resolve('é'.repeat(100000)).then((text) => text.length)"), 100_000, "promise")


@case("a screenshot has the size of the page, and its colours")
async def _() -> None:
    async with opened("cdp") as page:
        await loaded(page)
        shot = await page.send("Page.captureScreenshot", {"format": "png"})
        image = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
        equal(image.size, (1280, 800), "size")
        equal(image.getpixel((600, 600)), (0x11, 0x33, 0x55), "background")


@case("a command that the browser refuses is an error with its code, and the next one works")
async def _() -> None:
    async with opened("cdp") as page:
        error = await refuses(page.send("No.suchMethod"), CDPError)
        contains(str(error), "-32601")
        equal(await evaluate(page, "1"), 1, "the next command")


@case("a click on the page reaches its server and the grader")
async def _() -> None:
    async with world() as client:
        await client.start_task("press_button", {})
        page = await client.open("cdp")
        await loaded(page)
        for kind in ("mousePressed", "mouseReleased"):
            await page.send("Input.dispatchMouseEvent", {"type": kind, "x": 200, "y": 140, "button": "left", "clickCount": 1})

        async def is_pressed() -> bool:
            return await evaluate(page, "document.title") == "Pressed"

        await until(is_pressed, "the page knows of the click")
        frame = await client.grade({"answer": ""})
        equal((frame["score"], frame["presses"]), (1.0, 1), "grade")


@case("the next task finds a clean browser")
async def _() -> None:
    async with world() as client:
        await client.start_task("press_button", {})
        page = await client.open("cdp")
        await evaluate(page, "localStorage.setItem('left', 'behind')")
        equal((await client.grade({"answer": ""}))["score"], 0.0, "score without a click")
    async with opened("cdp") as page:
        await loaded(page)
        equal(await evaluate(page, "document.title + localStorage.getItem('left')"), "Counternull", "what is left")
