"""The weights: what ships, where it came from, and how it is opened."""
