"""Virtual masks: which there are, how they look, and how they fit a face."""
