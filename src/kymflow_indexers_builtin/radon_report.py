"""The radon-report indexer."""

from __future__ import annotations

from types import MappingProxyType

from kymflow import ArtifactIndexer, Column


class RadonReportIndexer(ArtifactIndexer):
    """Velocity statistics of every image, a row per ROI."""

    name = "radon_report"
    columns = (
        Column("mean_velocity", "float", "mm/s", "Mean of the valid velocities"),
        Column("median_velocity", "float", "mm/s", "Their median"),
        Column("n_valid", "int", description="How many there are"),
        Column("notes", "str", description="A person's notes"),
        Column("roi_id", "int", description="ROI of the line scan", required=False),
        Column("channel", "int", description="Channel of the line scan", required=False),
        Column("vel_min", "float", "mm/s", "Smallest valid velocity", required=False),
        Column("vel_max", "float", "mm/s", "Largest valid velocity", required=False),
        Column("vel_std", "float", "mm/s", "Standard deviation (ddof 0)", required=False),
        Column("vel_se", "float", "mm/s", "Standard error of the mean", required=False),
        Column("vel_cv", "float", description="Standard deviation / mean", required=False),
        Column("vel_n_nan", "int", description="Samples without velocity", required=False),
        Column("vel_n_zero", "int", description="Velocities of exactly 0", required=False),
        Column("vel_n_big", "int", description="Velocities above mean + 2 std", required=False),
        Column("vel_n_unphysical", "int", description="Velocities that no stripe can show", required=False),
        Column("velocity_unit", "str", description="mm/s; um/s of AcqStore's velocities", required=False),
        Column("img_min", "float", "grey value", "Darkest pixel of the ROI", required=False),
        Column("img_max", "float", "grey value", "Brightest pixel", required=False),
        Column("img_mean", "float", "grey value", "Mean of its pixels", required=False),
        Column("img_std", "float", "grey value", "Standard deviation of its pixels", required=False),
        Column("accepted", "bool", description="Whether a person accepted the image", required=False),
        Column("treatment", "str", description="From the experiment metadata", required=False),
        Column("condition", "str", description="From the experiment metadata", required=False),
        Column("date", "str", description="From the experiment metadata", required=False),
    )
    # Names in artifacts of earlier versions.
    aliases = MappingProxyType(
        {
            "vel_mean": "mean_velocity",
            "vel_median": "median_velocity",
            "vel_n_valid": "n_valid",
            "note": "notes",
        }
    )
