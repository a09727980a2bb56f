"""Whole folders of photos with virtual masks, and the truth about every one of them.

| file | what |
|---|---|
| plan | which masks a photo gets; the same seed and name give the same masks |
| faces | where the faces are: detected, known beforehand, or the chip is one |
| work | one photo -> its files and its rows of the manifest |
| crew | photos to processes, and what became of them |
| journal | what is done: the memory of a run that can be broken off anywhere |
| manifest | one row a face, as CSV and JSON lines |
| note | the specs within a picture's own metadata |
"""

from __future__ import annotations

from maskwise.mask_dataset.note import read_specs
from maskwise.mask_dataset.plan import Look, Plan

__all__ = ["Look", "Plan", "read_specs"]
