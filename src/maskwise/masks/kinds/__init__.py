"""One file a type of mask: a function ``draw(sheet, spec)`` that paints it on the sheet."""
