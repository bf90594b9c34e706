"""What `make production-up` does around docker-compose.yaml: settings, images, start."""
