"""The store of enrolled people."""
