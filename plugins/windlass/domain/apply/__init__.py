"""Bringing a cluster to its spec as rules: what may not change, and how a new cluster is proven; pure."""
