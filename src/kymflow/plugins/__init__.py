"""Plugins: the hook that they implement, and how they are found."""
