"""How well it works: error rates, their intervals, and thresholds that mean something."""
