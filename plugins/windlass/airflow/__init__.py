"""Hooks, operators, sensors and triggers: thin wrappers that let Airflow run the operations."""
