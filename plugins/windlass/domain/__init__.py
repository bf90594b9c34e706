"""Pure rules and values: no network, no files, no clock, no Airflow."""
