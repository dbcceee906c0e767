"""Every call of `TrainingClient` on one model, in an order in which later ones build on earlier ones."""

from __future__ import annotations

import logging
import math
import uuid
from typing import Any, Awaitable

from hud import TrainingClient
from hud.agents import create_agent
from hud.eval import Job, LocalRuntime, Run, Taskset
from hud.settings import settings
from hud.train import OptimStepResult, TrajectoryPayload, TrajectorySample
from hud.utils.gateway import build_gateway_client
from hud.utils.requests import make_request

from training_program import ENVS  # which says where the next one is
from digits import high

GROUP = 4
#: Larger than the README's, so that what a step changes stands out of rounding.
RATE = 3e-4
#: An id that nothing has.
NOBODY = str(uuid.UUID(int=1))
PROMPT = "Which is the largest? 7 1 8 0 4"


async def calls(model: str, *, name: str, base: str) -> Any:
    told: dict[str, Any] = {"asked": await asked_by(model, name)}
    agent = create_agent(model, completion_kwargs={"extra_body": {"return_token_ids": True}})
    trainer = TrainingClient(model)
    taskset = Taskset("high", [high(digits=digits) for digits in ("40718", "92635")])
    runtime = LocalRuntime(ENVS / "digits.py")

    told["losses"] = await trainer.available_losses()
    told["untrained"] = {"head": await trainer.head(), "nodes": await trainer.checkpoints(), "replies": await replies(model)}

    # the training program of the package's README
    session = await Job.start(model, group=GROUP)
    start = len(session.runs)
    await taskset.run(agent, runtime=runtime, group=GROUP, job=session)
    first = await trainer.step(session.runs[start:], learning_rate=1e-5, group_size=GROUP)

    runs = session.runs[start:]
    told["job"] = session.id
    told["runs"] = [{"trace": run.trace_id, "reward": run.reward} for run in runs]
    told["first"] = {"step": first.model_dump(), "head": dumped(await trainer.head()), "replies": await replies(model)}
    told["ways"] = {"steps": await ways(trainer, runs, first), "nodes": [dumped(node) for node in await trainer.checkpoints()]}
    told["pinned"] = await replies(model, checkpoint=first.checkpoint_id)
    told["mixed"] = await mixed(trainer, runs)
    told["passes"] = await passes(trainer, runs, first)
    slow = Taskset("slow", [high(digits="40718", seconds=60)])
    late = await slow.run(agent, runtime=runtime, group=2, job=session, rollout_timeout=2)
    told["client"] = await refused_here(trainer, runs, late.runs[-2:])
    told["server"] = await refused_there(trainer, runs, late=late.runs[-1], base=base)
    return told


async def asked_by(model: str, name: str) -> Any:
    """Where a new client goes for its first two calls, by what it was told of the model. The first one finds no catalogue."""
    seen: list[str] = []

    class Requests(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            method, url, *_ = record.args if isinstance(record.args, tuple) else ("", "")
            seen.append(f"{method} {url}".replace(settings.hud_rl_url, ""))

    logger, handler = logging.getLogger("httpx"), Requests()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    told, identity = {}, ""
    for kind in ("slug", "name", "id"):
        seen.clear()
        trainer = TrainingClient({"slug": model, "name": name, "id": identity}[kind])
        await trainer.available_losses()
        await trainer.head()
        told[kind] = list(seen)
        identity = seen[-1].split("/models/")[1].split("/")[0]
    logger.removeHandler(handler)
    logger.setLevel(level)
    return {"id": identity, "by": told}


async def replies(model: str, checkpoint: str | None = None) -> list[list[float]]:
    """Log-probabilities of replies that are drawn with the same seeds each time."""
    client: Any = build_gateway_client("openai")
    extra = {"return_token_ids": True, **({"checkpoint": checkpoint} if checkpoint else {})}
    told = []
    for seed in range(3):
        reply = await client.chat.completions.create(
            model=model,
            messages=[{"role": "user", "content": PROMPT}],
            seed=seed,
            max_tokens=4,
            logprobs=True,
            extra_body=extra,
        )
        [choice] = reply.choices
        assert len(choice.token_ids) == len(choice.logprobs.content)
        told.append([token.logprob for token in choice.logprobs.content])
    return told


async def ways(trainer: TrainingClient, runs: list[Run], first: OptimStepResult) -> Any:
    """The same step from the same weights: of runs, of their ids, and by a loss that is written out here."""

    async def stepped() -> Any:
        done = await trainer.optim_step(learning_rate=RATE)
        return {"step": done.model_dump(), "replies": await replies(done.model)}

    told = {}
    for way, inputs in (("runs", runs), ("ids", [run.trace_id for run in runs])):
        await trainer.set_head(first.checkpoint_id)
        passed = await trainer.forward_backward(inputs, group_size=GROUP)
        told[way] = {"datums": passed.num_datums, "metrics": passed.metrics, **await stepped()}
    await trainer.set_head(first.checkpoint_id)
    forward = await trainer.forward(runs, group_size=GROUP)
    passed = await trainer.backward(forward.forward_id, weights_of(forward.data), metrics={"mine": 0.25})
    told["custom"] = {"datums": passed.num_datums, "metrics": passed.metrics, **await stepped()}
    return told


def weights_of(data: list[Any]) -> list[list[float]]:
    """Minus the derivatives of importance sampling with the group's mean as its baseline, by each log-probability."""
    rewards: dict[Any, list[float]] = {}
    for datum in data:
        rewards.setdefault(datum.group_idx, []).append(datum.reward)
    means = {group: sum(values) / len(values) for group, values in rewards.items()}
    return [
        [
            math.exp(now - then) * (datum.reward - means[datum.group_idx]) * mask
            for now, then, mask in zip(datum.logprobs, datum.sampling_logprobs, datum.mask, strict=True)
        ]
        for datum in data
    ]


async def mixed(trainer: TrainingClient, runs: list[Run]) -> Any:
    """The ids of two groups' runs by turns. By input: its group, and its reward as the platform has it."""
    one, other = runs[:GROUP], runs[GROUP:]
    order = [run for pair in zip(one, other, strict=True) for run in pair]
    forward = await trainer.forward([str(run.trace_id) for run in order], group_size=GROUP)
    told = {datum.traj_idx: [datum.group_idx, datum.reward] for datum in forward.data}
    return {"groups": [told[i][0] for i in range(len(order))], "rewards": [[told[i][1], run.reward] for i, run in enumerate(order)]}


async def passes(trainer: TrainingClient, runs: list[Run], first: OptimStepResult) -> Any:
    """Passes of hand-made trajectories and their settings, in one step."""
    pair = [payload(run, reward) for run, reward in zip(runs[:2], (1.0, 0.0))]
    both = [item for run in runs for item in (run, payload(runs[0], 1 - run.reward))]
    await trainer.set_head(first.checkpoint_id)
    told = {
        "pair": await trainer.forward_backward(pair, group_size=2),
        "whole": await trainer.forward_backward(pair),
        "scaled": await trainer.forward_backward(pair, group_size=2, reward_scale=2.0),
        "clipped": await trainer.forward_backward(pair, loss_fn="ppo", loss_fn_config={"epsilon": 0.1}, group_size=2),
        "supervised": await trainer.forward_backward(pair[:1], loss_fn="cross_entropy"),
        "self-play": await trainer.forward_backward(both, loss_fn="ppo", group_size=2, num_substeps=2),
        "all the same": await trainer.forward_backward([payload(run, 0.5) for run in runs], group_size=2),
    }
    done = await trainer.optim_step(learning_rate=RATE, beta1=0.8, beta2=0.99, eps=1e-6, weight_decay=0.01)
    [node] = [node for node in await trainer.checkpoints() if node.id == done.checkpoint_id]
    return {"told": {key: dumped(value) for key, value in told.items()}, "node": dumped(node)}


def payload(run: Run, reward: float) -> TrajectoryPayload:
    samples = run.trace.collect(lambda step: getattr(step, "sample", None))
    return TrajectoryPayload(samples=[TrajectorySample(**sample.model_dump()) for sample in samples], reward=reward)


async def refused_here(trainer: TrainingClient, runs: list[Run], late: list[Run]) -> Any:
    """Before anything is sent."""
    by_turns = [run for pair in zip(runs[:GROUP], runs[GROUP:], strict=True) for run in pair]
    return {
        "torn": await refusal(trainer.step(runs[:-1], learning_rate=RATE, group_size=GROUP)),
        "incomplete": await refusal(trainer.step(runs[1:5], learning_rate=RATE, group_size=GROUP)),
        "by turns": await refusal(trainer.step(by_turns, learning_rate=RATE, group_size=GROUP)),
        "timed out": await refusal(trainer.step(late, learning_rate=RATE, group_size=len(late))),
        "no rate": await refusal(trainer.optim_step(learning_rate=0)),
    }


async def refused_there(trainer: TrainingClient, runs: list[Run], *, late: Run, base: str) -> Any:
    """By the platform; the client says what it was told."""
    await trainer.forward_backward([payload(run, 0.5) for run in runs], group_size=2)
    spent, stale, shaped = [await trainer.forward(runs[:2]) for _ in range(3)]
    weights = [[0.0] * len(datum.logprobs) for datum in spent.data]
    told = {
        "nothing accumulated": await refusal(trainer.optim_step(learning_rate=RATE)),
        "shape": await refusal(trainer.backward(shaped.forward_id, [[0.0]])),
        "length": await refusal(trainer.backward(shaped.forward_id, [row[1:] for row in weights])),
        "unknown forward": await refusal(trainer.backward(NOBODY, weights)),
    }
    await trainer.backward(spent.forward_id, weights)
    told["spent forward"] = await refusal(trainer.backward(spent.forward_id, weights))
    head = await trainer.head()
    await trainer.set_head(head.id if head else "")
    told["stale forward"] = await refusal(trainer.backward(stale.forward_id, weights))
    told["unknown checkpoint"] = await refusal(trainer.set_head(NOBODY))
    told["unknown loss"] = await refusal(trainer.forward_backward(runs, loss_fn="importance_sampled", group_size=GROUP))
    told["unknown setting"] = await refusal(trainer.forward_backward(runs, loss_fn="ppo", loss_fn_config={"clip": 0.1}))
    told["trace without verdict"] = await refusal(trainer.forward_backward([str(late.trace_id)]))
    told["unknown trace"] = await refusal(trainer.forward_backward(["0" * 31 + "1"]))
    short = TrajectorySample(prompt_token_ids=[1, 2], output_token_ids=[3, 4], output_logprobs=[-0.5])
    told["missing logprobs"] = await refusal(trainer.forward_backward([TrajectoryPayload(samples=[short], reward=1)]))
    told["unknown model"] = await refusal(TrainingClient(NOBODY).available_losses())
    told["everybody's model"] = await refusal(TrainingClient(base).step(runs, learning_rate=RATE, group_size=GROUP))
    told["slug for an id"] = await refusal(
        make_request("GET", f"{settings.hud_rl_url}/v1/models/{trainer.model}/train/losses", api_key=settings.api_key)
    )
    told["wrong key"] = await refusal(TrainingClient(NOBODY, api_key="sk-hud-nobody").available_losses())
    return told


async def refusal(call: Awaitable[Any]) -> Any:
    try:
        result = await call
    except Exception as error:
        message = str(getattr(error, "message", error))
        return {"error": type(error).__name__, "status": getattr(error, "status_code", None), "message": message}
    return {"error": None, "status": None, "message": f"no error: {result}"}


def dumped(model: Any) -> Any:
    return None if model is None else model.model_dump()
