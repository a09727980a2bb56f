"""maskwise: face recognition that keeps working when people put on a mask."""

__version__ = "0.1.0"
