"""Whole rollouts: the package's scheduler, observers and agents on an environment of ours with hands."""

from __future__ import annotations

from typing import Any

from anthropic import AsyncAnthropic
from hud.agents.claude.agent import ClaudeAgent
from hud.agents.types import ClaudeConfig
from hud.eval import Runtime, Task, Taskset, file_tracking
from hud.settings import settings

from support import URLS, case, contains, equal


@case("Claude of the package writes a file over SSH and is graded", seconds=60)
async def _() -> None:
    run = await rollout("write_file", {"word": "scripted"})
    equal((run.reward, run.trace.status), (1.0, "completed"), f"result of {run.trace.error}")


@case("Claude of the package types on the desktop and is graded", seconds=60)
async def _() -> None:
    run = await rollout("type_left", {"text": "typed by a model"})
    equal((run.reward, run.trace.status), (1.0, "completed"), f"result of {run.trace.error}")


@case("Claude of the package calls an MCP tool and is graded", seconds=60)
async def _() -> None:
    run = await rollout("keep_note", {"text": "noted by a model"})
    equal((run.reward, run.trace.status), (1.0, "completed"), f"result of {run.trace.error}")


@case("the package's rollout records what its agent changed", seconds=60)
async def _() -> None:
    spans: list[dict[str, Any]] = []
    kept = (settings.telemetry_enabled, file_tracking.queue_span)
    settings.telemetry_enabled, file_tracking.queue_span = True, spans.append
    try:
        await rollout("write_file", {"word": "observed"})
    finally:
        settings.telemetry_enabled, file_tracking.queue_span = kept
    names = [span["name"] for span in spans]
    equal(names[:2], ["filetracking.setup", "filetracking.snapshot"], "first spans")
    told = {name: repr([span for span in spans if span["name"] == name]) for name in names}
    contains(told["filetracking.setup"], "seed.txt")
    contains(told.get("filetracking.diff", ""), "result.txt", "+observed")
    equal("seed.txt" in told["filetracking.diff"], False, "set-up is told as the agent's")


async def rollout(template: str, args: dict[str, Any]) -> Any:
    """One run of the package's own agent, against the model that the driver serves."""
    client = AsyncAnthropic(base_url=URLS["model"], api_key="unused", max_retries=0)
    agent = ClaudeAgent(ClaudeConfig(model="claude-sonnet-4-6", model_client=client, max_steps=8))
    task = Task(env="world", id=template, args=args)
    job = await Taskset("hands", [task]).run(agent, runtime=Runtime(URLS["world"]))
    return job.runs[0]
