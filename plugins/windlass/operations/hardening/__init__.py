"""How safe a running cluster is; nothing is changed."""
