"""Canvases from tiles, on whatever device trains: one photo close by, or four to 36 small ones.

Everything random comes from one torch.Generator on the device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from packed import FACES, SIDE
from torch import Tensor
from torch.nn import functional

# Tiles along a side of the canvas, and how often.
_GRIDS: Final = ((1, 0.58), (2, 0.2), (3, 0.1), (4, 0.07), (6, 0.05))
# Of a tile alone: px of the face's height, as a share of the canvas.
_ALONE: Final = (0.08, 1.6)
_LEAST_PX: Final = 10.0
_MOST_TURN: Final = 0.6
# Canvases with an empty tile behind everything, and how much that is enlarged.
_BEHIND: Final = 0.8
_ENLARGED: Final = (1.0, 3.5)
# A face of which so much shows is a face; half as much is no background.
_SHOWS: Final = 0.5
_CLOSE_SHOWS: Final = 0.3
_MOST: Final = 96


@dataclass
class Canvases:
    """images: (B, 3, S, S) float 0..255. boxes: (B, G, 4), points: (B, G, 5, 2) px of the canvas.
    kinds: (B, G) 1 a face, 2 neither, 0 none. sound: (B, G) the weight of the points.
    """

    images: Tensor
    boxes: Tensor
    points: Tensor
    kinds: Tensor
    sound: Tensor


class Composer:
    """tiles: (T, SIDE, SIDE, 3) uint8. faces: (T, FACES, 16) as in ``tiles.Photos``.

    weights: (T,) how often a tile is taken.
    """

    def __init__(self, tiles: Tensor, faces: Tensor, weights: Tensor, seed: int) -> None:
        self.device = tiles.device
        self.faces, self.weights = faces, weights.float()
        self.empty = torch.nonzero((faces[..., 14] == 0).all(1))[:, 0]
        self.random = torch.Generator(self.device).manual_seed(seed)
        self.refresh(tiles)

    def refresh(self, tiles: Tensor) -> None:
        """Other pixels in the same tiles. Kept at three sizes, so that small ones do not alias."""
        self.levels = [tiles.permute(0, 3, 1, 2)]
        for _ in range(2):
            last = self.levels[-1]
            parts = [
                functional.avg_pool2d(part.float(), 2, ceil_mode=True).byte()
                for part in last.split(2048)
            ]
            self.levels.append(torch.cat(parts))

    def batch(self, count: int, side: int) -> Canvases:
        """``count`` canvases of ``side`` px."""
        images, tables = [], []
        left = count
        for k, (grid, share) in enumerate(_GRIDS):
            some = left if k + 1 == len(_GRIDS) else min(round(count * share), left)
            left -= some
            if some:
                pixels, table = self._grid(some, side, grid)
                images.append(pixels)
                tables.append(table)
        most = max(table.shape[1] for table in tables)
        table = torch.cat([functional.pad(one, (0, 0, 0, most - one.shape[1])) for one in tables])
        # Faces first: what stands behind them all is cut off.
        order = (table[..., 14] > 0).float().argsort(dim=1, descending=True, stable=True)
        used = min(int((table[..., 14] > 0).sum(1).max()), _MOST)
        table = table.gather(1, order[:, : max(used, 1), None].expand(-1, -1, 16))
        pixels = self._spoilt(torch.cat(images))
        boxes, points = table[..., :4], table[..., 4:14].unflatten(-1, (5, 2))
        return Canvases(pixels, boxes, points, table[..., 14], table[..., 15])

    def _uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.rand(shape, generator=self.random, device=self.device) * (high - low) + low

    def _grid(self, count: int, side: int, grid: int) -> tuple[Tensor, Tensor]:
        cell = -(-side // grid)
        total = count * grid * grid
        tile = torch.multinomial(self.weights, total, True, generator=self.random)
        faces = self.faces[tile]
        # The face that this cell is about; of an empty tile its middle.
        is_face = (faces[..., 14] == 1).float()
        some = is_face.sum(1) > 0
        which = torch.multinomial(is_face + (~some).float()[:, None], 1, generator=self.random)[
            :, 0
        ]
        about = faces[torch.arange(total, device=self.device), which]
        middle = torch.full((total, 2), SIDE / 2, device=self.device)
        centre = torch.where(some[:, None], (about[:, :2] + about[:, 2:4]) / 2, middle)
        high = torch.where(some, about[:, 3] - about[:, 1], torch.full_like(centre[:, 0], 90.0))
        astray = self._uniform(total) < 0.12
        centre = torch.where(astray[:, None], self._uniform(total, 2) * SIDE, centre)
        low, most = (_ALONE[0] * cell, _ALONE[1] * cell) if grid == 1 else (_LEAST_PX, 0.85 * cell)
        wanted = torch.exp(
            self._uniform(total) * torch.log(torch.tensor(most / low))
            + torch.log(torch.tensor(low))
        )
        scale = wanted / high.clamp(min=4)
        # A small face may stand anywhere, a large one near the middle.
        room = (1 - 0.5 * wanted / cell).clamp(0.25, 1)
        to = cell / 2 + (self._uniform(total, 2) - 0.5) * cell * room[:, None]
        turn = torch.randn(total, generator=self.random, device=self.device) * 0.2
        turn = turn.clamp(-_MOST_TURN, _MOST_TURN)
        flip = torch.where(self._uniform(total) < 0.5, -1.0, 1.0)
        squeeze = self._uniform(total, low=0.88, high=1.14)
        cos, sin = turn.cos(), turn.sin()
        # Tile -> cell: place = matrix @ (tile - centre) + to.
        across = scale * squeeze.sqrt() * flip
        down = scale / squeeze.sqrt()
        matrix = torch.stack(
            [
                torch.stack([cos * across, -sin * down], 1),
                torch.stack([sin * across, cos * down], 1),
            ],
            1,
        )
        pixels, covered = self._drawn(tile, matrix, centre, to, scale, cell)
        table = _moved(faces, matrix, centre, to, flip)
        table = _judged(table, cell)
        rows = torch.arange(grid, device=self.device)
        place = torch.stack(torch.meshgrid(rows, rows, indexing="xy"), -1).reshape(-1, 2) * cell
        shift = place.repeat(count, 1).float().repeat(1, 7)[:, None]
        table[..., :14] += shift * (table[..., 14:15] > 0)
        table = table.reshape(count, grid * grid * FACES, 16)
        pixels = _tiled(pixels, count, grid)
        behind = self._behind(count, pixels.shape[-1])
        there = _tiled(covered, count, grid)
        return torch.where(there, pixels, behind)[..., :side, :side], table

    def _behind(self, count: int, side: int) -> Tensor:
        """(N, 3, side, side) float: surroundings without a face, or one dark or light grey."""
        tile = self.empty[
            torch.randint(len(self.empty), (count,), generator=self.random, device=self.device)
        ]
        factor = self._uniform(count, low=_ENLARGED[0], high=_ENLARGED[1]) * side / SIDE
        matrix = torch.diag_embed(factor[:, None].expand(-1, 2))
        room = side / 2 * (factor * SIDE / side - 1).clamp(min=0)
        to = side / 2 + (self._uniform(count, 2) * 2 - 1) * room[:, None]
        centre = torch.full((count, 2), SIDE / 2, device=self.device)
        drawn, _ = self._drawn(tile, matrix, centre, to, factor, side)
        plain = (self._uniform(count, 1, 1, 1) * 2 - 1).clamp(min=0) * 255
        return torch.where(self._uniform(count, 1, 1, 1) < _BEHIND, drawn, plain)

    def _drawn(  # noqa: PLR0917
        self, tile: Tensor, matrix: Tensor, centre: Tensor, to: Tensor, scale: Tensor, cell: int
    ) -> tuple[Tensor, Tensor]:
        """(N, 3, cell, cell) float, and where the tile is, (N, 1, cell, cell)."""
        axis = torch.arange(cell, device=self.device) + 0.0
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).reshape(-1, 2)
        back = torch.linalg.inv(matrix)
        level = (scale < 0.55).long() + (scale < 0.28).long()
        out = torch.zeros((len(tile), 3, cell, cell), device=self.device)
        covered = torch.zeros((len(tile), 1, cell, cell), dtype=torch.bool, device=self.device)
        for k, source in enumerate(self.levels):
            for mine in torch.nonzero(level == k)[:, 0].split(512):
                if not len(mine):
                    continue
                there = (grid[None] - to[mine, None]) @ back[mine].transpose(1, 2) + centre[
                    mine, None
                ]
                there = (there + 0.5) / SIDE * 2 - 1
                there = there.reshape(-1, cell, cell, 2)
                covered[mine] = (there.abs() <= 1).all(-1)[:, None]
                out[mine] = functional.grid_sample(
                    source[tile[mine]].float(), there, padding_mode="border", align_corners=False
                )
        return out, covered

    def _spoilt(self, images: Tensor) -> Tensor:
        """Other light, colour, softness and noise."""
        count = len(images)
        one = (count, 1, 1, 1)
        grey = images.mean(1, keepdim=True)
        images = torch.where(self._uniform(*one) < 0.12, grey.expand_as(images), images)
        power = torch.exp(self._uniform(*one, low=-0.5, high=0.5))
        images = (images / 255).clamp(1e-4, 1).pow(power) * 255
        gain = torch.exp(
            self._uniform(count, 3, 1, 1, low=-0.15, high=0.15)
            + self._uniform(*one, low=-0.35, high=0.25)
        )
        images = images * gain + self._uniform(*one, low=-25, high=25)
        side = images.shape[-1]
        for share in (0.5, 0.7):
            soft = self._uniform(*one) < 0.13
            small = functional.interpolate(
                images, size=int(side * share), mode="bilinear", antialias=True
            )
            back = functional.interpolate(small, size=side, mode="bilinear")
            images = torch.where(soft, back, images)
        strength = (self._uniform(*one) - 0.5).clamp(min=0) * 24
        noise = torch.randn(images.shape, generator=self.random, device=self.device)
        return (images + noise * strength).clamp(0, 255).round()


def _tiled(cells: Tensor, count: int, grid: int) -> Tensor:
    """(count * grid * grid, C, S, S) -> (count, C, grid * S, grid * S)."""
    kinds, side = cells.shape[1], cells.shape[-1]
    laid = cells.reshape(count, grid, grid, kinds, side, side).permute(0, 3, 1, 4, 2, 5)
    return laid.reshape(count, kinds, grid * side, grid * side)


def _moved(faces: Tensor, matrix: Tensor, centre: Tensor, to: Tensor, flip: Tensor) -> Tensor:
    """(N, FACES, 16) in px of the cell. A turned box is the box of the turned ellipse in it."""
    table = faces.clone()
    middle = (faces[..., :2] + faces[..., 2:4]) / 2
    half = (faces[..., 2:4] - faces[..., :2]) / 2
    middle = (middle - centre[:, None]) @ matrix.transpose(1, 2) + to[:, None]
    half = torch.sqrt((half**2) @ (matrix**2).transpose(1, 2))
    table[..., :2], table[..., 2:4] = middle - half, middle + half
    points = faces[..., 4:14].unflatten(-1, (5, 2))
    points = (points - centre[:, None, None]) @ matrix.transpose(1, 2)[:, None] + to[:, None, None]
    mirrored = points[:, :, [1, 0, 2, 4, 3]]
    points = torch.where((flip < 0)[:, None, None, None], mirrored, points)
    table[..., 4:14] = points.flatten(-2)
    return table


def _judged(table: Tensor, cell: int) -> Tensor:
    """Kinds by what of each face shows in its cell."""
    low, high = table[..., :2], table[..., 2:4]
    size = (high - low).clamp(min=1e-3)
    inner = (high.clamp(0, cell) - low.clamp(0, cell)).clamp(min=0)
    shows = (inner / size).prod(-1)
    points = table[..., 4:14].unflatten(-1, (5, 2))[..., :3, :]
    inside = ((points >= 0) & (points < cell)).all(-1).all(-1)
    kind = table[..., 14]
    face = (
        (kind == 1)
        & ((shows >= _SHOWS) | ((shows >= _CLOSE_SHOWS) & inside))
        & (size[..., 1] >= _LEAST_PX)
    )
    neither = (kind > 0) & ~face & (shows > 0.1)
    # What is neither is only where it shows.
    table = table.clone()
    table[..., 14] = face.float() + 2 * neither.float()
    return table
