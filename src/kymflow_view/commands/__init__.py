"""The commands that kymflow gets: one module for each."""
