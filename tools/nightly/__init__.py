"""Everything that can be tried on one machine, one after another."""
