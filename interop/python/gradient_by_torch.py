"""The passes and the step of gradient_reference.py by torch, in double precision: for whoever has it installed, to check that file."""

import math

import torch
from gradient_reference import NORM_EPSILON, ROTARY_BASE, token_losses


def torch_pass(shape, weights, batch):
    params = {name: torch.tensor(tensor, requires_grad=True) for name, tensor in weights.items()}
    all_logprobs, total, cut = [], torch.zeros((), dtype=torch.float64), []
    for datum in batch["data"]:
        logprobs = target_logprobs(shape, params, torch.tensor(datum["input"]), torch.tensor(datum["targets"]))
        total = total + loss_of(batch["loss"], logprobs, datum, batch["config"])
        plain = logprobs.detach().numpy()
        all_logprobs.append(plain)
        cut.append(token_losses(batch["loss"], plain, datum, batch["config"])[2])
    total.backward()
    gradient = {name: tensor.grad.numpy() for name, tensor in params.items()}
    return all_logprobs, total.item(), gradient, torch.cat([torch.tensor(one) for one in cut]).numpy()


def target_logprobs(shape, params, tokens, targets):
    heads, width = shape["heads"], shape["width"]
    head = width // heads
    x = params["embedding"][tokens]
    for layer in range(shape["layers"]):
        def w(name, layer=layer):
            return params[f"{layer}.{name}"]

        normed = norm(x, w("norm1"))
        query, key, value = ((normed @ w(name)).view(-1, heads, head).transpose(0, 1) for name in ("query", "key", "value"))
        mixed = torch.nn.functional.scaled_dot_product_attention(turned(query), turned(key), value, is_causal=True)
        x = x + mixed.transpose(0, 1).reshape(-1, width) @ w("output")
        x = x + torch.nn.functional.silu(norm(x, w("norm2")) @ w("up")) @ w("down")
    logits = norm(x, params["norm"]) @ params["embedding"].T
    return -torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def norm(x, gain):
    return torch.nn.functional.rms_norm(x, x.shape[-1:], gain[0], NORM_EPSILON)


def turned(x):
    """As complex numbers: (i, i + half) is one, turned by its position."""
    half = x.shape[-1] // 2
    speeds = torch.exp(torch.arange(half, dtype=torch.float64) * (-math.log(ROTARY_BASE) / half))
    turns = torch.outer(torch.arange(x.shape[-2], dtype=torch.float64), speeds)
    out = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(turns), turns)
    return torch.cat([out.real, out.imag], -1)


def loss_of(loss, logprobs, datum, config):
    of = lambda name: torch.tensor(datum[name], dtype=torch.float64)  # noqa: E731
    if loss == "cross_entropy":
        return -(of("weights") * logprobs).sum()
    counts = of("advantages") != 0
    logprobs, sampled, advantages = logprobs[counts], of("samplingLogprobs")[counts], of("advantages")[counts]
    ratio = torch.exp(logprobs - sampled)
    clipped = torch.clamp(ratio, config.get("clip_low_threshold", 0.8), config.get("clip_high_threshold", 1.2))
    if loss == "importance_sampling":
        return -(ratio * advantages).sum()
    if loss == "ppo":
        return -torch.minimum(ratio * advantages, clipped * advantages).sum()
    if loss == "cispo":
        return -(clipped.detach() * logprobs * advantages).sum()
    return -(logprobs * advantages - 0.5 * config.get("beta", 0.05) * (logprobs - sampled) ** 2).sum()


def torch_step(weights, first, second, gradient, step, adam):
    params = {name: torch.tensor(tensor, requires_grad=True) for name, tensor in weights.items()}
    betas = (adam["beta1"], adam["beta2"])
    optimizer = torch.optim.AdamW(params.values(), adam["learningRate"], betas, adam["eps"], adam["weightDecay"])
    for name, param in params.items():
        param.grad = torch.tensor(gradient[name])
        moments = {"exp_avg": torch.tensor(first[name]), "exp_avg_sq": torch.tensor(second[name])}
        optimizer.state[param] = {"step": torch.tensor(step - 1.0), **moments}
    optimizer.step()
    return {name: param.detach().numpy() for name, param in params.items()}
