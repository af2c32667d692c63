"""Orchestration: from a dataset's artifacts to its tables."""
