"""How fast it is, on this machine: stage by stage, end to end, and beside other libraries."""
