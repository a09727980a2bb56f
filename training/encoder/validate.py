"""How good a network is on held-back people: error rates of each wear pair, and of the search.

Masks are drawn once by a fixed seed, both styles on every photo, placed as masked photos are
(see draw.PLAIN). ``old`` compares masked probes of the student with bare templates of the stock
network: whether it stays in that one's space.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from chips import Faces
from data import Drawers, Task
from draw import PLAIN, SIZE, cut
from network import Network
from torch import Tensor

from maskwise.types import U8

_MOST = 10
"""Photos of a person: else the pairs of a few would be most pairs."""
_EPOCH = 1_000_000
"""No epoch of training: the masks are of no training photo's."""
_FMR = 1e-3


@dataclass(frozen=True)
class HeldBack:
    """N photos of people who are not trained on: chips (N, 150, 150, 3) uint8; people (N,).

    stock: the bare faces as the stock network gets them, by dlib's points.
    """

    bare: U8
    stock: U8
    drawn: U8
    flat: U8
    people: npt.NDArray[np.int64]


def held_back(faces: Faces, drawers: Drawers, batch: int) -> HeldBack:
    """The chips of the calibrate people. drawers: of the same faces."""
    photos = np.flatnonzero(~faces.train)
    ranks = np.zeros(len(faces), int)
    for photo in photos:
        ranks[photo] = (faces.people[photos[photos < photo]] == faces.people[photo]).sum()
    photos = photos[ranks[photos] < _MOST]
    out = {}
    for style in ("drawn", "flat"):
        parts = [photos[k : k + batch] for k in range(0, len(photos), batch)]
        tasks = [Task(_EPOCH, k, part, style, PLAIN) for k, part in enumerate(parts)]
        made = [(b.bare.copy(), b.masked.copy()) for b in drawers.batches(tasks)]
        out["bare"] = np.concatenate([bare for bare, _ in made])
        out[style] = np.concatenate([masked for _, masked in made])
    stock = np.stack(
        [cut(faces.pixels(photo), faces.to_stock_chip(photo)) for photo in photos.tolist()]
    )
    return HeldBack(out["bare"], stock, out["drawn"], out["flat"], faces.people[photos])


def templates(network: Network, chips: U8, device: torch.device, batch: int = 512) -> Tensor:
    """(N, 128) float32 unit vectors on ``device``, in full precision."""
    return torch.nn.functional.normalize(vectors(network, chips, device, batch), dim=1)


def vectors(network: Network, chips: U8, device: torch.device, batch: int = 512) -> Tensor:
    """(N, 128) float32 on ``device``: the network's vectors as they come."""
    assert chips.shape[1:] == (SIZE, SIZE, 3)
    with torch.inference_mode():
        parts = [
            network(torch.from_numpy(chips[k : k + batch]).to(device))
            for k in range(0, len(chips), batch)
        ]
    return torch.cat(parts).float()


def rates(mated: Tensor, non_mated: Tensor) -> dict[str, float]:
    """FNMR at FMR 1e-3 and EER, in per cent, of the scores."""
    strangers = non_mated.sort().values
    threshold = strangers[int(np.ceil(len(strangers) * (1 - _FMR))) - 1]
    fnmr = float((mated <= threshold).double().mean())
    both = torch.cat([mated, non_mated]).sort().values
    missed = torch.searchsorted(mated.sort().values, both).double() / len(mated)
    passed = (len(strangers) - torch.searchsorted(strangers, both).double()) / len(strangers)
    at = int((missed >= passed).double().argmax())
    return {"fnmr": 100 * fnmr, "eer": 50 * float(missed[at] + passed[at])}


def figures(
    network: Network, held: HeldBack, old: Tensor, device: torch.device
) -> dict[str, float]:
    """All figures of one network, in per cent. old: the stock network's templates of the bare.

    Names are ``pair.figure``; pairs: bare, bare-drawn, bare-flat, drawn, flat, drawn-flat,
    old-drawn (old bare templates as references). rank1: masked probes against each person's first
    photo, bare.
    """
    sets = {
        name: templates(network, getattr(held, name), device) for name in ("bare", "drawn", "flat")
    }
    people = torch.from_numpy(held.people).to(device)
    same = people[:, None] == people[None]
    upper = torch.ones_like(same).triu(1)
    other = ~torch.eye(len(same), dtype=torch.bool, device=device)
    first = torch.from_numpy(np.unique(held.people, return_index=True)[1]).to(device)
    probes = torch.ones(len(people), dtype=torch.bool, device=device)
    probes[first] = False
    out: dict[str, float] = {}
    for name, references, tested, which in (
        ("bare", sets["bare"], sets["bare"], upper),
        ("bare-drawn", sets["bare"], sets["drawn"], other),
        ("bare-flat", sets["bare"], sets["flat"], other),
        ("drawn", sets["drawn"], sets["drawn"], upper),
        ("flat", sets["flat"], sets["flat"], upper),
        ("drawn-flat", sets["drawn"], sets["flat"], other),
        ("old-drawn", old, sets["drawn"], other),
    ):
        scores = references @ tested.T
        found = rates(scores[which & same], scores[which & ~same])
        out |= {f"{name}.{figure}": value for figure, value in found.items()}
        if name.startswith(("bare", "old")):
            best = scores[first][:, probes].argmax(0)
            right = people[first][best] == people[probes]
            out[f"{name}.rank1"] = 100 * float(right.double().mean())
    return {name: round(value, 3) for name, value in out.items()}
