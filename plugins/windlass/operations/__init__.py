"""What changes a cluster: each operation plans with the domain and acts through the effects."""
