"""Triggers: what waits or watches in the triggerer."""
