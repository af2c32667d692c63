"""The reader: one CZI file is one line scan, calibrated by its header."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt
from czifile import CziFile
from kymflow import SourceError, SourceImage

from kymflow_reader_czi.header import Calibration, read_calibration

Pixels = npt.NDArray[Any]


class CziLineScanReader:
    """Line scans of Zeiss microscopes (.czi), time x space, with a channel axis if there are several.

    A record gets the pixels, their calibration, and the artifact ``metadata`` (JSON) with a
    ``header`` as the kymflow desktop program writes it.
    """

    name = "czi line scan"

    def matches(self, path: Path) -> bool:
        """Take every CZI file."""
        return path.suffix.lower() == ".czi"

    def files(self, primary: Path) -> Sequence[Path]:
        """Return nothing: a CZI file holds all that it needs."""
        return []

    def read(self, primary: Path) -> SourceImage:
        """Read a CZI file.

        Raises
        ------
        SourceError
            It is no line scan, or its header is damaged.
        OSError, ValueError
            It cannot be opened, or is no CZI file.
        """
        pixels, dims, xml = _load(primary)
        lines = _line_scan(primary, pixels, dims)
        try:
            sizes = read_calibration(xml)
        except ValueError as error:
            raise SourceError(f"{primary}: {error}", path=str(primary)) from error
        channels = lines.ndim - 2
        return SourceImage(
            lines,
            axes=("c", "y", "x")[-lines.ndim :],
            scale=[*[1.0] * channels, sizes.s_per_line or 1.0, sizes.um_per_pixel or 1.0],
            units=[
                *[None] * channels,
                "second" if sizes.s_per_line else None,
                "micrometer" if sizes.um_per_pixel else None,
            ],
            json={"metadata": {"header": _image_header(lines.shape, sizes)}},
            remarks=_remarks(sizes),
        )


def _load(path: Path) -> tuple[Pixels, Sequence[str], str]:
    """Return pixels, the letter of each dimension, and the header."""
    with CziFile(path) as opened:
        czi: Any = opened
        xml = czi.metadata() or ""
        # czifile before 2026, for Python 3.11, has no scenes: they are a dimension like any other.
        if not hasattr(czi, "scenes"):
            return czi.asarray(), czi.axes, xml
        if len(czi.scenes) != 1:
            raise SourceError(
                f"{path}: expected one scene, got {len(czi.scenes)}; save each as a file of its own",
                path=str(path),
            )
        (image,) = czi.scenes.values()
        return image.asarray(), image.dims, xml


def _line_scan(path: Path, pixels: Pixels, dims: Sequence[str]) -> Pixels:
    """Return the pixels as time x space, or channel x time x space."""
    sizes = dict(zip(dims, pixels.shape, strict=True))
    several = [dim for dim in dims if sizes[dim] > 1]
    if not {"T", "X"} <= set(several) <= {"C", "T", "X"}:
        words = ", ".join(f"{dim}: {sizes[dim]}" for dim in several) or "a single pixel"
        raise SourceError(
            f"{path}: a line scan is one line of pixels (X) at many times (T), in one channel or more (C); "
            f"this file has {words}. Keep other images out of the folder.",
            path=str(path),
        )
    kept = pixels[tuple(slice(None) if dim in several else 0 for dim in dims)]
    wanted = [dim for dim in "CTX" if dim in several]
    return kept.transpose([several.index(dim) for dim in wanted])


def _image_header(shape: tuple[int, ...], sizes: Calibration) -> dict[str, Any]:
    """Return what kymflow's own readers tell of a line scan: of one channel, and how many there are."""
    header: dict[str, Any] = {"shape": list(shape[-2:]), "ndim": 2}
    if len(shape) == 3:
        header["num_channels"] = shape[0]
    if sizes.s_per_line is not None and sizes.um_per_pixel is not None:
        header |= {
            "voxels": [sizes.s_per_line, sizes.um_per_pixel],
            "voxels_units": ["s", "um"],
            "labels": ["time (s)", "space (um)"],
            "physical_size": [sizes.s_per_line * shape[-2], sizes.um_per_pixel * shape[-1]],
        }
    return header


def _remarks(sizes: Calibration) -> list[str]:
    unknown = {"time of a line": sizes.s_per_line, "size of a pixel": sizes.um_per_pixel}
    return [f"the header does not tell the {what}" for what, size in unknown.items() if size is None]
