"""Examples of DAGs of one's own; no bundle of Windlass has them."""
