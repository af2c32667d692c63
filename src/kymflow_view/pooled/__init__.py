"""Columns of a table by groups: what a plot of them shows, in numbers."""
