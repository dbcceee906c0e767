"""The Python package as a trainer of a platform's models; one JSON document on stdout per program.

python training_program.py learn --model MODEL --rounds N --goal REWARD    the loop of the package's README, until it has learned
python training_program.py calls --model MODEL --name NAME --base BASE    every call of `TrainingClient`, see training_calls.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

ENVS = Path(__file__).parent.parent / "envs"
sys.path.insert(0, str(ENVS))

GROUP = 8
TASKS = 8
LEARNING_RATE = 5e-4
#: Rounds whose rewards are averaged before they count as learned.
SETTLED = 2
HELD_OUT = 80


async def learn(model: str, rounds: int, goal: float) -> Any:
    """Rewards by round, each before its step."""
    from hud import TrainingClient
    from hud.agents import create_agent
    from hud.eval import Job, LocalRuntime

    rows = rows_of_digits(1)
    measured = taskset("held-out", [next(rows) for _ in range(HELD_OUT)])

    agent = create_agent(model, completion_kwargs={"extra_body": {"return_token_ids": True}})
    trainer = TrainingClient(model)
    runtime = LocalRuntime(ENVS / "digits.py")

    before = await measured.run(agent, runtime=runtime)
    session = await Job.start(model, group=GROUP)
    told: list[Any] = []
    while len(told) < rounds and mean([each["reward"] for each in told[-SETTLED:]]) < goal:
        began = time.monotonic()
        start = len(session.runs)
        await taskset("training", [next(rows) for _ in range(TASKS)]).run(agent, runtime=runtime, group=GROUP, job=session)
        batch = session.runs[start:]
        step = await trainer.step(batch, learning_rate=LEARNING_RATE, group_size=GROUP) if disagrees(batch) else None
        seconds = round(time.monotonic() - began, 1)
        told.append({"reward": mean([run.reward for run in batch]), "seconds": seconds, "step": step and step.model_dump()})
    after = await measured.run(agent, runtime=runtime)
    nodes = [node.model_dump() for node in await trainer.checkpoints()]
    return {"before": before.reward, "after": after.reward, "rounds": told, "nodes": nodes}


def disagrees(batch: list[Any]) -> bool:
    """Some group's rewards differ; otherwise there is nothing to learn from."""
    return any(len({run.reward for run in batch[at : at + GROUP]}) > 1 for at in range(0, len(batch), GROUP))


def taskset(name: str, rows: list[str]) -> Any:
    from digits import largest
    from hud.eval import Taskset

    return Taskset(name, [largest(digits=row) for row in rows])


def rows_of_digits(seed: int) -> Any:
    """Five different digits in random order, without end; no row twice."""
    random_ = random.Random(seed)
    seen: set[str] = set()
    while True:
        row = "".join(random_.sample("0123456789", 5))
        if row not in seen:
            seen.add(row)
            yield row


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("program", choices=["learn", "calls"])
    parser.add_argument("--model", required=True)
    parser.add_argument("--name", default="", help="as people read it")
    parser.add_argument("--base", default="")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--goal", type=float, default=1.0)
    options = parser.parse_args()
    if options.program == "learn":
        told = asyncio.run(learn(options.model, options.rounds, options.goal))
    else:
        from training_calls import calls

        told = asyncio.run(calls(options.model, name=options.name, base=options.base))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
