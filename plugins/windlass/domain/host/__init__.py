"""A host as it should be, as it was observed, and how the two differ: values and comparisons, pure."""
