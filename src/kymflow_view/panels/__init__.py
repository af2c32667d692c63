"""Panels: what plugins show of an image, as data."""
