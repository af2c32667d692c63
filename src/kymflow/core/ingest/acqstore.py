"""The reader of folders that AcqStore has saved: a line scan, its sidecar and a CSV per analysis."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kymflow.core.ingest.acqstore_sidecars import AcqStoreSidecars, find_acqstore_tables
from kymflow.core.ingest.channels import acqstore_sidecar
from kymflow.core.ingest.desktop import as_source_image
from kymflow.core.ingest.line_scan import find_header, is_tiff, read_line_scan
from kymflow.core.ingest.sidecar_files import read_csv, read_object
from kymflow_zarr import SourceImage


class AcqStoreReader:
    """TIFF line scans that AcqStore has saved: ``<file>.tif.json`` and ``<file>.tif.<analysis>.csv``.

    The artifacts are those of :class:`~kymflow.core.ingest.desktop.DesktopReader`. Every analysis but
    velocities and their events is kept under its own name: its CSV as a table, what the sidecar says
    of it as JSON. Channels count from 0.
    """

    name = "acqstore"
    priority = 20

    def matches(self, path: Path) -> bool:
        """Take every TIFF with a sidecar of AcqStore's."""
        return is_tiff(path) and acqstore_sidecar(path) is not None

    def files(self, primary: Path) -> Sequence[Path]:
        """Return the sidecar, the microscope's header and the CSV of each analysis, if there."""
        one_each = (acqstore_sidecar(primary), find_header(primary))
        return [*(path for path in one_each if path is not None), *find_acqstore_tables(primary).values()]

    def read(self, primary: Path) -> SourceImage:
        """Read a TIFF and its sidecars.

        Raises
        ------
        SourceError
            One of them cannot be read as what it should be.
        OSError
            One of them cannot be opened.
        """
        path = acqstore_sidecar(primary)
        tables = {name: read_csv(table) for name, table in find_acqstore_tables(primary).items()}
        sidecars = AcqStoreSidecars(read_object(path), path or primary, tables)
        scan = read_line_scan([primary], sidecars.n_channels)
        acquisition = sidecars.acquisition()
        return as_source_image(scan, acquisition, sidecars.other_analyses(), sidecars.other_tables())
