"""Turn aligned chips into templates: the protocol, and one file an encoder."""
