"""The local mirror of binaries and images: recipes, sources, cache, lock, server."""
