"""A workspace, served in a process of its own until stdin ends: python workspace.py FOLDER"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from answering import answer
from hud.environment.workspace import Workspace


async def main() -> None:
    workspace = Workspace(sys.argv[1])
    await workspace.start()
    capability = workspace.capability()
    ready = {"name": capability.name, "protocol": capability.protocol, "url": capability.url, "params": capability.params}

    async def idle(_: dict[str, Any]) -> dict[str, float]:
        return {}

    try:
        await answer(idle, {"capability": ready})
    finally:
        await workspace.stop()


asyncio.run(main())
