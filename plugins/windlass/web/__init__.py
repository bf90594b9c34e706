"""The pages and the API that Windlass adds to Airflow."""
