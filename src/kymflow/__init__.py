"""kymflow: dataset-level tables from line-scan kymographs, through pluggable indexers.

Everything public is importable from here, and loaded when it is first used. ``__init__.pyi`` lists it.
"""

from kymflow_zarr.lazy import attach_stub

__getattr__, __dir__ = attach_stub(__name__, __file__)

__version__ = "1.0.0"
