"""Find the points of a face: the protocol, and one file a predictor."""
