"""The Kubernetes API as Windlass uses it: read, list, watch-free polling, server-side apply, delete."""
