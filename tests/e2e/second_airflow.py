"""Another Airflow for the same lab: what is left to people whose own machine was lost too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from e2e.ground import Ground
from windlass.cli.embedded import instance
from windlass.cli.embedded.client import AirflowClient
from windlass.cli.embedded.layout import Home, Settings
from windlass.cli.embedded.secret_files import login
from windlass_lab import demo_plan


@contextmanager
def another_airflow(ground: Ground, *dags: str) -> Iterator[Ground]:
    """Give the ground under a new Airflow, with a database of its own and nothing but the same connections."""
    home = Home.of(f"{ground.home.root.name}-new")
    try:
        running = instance.up(home, Settings(connections=demo_plan.connections(ground.lab, ground.master_key)))
        with AirflowClient(running.url, *login(home)) as client:
            for dag in (*dags, "watch_health"):
                client.wait_for_dag(dag, within=timedelta(minutes=2))
            client.pause("watch_health")
            yield replace(ground, home=home, client=client)
    finally:
        instance.down(home, purge=True)
