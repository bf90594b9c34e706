"""Make a cluster what its spec says, step by step over its hosts."""
