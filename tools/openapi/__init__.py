"""Writes the description of the API."""
