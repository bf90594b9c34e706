"""Tells by its exit code whether one component of Airflow is healthy: `health.py api-server|SchedulerJob|…|worker`.

It asks what the component itself is for, and loads next to nothing: `airflow jobs check` takes seconds of processor
time, which a dozen containers would spend twice a minute. No answer is unhealthy, and why goes to the standard error.
"""

from __future__ import annotations

import json
import socket
import sys
import urllib.request
from pathlib import Path

SECRETS = Path("/run/secrets")
OLDEST_HEARTBEAT_SECONDS = 30
"""As Airflow's own checks have it; each component writes one every five seconds."""
TIMEOUT_SECONDS = 10


def api_server() -> bool:
    """Tell whether this API server answers, and reaches the database."""
    address = "http://127.0.0.1:8080/api/v2/monitor/health"
    with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:
        return bool(json.load(answer)["metadatabase"]["status"] == "healthy")


def job(kind: str) -> bool:
    """Tell whether the job of this very container has written a heartbeat of late, by the database's own clock."""
    import psycopg2

    url = (SECRETS / "database_url").read_text().strip().replace("postgresql+psycopg2:", "postgresql:")
    query = (
        "SELECT count(*) FROM job WHERE job_type = %s AND hostname = %s AND state = 'running'"
        " AND latest_heartbeat > now() - %s * interval '1 second'"
    )
    connection = psycopg2.connect(url, connect_timeout=TIMEOUT_SECONDS)
    try:
        with connection.cursor() as cursor:
            cursor.execute(query, (kind, socket.gethostname(), OLDEST_HEARTBEAT_SECONDS))
            return bool(cursor.fetchone()[0])
    finally:
        connection.close()


def worker() -> bool:
    """Tell whether the worker of this very container answers by way of the queue."""
    import celery

    app = celery.Celery(broker=(SECRETS / "broker_url").read_text().strip())
    return bool(app.control.ping([f"celery@{socket.gethostname()}"], timeout=TIMEOUT_SECONDS))


def main(name: str) -> int:
    """Return 0 where `name` is healthy, else 1."""
    checks = {"api-server": api_server, "worker": worker}
    try:
        healthy = checks[name]() if name in checks else job(name)
    except Exception as error:  # noqa: BLE001 (whatever went wrong, it is not known to be healthy)
        print(f"{name}: {type(error).__name__}", file=sys.stderr)
        return 1
    print(f"{name}: {'healthy' if healthy else 'no sign of life'}", file=sys.stderr)
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
