"""Kubernetes clusters, run by Apache Airflow."""
