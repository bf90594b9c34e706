"""The environment of an embedded Airflow, as a pure function of its settings.

Most defaults of Airflow are meant for a server with many DAGs. Here one person waits for one run, on a small
machine: the values below trade idle polling for a short pause between tasks, and leave out what nobody uses.
docs/airflow.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from windlass.cli.embedded.layout import Home, Settings
from windlass.cli.embedded.secret_files import ADMIN, Secrets

_TUNING: Mapping[str, str] = {
    # A task's successor is found when the scheduler looks next.
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
    # A killed scheduler is noticed, and what it left running is taken over, within seconds.
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY": "0",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
    # A file that has changed is parsed at the next refresh all the same.
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
    "AIRFLOW__DAG_PROCESSOR__PRINT_STATS_INTERVAL": "0",
    "AIRFLOW__API__WORKERS": "1",
    "AIRFLOW__API__ENABLE_SWAGGER_UI": "False",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__DAG_IGNORE_FILE_SYNTAX": "glob",
    "AIRFLOW__CORE__LAZY_LOAD_PLUGINS": "True",
    "AIRFLOW__CORE__KILLED_TASK_CLEANUP_TIME": "10",
    "AIRFLOW__DATABASE__CHECK_MIGRATIONS": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_PRE_PING": "False",
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "AIRFLOW__LOGGING__UVICORN_LOGGING_LEVEL": "WARNING",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
    # Each task makes half a dozen requests, and whoever follows a run makes them all the time.
    "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "http.access=WARNING asyncssh=WARNING",
    # The components reach each other on the loopback address alone: no authorities of the web are needed for that.
    "AIRFLOW__API__CLIENT_USE_PUBLIC_CERTS": "False",
    # Without this setproctitle overwrites the environment that `ps e` shows, and with it the mark of the instance.
    "SPT_NOENV": "1",
}


def _database_url(driver: str, socket_directory: str) -> str:
    return f"postgresql+{driver}://airflow@/airflow?host={quote(socket_directory, safe='')}"


def build_environment(
    home: Home, settings: Settings, secrets: Secrets, *, port: int, socket_directory: str
) -> dict[str, str]:
    """Return every variable that the components of this instance need, secrets included."""
    own = {
        "AIRFLOW_HOME": str(home.root),
        "AIRFLOW__CORE__DAGS_FOLDER": str(settings.dags),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home.plugins),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(settings.parallelism),
        "AIRFLOW__CORE__FERNET_KEY": secrets.fernet_key,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home.passwords),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__SECRET_KEY": secrets.api_secret_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home.logs / "tasks"),
        "AIRFLOW__LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home.logs / "parsing"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _database_url("psycopg2", socket_directory),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": _database_url("asyncpg", socket_directory),
        "WINDLASS_AIRFLOW_HOME": str(home.root),
    }
    connections = {f"AIRFLOW_CONN_{name.upper()}": value for name, value in settings.connections.items()}
    return {**_TUNING, **own, **connections, **settings.variables}
