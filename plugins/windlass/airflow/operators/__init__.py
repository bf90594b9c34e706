"""Operators: each does one step of one operation on one cluster, and can run twice."""
