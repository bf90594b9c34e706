"""What touches the world outside: SSH, stores, clients, host providers. Never imports Airflow."""
