"""Hooks: what tasks reach the outside with, made from Airflow connections."""
