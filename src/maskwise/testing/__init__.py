"""What a backend's own tests need: contract classes, fakes, strategies."""
