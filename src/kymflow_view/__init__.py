"""Pictures, reports and a browser viewer of kymflow's datasets."""

__version__ = "1.0.0"
