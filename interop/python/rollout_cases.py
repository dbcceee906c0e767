"""The package's scheduler with agents of our own."""

from __future__ import annotations

import time
from contextlib import AbstractAsyncContextManager
from typing import Any, Callable

from hud.agents.base import Agent
from hud.clients.client import HudClient
from hud.eval import Runtime, Task, Taskset

from support import URLS, case, cleanups, contains, equal, unique, until


class Answering(Agent):
    """Answers every task with what `reply` makes of its prompt."""

    def __init__(self, reply: Callable[[str], str | None]) -> None:
        super().__init__()
        self.reply = reply

    async def __call__(self, run: Any) -> None:
        run.trace.content = self.reply(run.prompt_text)


def tag_of(prompt: str) -> str:
    return prompt.removeprefix("tag=")


def row(template: str, args: dict[str, Any] | None = None, **more: Any) -> Task:
    return Task(env="interop", id=template, args=args or {}, **more)


def place(task: Task) -> AbstractAsyncContextManager[Runtime]:
    """A provider for rows of both environments."""
    return Runtime(URLS[task.env])(task)


@case("Taskset.run with group 2 grades every run")
async def _() -> None:
    tasks = [row("echo", {"tag": tag}) for tag in ("a", "b", "c")]
    job = await Taskset("pairs", tasks).run(Answering(tag_of), runtime=place, group=2)
    equal([run.grade.raw.get("tag") for run in job.runs], ["a", "a", "b", "b", "c", "c"], "order")
    equal((job.reward, len(job.errors)), (1.0, 0), "reward and errors")
    equal({run.trace.status for run in job.runs}, {"completed"}, "status")


@case("a run reports subscores, and a grade that is an error")
async def _() -> None:
    tasks = [row("grade_as", {"kind": kind}) for kind in ("result", "error", "text")]
    job = await Taskset("grades", tasks).run(Answering(lambda _: "x"), runtime=place)
    result, error, text = job.runs
    equal((result.reward, result.grade.info["answer"]), (0.75, "x"), "result")
    equal([node["name"] for node in result.evaluation["subscores"]], ["judge", "parts"], "subscores")
    equal((error.reward, error.grade.is_error, error.grade.content), (0.0, True, "no oracle"), "error")
    equal((text.trace.status, text.reward), ("error", 0.0), "no grade")
    contains(text.trace.error or "", "yield a number")
    equal(job.reward, 0.75, "mean without the errors")


@case("an agent that fails is graded all the same")
async def _() -> None:
    def fail(_: str) -> str:
        raise RuntimeError("out of ideas")

    job = await Taskset("failing", [row("tracked", {"key": unique("failing")})]).run(Answering(fail), runtime=place)
    run = job.runs[0]
    equal((run.trace.status, run.reward), ("error", 0.5), "status and reward")
    contains(run.trace.error or "", "out of ideas")


@case("a shared verifier's grade replaces the actor's")
async def _() -> None:
    task = row("echo", {"tag": "v"}, verifier=row("check", {"factor": 0.25}))
    job = await Taskset("shared", [task]).run(Answering(tag_of), runtime=place, group=2)
    for run in job.runs:
        equal((run.trace.status, run.reward), ("completed", 0.25), "status and reward")
        equal(run.grade.raw["seen"], {"score": 1.0, "tag": "v", "answer": "v"}, "what the verifier saw")


@case("a verifier of another environment runs there, on the actor's grade")
async def _() -> None:
    task = row("echo", {"tag": "w"}, verifier=Task(env="interop-verifier", id="check"))
    job = await Taskset("separate", [task]).run(Answering(tag_of), runtime=place)
    run = job.runs[0]
    equal((run.trace.status, run.reward), ("completed", 0.5), "status and reward")
    equal(run.grade.raw["seen"], {"score": 1.0, "tag": "w", "answer": "w"}, "what the verifier saw")
    equal(run.grade.raw["separate"], True, "where it ran")


# Earlier releases only drop the connection, and the start goes on.
@case("a rollout's deadline ends a start that hangs, and nothing stays behind", when=hasattr(HudClient, "_abandon_task"))
async def _() -> None:
    key = unique("hung")
    started = time.monotonic()
    job = await Taskset("late", [row("slow", {"seconds": 30, "key": key})]).run(
        Answering(tag_of), runtime=place, rollout_timeout=1.0
    )
    equal(job.runs[0].trace.status, "error", "status")
    contains(job.runs[0].trace.error or "", "timed out")
    equal(time.monotonic() - started < 8, True, "the rollout ended soon after its deadline")

    async def cleaned() -> bool:
        return await cleanups(key) == 1

    await until(cleaned, "the hung task was cancelled and cleaned up")
