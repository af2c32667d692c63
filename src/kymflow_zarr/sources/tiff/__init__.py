"""TIFFs: the chain of pages, pixels piece by piece, sizes of a pixel."""

from kymflow_zarr.sources.tiff.read import TIFF_SUFFIXES, TiffImage, read_tiff

__all__ = ["TIFF_SUFFIXES", "TiffImage", "read_tiff"]
