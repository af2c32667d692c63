"""Plugins: the hooks they implement, how they are found and loaded, and the registry of their indexers."""
