"""An environment that yields a prompt, then 1.0."""

from __future__ import annotations

from typing import Any, AsyncIterator

from hud.environment import Environment

env = Environment(name="instant", version="1.0.0")


@env.template(id="go", description="nothing to do")
async def go() -> AsyncIterator[Any]:
    yield "Say anything."
    yield 1.0
