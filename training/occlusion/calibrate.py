"""What the logits mean: scales and offsets fitted on held-back people, and figures on them."""

from __future__ import annotations

import numpy as np
import torch
from data import Samples
from export import Calibration
from network import Network, Said, worn_logit
from sample import WHATS
from torch import Tensor, nn

_SURE = 0.2
"""A nose that is covered by less than this, or by more than the rest of 1, is out, or covered."""


def said_of(network: Network, samples: Samples, batch: int = 256) -> Said:
    """All samples' logits; the alpha's as float16, in less memory."""
    parts = []
    with torch.inference_mode():
        for k in range(0, len(samples), batch):
            pixels = torch.from_numpy(samples.pixels[k : k + batch]).permute(0, 3, 1, 2)
            said = network(pixels.float().contiguous(memory_format=torch.channels_last))
            parts.append((said.style, said.kind, said.alpha.half()))
    return Said(*(torch.cat(column) for column in zip(*parts, strict=True)))


def platt(logits: Tensor, truth: Tensor) -> tuple[float, float]:
    """Scale and offset of the least log loss, after Platt: targets a little within 0 and 1.

    logits: (N,); truth: (N,) 0..1.
    """
    positive, count = float(truth.sum()), len(truth)
    high = (positive + 1) / (positive + 2)
    low = 1 / (count - positive + 2)
    target = low + (high - low) * truth.double()
    fitted = torch.tensor([1.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([fitted], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        scaled = fitted[0] * logits.double() + fitted[1]
        value = nn.functional.binary_cross_entropy_with_logits(scaled, target)
        value.backward()
        return value

    optimizer.step(closure)
    scale, offset = fitted.detach().tolist()
    return scale, offset


def temperature(logits: Tensor, truth: Tensor) -> float:
    """What divides (N, K) logits for the least log loss of the classes ``truth``, (N,)."""
    grid = np.exp(np.linspace(np.log(0.3), np.log(5), 60))
    losses = [float(nn.functional.cross_entropy(logits / t, truth)) for t in grid]
    return float(grid[int(np.argmin(losses))])


def fitted(said: Said, samples: Samples) -> Calibration:
    """From held-back samples."""
    style = torch.from_numpy(samples.style)
    worn = style[:, 1:3].sum(1)
    covered = worn > 0.5
    out = style[covered, 2] / worn[covered]
    nose = said.style[covered, 2] - said.style[covered, 1]
    kind = torch.from_numpy(samples.kind)
    return Calibration(
        platt(worn_logit(said.style), worn),
        platt(nose, out),
        temperature(said.kind[kind >= 0], kind[kind >= 0]),
    )


def figures(said: Said, samples: Samples) -> dict[str, object]:
    """Errors before calibration, in counts and shares."""
    worn = samples.style[:, 1:3].sum(1) > 0.5
    called = worn_logit(said.style).numpy() >= 0
    out: dict[str, object] = {}
    for k, name in enumerate(WHATS):
        of = samples.what == k
        if of.any():
            out[f"{name}.wrong"] = f"{int((called != worn)[of].sum())}/{int(of.sum())}"
    sure = worn & (np.abs(samples.style[:, 2] - 0.5) > 0.5 - _SURE)
    nose = (said.style[:, 2] > said.style[:, 1]).numpy()
    right = nose == (samples.style[:, 2] > 0.5)
    out["nose.right"] = round(float(right[sure].mean()), 4)
    chin = samples.style[:, 3] > 0.5
    said_chin = said.style.argmax(1).numpy() == 3
    out["chin.found"] = round(float(said_chin[chin].mean()), 4)
    out["chin.false"] = round(float(said_chin[~chin].mean()), 4)
    typed = samples.kind >= 0
    out["kind.right"] = round(float((said.kind.argmax(1).numpy() == samples.kind)[typed].mean()), 4)
    told = samples.alpha >= 128
    seen = said.alpha.numpy() >= 0
    count = samples.told & told.any((1, 2))
    union = (told | seen)[count].sum((1, 2))
    out["alpha.iou"] = round(float(((told & seen)[count].sum((1, 2)) / union).mean()), 4)
    bare = samples.what == 0
    out["alpha.bare"] = round(float(seen[bare].mean()), 5)
    return out
