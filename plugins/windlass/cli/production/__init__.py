"""The files that docker-compose.yaml takes its settings and secrets from."""
