"""The commands of `windlass` that need hosts, the store or keys: one function each, wherever they run.

In a shell beside Airflow they print; in a worker that runs them for a laptop what they print is sealed and sent back.
"""
