"""The objects that Windlass applies to a cluster: their inventory, how they differ, what is pruned."""
