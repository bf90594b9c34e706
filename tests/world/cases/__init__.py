"""Runs that are killed wherever they may be, one module for each family of DAGs; a new DAG is one more row of CASES."""

from world.cases import backups, clusters, recoveries, repairs, upgrades

CASES = clusters.CASES | backups.CASES | repairs.CASES | recoveries.CASES | upgrades.CASES

__all__ = ["CASES"]
