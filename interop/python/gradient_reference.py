"""What a gradient and a step of the local training engine have to be, in numpy and double precision.

    python gradient_reference.py FOLDER [--torch]

FOLDER has `batches.json` and the weights files that it names, as interop/cases/training-gradients.ts leaves them. Prints one JSON
object: for each batch the largest differences. With --torch the gradients come from torch's automatic differentiation and the step
from torch.optim.AdamW instead, which is how this file was checked itself.

The model: token embedding; per layer x += attention(rms(x)) and x += silu(rms(x) up) down, with rotary positions; logits of the last
rms(x) by the embedding. The gradient goes back through it by hand, one sequence at a time, without padding.
"""

import hashlib
import json
import struct
import sys
from pathlib import Path

import numpy as np

NORM_EPSILON = 1e-5
ROTARY_BASE = 1000.0
LAYER = ("norm1", "query", "key", "value", "output", "norm2", "up", "down")


def read_weights(path):
    """Magic, SHA-256 of what follows, length of the header, header, float32 numbers: weights, then the two moments."""
    file = path.read_bytes()
    assert file[:8] == b"HUDW0001" and hashlib.sha256(file[40:]).digest() == file[8:40], f"{path} is damaged"
    (length,) = struct.unpack("<I", file[40:44])
    header = json.loads(file[44 : 44 + length])
    lists = np.frombuffer(file[44 + length :], "<f4").reshape(3 if header["hasMoments"] else 1, -1)
    return header, [unflatten(header["shape"], numbers) for numbers in lists]


def sizes(shape):
    width, hidden = shape["width"], shape["hidden"]
    own = {"norm1": (1, width), "norm2": (1, width), "up": (width, hidden), "down": (hidden, width)}
    layers = {f"{i}.{name}": own.get(name, (width, width)) for i in range(shape["layers"]) for name in LAYER}
    return {"embedding": (shape["vocabulary"], width), **layers, "norm": (1, width)}


def unflatten(shape, numbers):
    tensors, at = {}, 0
    for name, size in sizes(shape).items():
        count = size[0] * size[1]
        tensors[name] = numbers[at : at + count].astype(np.float64).reshape(size)
        at += count
    assert at == len(numbers)
    return tensors


# The model, forwards and back.


def rms(x, gain):
    scale = 1 / np.sqrt((x * x).mean(-1, keepdims=True) + NORM_EPSILON)
    return x * scale * gain, scale


def rms_back(slope, x, gain, scale):
    inner = slope * gain
    return scale * inner - x * scale**3 * (inner * x).mean(-1, keepdims=True), (slope * x * scale).sum(0, keepdims=True)


def angles(length, half):
    return np.arange(length)[:, None] * ROTARY_BASE ** (-np.arange(half) / half)


def rotate(x, turn):
    """x of shape [heads, length, head]; each pair (i, i + half) turned by its angle. Backwards: by -angle."""
    a, b = np.split(x, 2, -1)
    return np.concatenate([a * np.cos(turn) - b * np.sin(turn), a * np.sin(turn) + b * np.cos(turn)], -1)


def heads_of(x, heads):
    return x.reshape(len(x), heads, -1).transpose(1, 0, 2)


def joined(x):
    return x.transpose(1, 0, 2).reshape(x.shape[1], -1)


def forward(shape, weights, tokens, targets):
    length, heads = len(tokens), shape["heads"]
    turn = angles(length, shape["width"] // heads // 2)
    later = np.triu(np.full((length, length), -np.inf), 1)
    x, kept = weights["embedding"][tokens], []
    for layer in range(shape["layers"]):
        w = {name: weights[f"{layer}.{name}"] for name in LAYER}
        normed, scale1 = rms(x, w["norm1"])
        query, key = (rotate(heads_of(normed @ w[name], heads), turn) for name in ("query", "key"))
        value = heads_of(normed @ w["value"], heads)
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1]) + later
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        shares /= shares.sum(-1, keepdims=True)
        mixed = joined(shares @ value)
        middle = x + mixed @ w["output"]
        normed2, scale2 = rms(middle, w["norm2"])
        inner = normed2 @ w["up"]
        gate = 1 / (1 + np.exp(-inner))
        kept.append((w, x, normed, scale1, query, key, value, shares, mixed, middle, normed2, scale2, inner, gate))
        x = middle + (inner * gate) @ w["down"]
    last, scale = rms(x, weights["norm"])
    logits = last @ weights["embedding"].T
    logits -= logits.max(-1, keepdims=True)
    logits -= np.log(np.exp(logits).sum(-1, keepdims=True))
    return logits[np.arange(length), targets], (turn, kept, x, last, scale, logits)


def backward(shape, weights, tokens, targets, slopes, memory):
    """The gradient of sum(slopes * logprobs)."""
    turn, kept, x, last, scale, logits = memory
    gradient = {name: np.zeros_like(tensor) for name, tensor in weights.items()}
    d_logits = -np.exp(logits) * slopes[:, None]
    d_logits[np.arange(len(tokens)), targets] += slopes
    gradient["embedding"] += d_logits.T @ last
    dx, gradient["norm"] = rms_back(d_logits @ weights["embedding"], x, weights["norm"], scale)
    for layer in reversed(range(shape["layers"])):
        w, x, normed, scale1, query, key, value, shares, mixed, middle, normed2, scale2, inner, gate = kept[layer]
        own = {"down": (inner * gate).T @ dx}
        d_inner = dx @ w["down"].T * gate * (1 + inner * (1 - gate))
        own["up"] = normed2.T @ d_inner
        d_middle, own["norm2"] = rms_back(d_inner @ w["up"].T, middle, w["norm2"], scale2)
        dx = dx + d_middle
        own["output"] = mixed.T @ dx
        d_mixed = heads_of(dx @ w["output"].T, shape["heads"])
        d_shares = d_mixed @ value.transpose(0, 2, 1)
        d_scores = shares * (d_shares - (d_shares * shares).sum(-1, keepdims=True)) / np.sqrt(query.shape[-1])
        parts = {
            "query": joined(rotate(d_scores @ key, -turn)),
            "key": joined(rotate(d_scores.transpose(0, 2, 1) @ query, -turn)),
            "value": joined(shares.transpose(0, 2, 1) @ d_mixed),
        }
        for name, part in parts.items():
            own[name] = normed.T @ part
        d_normed = sum(part @ w[name].T for name, part in parts.items())
        d_first, own["norm1"] = rms_back(d_normed, x, w["norm1"], scale1)
        dx = dx + d_first
        for name, tensor in own.items():
            gradient[f"{layer}.{name}"] = tensor
    np.add.at(gradient["embedding"], tokens, dx)
    return gradient


# Losses of tokens, and their slopes by the log-probability.


def token_losses(loss, logprobs, datum, config):
    """Losses, slopes, and which tokens a clip has cut from the gradient. `factor` is the advantage; cross entropy has weights."""
    factor = np.asarray(datum["weights" if loss == "cross_entropy" else "advantages"], float)
    if loss == "cross_entropy":
        return -factor * logprobs, -factor, np.zeros_like(factor)
    counts = factor != 0
    distance = np.where(counts, logprobs - np.asarray(datum["samplingLogprobs"], float), 0)
    ratio = np.exp(distance)
    clipped = np.clip(ratio, config.get("clip_low_threshold", 0.8), config.get("clip_high_threshold", 1.2))
    side = np.where(counts, np.sign(ratio - clipped), 0)
    if loss == "importance_sampling":
        return -ratio * factor, -ratio * factor, np.zeros_like(side)
    if loss == "ppo":
        is_cut = ratio * factor > clipped * factor
        return -np.minimum(ratio * factor, clipped * factor), np.where(is_cut, 0, -ratio * factor), side * is_cut
    if loss == "cispo":
        return -clipped * logprobs * factor, -clipped * factor, side
    beta = config.get("beta", 0.05)  # dro
    losses = -(logprobs * factor - 0.5 * beta * distance**2)
    return np.where(counts, losses, 0), np.where(counts, -(factor - beta * distance), 0), np.zeros_like(side)


def numpy_pass(shape, weights, batch):
    total = {name: np.zeros_like(tensor) for name, tensor in weights.items()}
    all_logprobs, sum_of_losses, cut = [], 0.0, []
    for datum in batch["data"]:
        tokens, targets = np.asarray(datum["input"]), np.asarray(datum["targets"])
        logprobs, memory = forward(shape, weights, tokens, targets)
        losses, slopes, side = token_losses(batch["loss"], logprobs, datum, batch["config"])
        for name, tensor in backward(shape, weights, tokens, targets, slopes, memory).items():
            total[name] += tensor
        all_logprobs.append(logprobs)
        sum_of_losses += losses.sum()
        cut.append(side)
    return all_logprobs, sum_of_losses, total, np.concatenate(cut)


def numpy_step(weights, first, second, gradient, step, adam):
    """AdamW, arXiv:1711.05101: decay apart from the gradient, moments without their bias."""
    out = {}
    for name, slope in gradient.items():
        mean = adam["beta1"] * first[name] + (1 - adam["beta1"]) * slope
        square = adam["beta2"] * second[name] + (1 - adam["beta2"]) * slope**2
        scaled = mean / (1 - adam["beta1"] ** step) / (np.sqrt(square / (1 - adam["beta2"] ** step)) + adam["eps"])
        out[name] = weights[name] - adam["learningRate"] * (scaled + adam["weightDecay"] * weights[name])
    return out


# What came of it, against what the engine has written.


def differences(found, expected, floor=0.0):
    """Of each tensor, over its largest entry (or the floor, where that is larger)."""
    return {
        name: float(np.abs(found[name] - tensor).max() / max(np.abs(tensor).max(), floor, 1e-30)) for name, tensor in expected.items()
    }


def check(folder, batch, start, run_pass):
    shape, (weights, *_moments) = start
    logprobs, loss, gradient, cut = run_pass(shape, weights, batch)
    _header, (_weights, found, _second) = read_weights(folder / batch["gradientFile"])
    relative = differences(found, gradient)
    absolute = {name: float(np.abs(found[name] - tensor).max()) for name, tensor in gradient.items()}
    theirs = np.concatenate([np.asarray(one) for one in batch["logprobs"]])
    return {
        "name": batch["id"],
        "relative": relative,
        "absolute": absolute,
        "largest": max(float(np.abs(tensor).max()) for tensor in gradient.values()),
        "logprobs": float(np.abs(np.concatenate(logprobs) - theirs).max()),
        "loss": abs(batch["sum"] - loss) / max(abs(loss), 1),
        "clippedAbove": int((cut > 0).sum()),
        "clippedBelow": int((cut < 0).sum()),
        "tokens": len(theirs),
    }


def check_step(folder, step, take_step):
    before, (weights, first, second) = read_weights(folder / step["before"])
    _header, (_weights, gradient, _second) = read_weights(folder / step["gradient"])
    _after, (found, _first, _squares) = read_weights(folder / step["after"])
    expected = take_step(weights, first, second, gradient, before["step"] + 1, step["adam"])
    entries = [
        np.abs(found[name] - tensor).max() / np.abs(tensor).max() for name, tensor in expected.items()
    ]
    moved = max(float(np.abs(found[name] - weights[name]).max()) for name in weights)
    return {"relative": float(max(entries)), "moved": moved}


def main():
    folder = Path(sys.argv[1])
    run_pass, take_step = numpy_pass, numpy_step
    if "--torch" in sys.argv[2:]:
        from gradient_by_torch import torch_pass, torch_step

        run_pass, take_step = torch_pass, torch_step
    told = json.loads((folder / "batches.json").read_text())
    header, tensors = read_weights(folder / told["weights"])
    start = (header["shape"], tensors)
    passes = [check(folder, batch, start, run_pass) for batch in told["batches"]]
    print(json.dumps({"passes": passes, "step": check_step(folder, told["step"], take_step)}))


if __name__ == "__main__":
    main()
