"""Backups: take a verified bundle, keep as many as wanted, prove that they restore, keep etcd itself in order."""
