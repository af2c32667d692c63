"""Reads line scans and their sidecars as programs and microscopes leave them in folders."""
