"""The Python package as a user of a platform; one JSON document on stdout per program.

python platform_program.py evaluate --url URL --model MODEL    two tasks twice through the gateway, reported
python platform_program.py judge --model MODEL                 a rubric judged through the gateway
python platform_program.py shop --url URL --model A:TASK,B:TASK  each model's agent at a task of the shop, reported as jobs
python platform_program.py fetch --taskset NAME --file FILE     a taskset as the package reads it, against a file of tasks
python platform_program.py begin                               three jobs of two traces each that nobody ends
"""

from __future__ import annotations

import argparse
import asyncio
import json
import uuid
from typing import Any


async def evaluate(url: str, model: str) -> Any:
    from hud.agents import create_agent
    from hud.eval import Runtime, Task, Taskset
    from hud.telemetry import flush

    tasks = [Task(env="interop", id="echo", slug=f"echo-{tag}", args={"tag": tag}) for tag in ("right", "wrong")]
    job = await Taskset("python-rows", tasks).run(create_agent(model), runtime=Runtime(url), group=2)
    flushed = flush(timeout=30)
    return {
        "job": job.id,
        "flushed": flushed is not False,
        "runs": [
            {"trace": run.trace.trace_id, "reward": run.reward, "status": run.trace.status, "error": run.trace.error}
            for run in job.runs
        ],
    }


async def shop(url: str, models: str) -> Any:
    """Keyed as they were asked for."""
    told = {}
    for asked in models.split(","):
        model, template = asked.split(":")
        args = {"note": f"from {model}"} if template == "errand" else {"word": "observed"}
        told[asked] = await played(url, model, template, args)
    return told


async def played(url: str, model: str, template: str, args: dict[str, Any]) -> Any:
    """One run of the agent that the catalogue names for the model."""
    from hud.agents import create_agent
    from hud.eval import Runtime, Task, Taskset
    from hud.telemetry import flush

    agent = create_agent(model, max_steps=6)
    job = await Taskset(f"shop-{model}", [Task(env="shop", id=template, slug=template, args=args)]).run(agent, runtime=Runtime(url))
    flush(timeout=30)
    [run] = job.runs
    return {
        "job": job.id,
        "agent": type(agent).__name__,
        "trace": run.trace.trace_id,
        "reward": run.reward,
        "status": run.trace.status,
        "error": run.trace.error,
    }


async def judge(model: str) -> Any:
    from hud.graders import LLMJudgeGrader

    score = await LLMJudgeGrader.compute_score(
        answer="The capital of France is Paris.", criteria=["names Paris", ("mentions Rome", -1.0)], question="Capital?", model=model
    )
    return {"value": score.value, "children": [{"name": child.name, "value": child.value} for child in score.children or []]}


async def fetch(taskset: str, file: str) -> Any:
    from hud.eval import Taskset

    fetched, local = Taskset.from_api(taskset), Taskset.from_file(file)

    def told(tasks: Any) -> list[Any]:
        # repr() tells 1 from 1.0 and True, at any depth
        return [[slug, repr(task.args), repr(task.columns)] for slug, task in sorted(tasks.items())]

    return {"name": fetched.name, "fetched": told(fetched), "local": told(local)}


async def begin() -> Any:
    from hud.eval.job import job_enter, trace_enter

    begun = []
    for _ in range(3):
        job, traces = uuid.uuid4().hex, [uuid.uuid4().hex, uuid.uuid4().hex]
        await job_enter(job, name="never ended", group=1)
        for slug, trace in zip(("waiting", "also waiting"), traces):
            await trace_enter(trace, job_id=job, group_id=None, task_slug=slug)
        begun.append({"job": job, "traces": traces})
    return begun


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=["evaluate", "shop", "judge", "fetch", "begin"])
    parser.add_argument("--url", default="")
    parser.add_argument("--model", default="")
    parser.add_argument("--taskset", default="")
    parser.add_argument("--file", default="")
    options = parser.parse_args()
    program = {
        "evaluate": lambda: evaluate(options.url, options.model),
        "shop": lambda: shop(options.url, options.model),
        "judge": lambda: judge(options.model),
        "fetch": lambda: fetch(options.taskset, options.file),
        "begin": begin,
    }[options.program]
    print(json.dumps(asyncio.run(program())))


if __name__ == "__main__":
    main()
