"""Kymographs and traces reduced to the columns of a screen; no line and no sample is lost."""
