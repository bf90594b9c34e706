"""Records which keys the kubelet of each release of the catalog takes in its configuration."""
