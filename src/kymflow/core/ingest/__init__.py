"""Reads the folders of the kymflow desktop program: TIFF line scans with their sidecars."""
