"""Bringing clusters to the specs that files have."""
