"""The objects of a running cluster: detect their drift, apply them, prune what left the spec."""
