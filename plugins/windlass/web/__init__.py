"""Pages and API in Airflow's own UI: what clusters there are, how they stand, and what was done to them and why."""
