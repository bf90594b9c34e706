"""Bring a namespace or an object back from a bundle: read it in the isolated place, compare, write what is missing."""
