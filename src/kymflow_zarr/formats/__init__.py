"""Bytes to values and back: tables, documents, pixels and Zarr groups."""
