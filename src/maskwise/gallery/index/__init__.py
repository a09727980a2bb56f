"""Nearest-neighbour search beside the store; what an index holds can always be rebuilt."""

from maskwise.gallery.index.by_wear import WearIndex
from maskwise.gallery.index.exact import ExactIndex
from maskwise.gallery.index.protocol import Hits, NearestIndex

__all__ = ["ExactIndex", "Hits", "NearestIndex", "WearIndex"]
