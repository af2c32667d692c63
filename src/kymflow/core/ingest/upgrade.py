"""The upgrade of a dataset of an earlier version: its images get NGFF attributes and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kymflow.core.ingest.line_scan import header_calibration, scale_and_units
from kymflow.core.runs.options import RunOptions
from kymflow.core.runs.reports import UpgradeReport
from kymflow_zarr import Calibration, MetadataNotFoundError, ZarrDataset
from kymflow_zarr.errors import CancelledError, KymflowError, RecordNotFoundError, StoreUnavailableError
from kymflow_zarr.record.upgrade import RecordUpgrade, apply_upgrade, plan_upgrade

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord

# So many images go on together where the store is far away; between them, it can be stopped.
_AT_ONCE = 64


def upgrade_dataset(ds: ZarrDataset, options: RunOptions) -> UpgradeReport:
    """Add to each record the NGFF attributes and the calibration that it lacks.

    Each record is whole at every moment, and one that lacks nothing is not written: what was
    interrupted goes on when it is run again. An image that cannot be read does not stop the others.

    Parameters
    ----------
    ds : ZarrDataset
        The dataset.
    options : RunOptions
        Progress and cancellation.

    Raises
    ------
    ReadOnlyError
        The dataset was opened with mode ``r``.
    StoreError
        The medium refuses to be written.
    CancelledError
        The run was cancelled; what was upgraded until then stays.
    """
    ds.check_writable()
    image_ids = ds.list_image_ids()
    report = UpgradeReport(len(image_ids))
    for begin in range(0, len(image_ids), _AT_ONCE):
        if options.is_cancelled:
            raise CancelledError(
                f"upgrade of {ds.path} was cancelled after {begin} of {len(image_ids)} images; "
                "run it again to go on",
                dataset=ds.path,
            )
        options.tell(begin, len(image_ids))
        some = image_ids[begin : begin + _AT_ONCE]
        outcomes = ds.store.each(lambda image_id: _upgrade(ds, image_id), some)
        for image_id, outcome in zip(some, outcomes, strict=True):
            _note(report, image_id, outcome)
    options.tell(len(image_ids), len(image_ids))
    return report


def _upgrade(ds: ZarrDataset, image_id: str) -> RecordUpgrade | KymflowError:
    record = ds.record(image_id)
    try:
        upgrade = plan_upgrade(ds.store, ds.zarr_format, image_id, lambda names: _calibration(record, names))
    except StoreUnavailableError:
        raise
    except KymflowError as error:
        return error
    # A medium that refuses to be written is no fault of this image.
    apply_upgrade(ds.store, ds.zarr_format, image_id, upgrade)
    return upgrade


def _calibration(record: ZarrImageRecord, names: Sequence[str]) -> Calibration:
    try:
        payload = record.load_metadata_payload()
    except MetadataNotFoundError:
        return Calibration.unknown(len(names))
    header = payload.get("header")
    if not isinstance(header, dict) or tuple(names[-2:]) != ("y", "x"):
        return Calibration.unknown(len(names))
    scale, units = scale_and_units(header_calibration(header), 2)
    before = len(names) - 2
    return Calibration((*(1.0,) * before, *scale), (*(None,) * before, *units))


def _note(report: UpgradeReport, image_id: str, outcome: RecordUpgrade | KymflowError) -> None:
    if isinstance(outcome, RecordNotFoundError):
        # Deleted meanwhile.
        report.images -= 1
        return
    if isinstance(outcome, KymflowError):
        report.failed[image_id] = str(outcome)
        return
    if outcome.changes:
        report.upgraded.append(image_id)
    else:
        report.unchanged += 1
    if outcome.without_ngff:
        report.without_ngff[image_id] = outcome.without_ngff
    elif not outcome.is_calibrated:
        report.uncalibrated.append(image_id)
