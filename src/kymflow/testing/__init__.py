"""For tests and demos: simulated kymographs, in the form in which the desktop program leaves them."""

from kymflow.testing.lab import LabImage, simulate_folder

__all__ = ["LabImage", "simulate_folder"]
