"""Nearest-neighbour search beside the store; what an index holds can always be rebuilt."""

from maskwise.gallery.index.by_wear import WearIndex
from maskwise.gallery.index.coarse import CoarseIndex
from maskwise.gallery.index.exact import ExactIndex
from maskwise.gallery.index.protocol import Hits, NearestIndex
from maskwise.gallery.index.tiered import TieredIndex

__all__ = ["CoarseIndex", "ExactIndex", "Hits", "NearestIndex", "TieredIndex", "WearIndex"]
