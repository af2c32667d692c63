"""For authors of indexers and their tests: a simulated lab, and a proof that an indexer is right.

Everything public is importable from here, and loaded when it is first used. ``__init__.pyi`` lists it.
"""

from kymflow_zarr.lazy import attach_stub

__getattr__, __dir__ = attach_stub(__name__, __file__)
