"""Bring models into a store: over the network, or by hand. Nothing else fetches anything."""
