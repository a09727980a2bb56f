"""The names of other libraries, answered by maskwise: change one import and keep your code."""
