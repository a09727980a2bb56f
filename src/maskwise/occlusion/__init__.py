"""See whether a face wears a mask."""
