"""Requests to an object store: clients, patience, failures in words, conditional puts, pixels."""
