"""The velocity-events indexer."""

from __future__ import annotations

from kymflow import ArtifactIndexer, Column


class VelocityEventsIndexer(ArtifactIndexer):
    """Velocity events of every image, a row each."""

    name = "velocity_events"
    columns = (
        Column("roi_id", "int", description="ROI of the line scan"),
        Column("event_id", "str", description="Unique within the image, the same at every ingest"),
        Column("t0_s", "float", "s", "Start"),
        Column("t1_s", "float", "s", "End; missing where only the start was found"),
        Column("kind", "str", description="Event type, such as baseline_rise or baseline_drop"),
        Column("score", "float", "mm/s", "Change of velocity at the peak"),
        Column("channel", "int", description="Channel of the line scan", required=False),
        Column("i_start", "int", description="First sample of the velocity trace", required=False),
        Column("i_peak", "int", description="Sample of the peak", required=False),
        Column("i_end", "int", description="Last sample", required=False),
        Column("t_peak", "float", "s", "Time of the peak", required=False),
        Column("baseline_before", "float", "mm/s", "Velocity before", required=False),
        Column("baseline_after", "float", "mm/s", "Velocity after", required=False),
        Column("velocity_unit", "str", description="mm/s; um/s of AcqStore's velocities", required=False),
        Column("strength", "float", description="Score in units of the noise", required=False),
        Column("nan_fraction_in_event", "float", description="Samples without velocity", required=False),
        Column("n_valid_in_event", "int", description="Samples with a velocity", required=False),
        Column("duration_sec", "float", "s", "Duration", required=False),
        Column("machine_type", "str", description="What the detector took it for", required=False),
        Column("user_type", "str", description="What a person took it for", required=False),
        Column("note", "str", description="A person's note", required=False),
    )
