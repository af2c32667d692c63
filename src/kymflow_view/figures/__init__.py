"""Figures of matplotlib: of one image, and of the columns of a table."""
