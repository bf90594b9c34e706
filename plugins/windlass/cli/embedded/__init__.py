"""An Airflow of one's own: its components, its Postgres and its secrets, started and stopped as one."""
