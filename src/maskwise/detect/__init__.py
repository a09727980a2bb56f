"""Find faces: the protocol, and one file a detector."""
