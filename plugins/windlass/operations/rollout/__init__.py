"""A change rolls over a cluster that serves: a new version, other flags, other certificates, all the same way."""
