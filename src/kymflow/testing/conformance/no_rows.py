"""Why no sample record gave rows: because of the indexer, or of what the records have."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from kymflow.testing.conformance.findings import NotRun
from kymflow.testing.conformance.outcome import Outcome, artifact_name
from kymflow.testing.conformance.samples import HOW_TO_GIVE_A_SAMPLE

if TYPE_CHECKING:
    from kymflow.testing.conformance.samples import Sample


def why_no_rows(sample: Sample, outcomes: Collection[Outcome]) -> NotRun:
    """Say why checks of rows cannot be made, and whose matter that is."""
    if any(outcome.is_breach for outcome in outcomes):
        # Other records would not help.
        return NotRun.after("returns_a_dataframe")
    why = f"no record of {sample.words} gave rows"
    absent, found = _asked_for(sample, outcomes)
    if found:
        why += f", though some have {', '.join(found)}, which it asked for"
    if absent:
        why += f"; it asked for {', '.join(absent)}, which they do not have"
    errors = [outcome for outcome in outcomes if outcome.error is not None]
    if errors:
        why += f"; {errors[0].words}"
    return NotRun(why, HOW_TO_GIVE_A_SAMPLE)


def _asked_for(sample: Sample, outcomes: Collection[Outcome]) -> tuple[list[str], list[str]]:
    """Return the artifacts that it asked for: those that no record has, and those that some have."""
    asked = {
        artifact_name(read.key)
        for outcome in outcomes
        for read in outcome.dependencies
        if read.kind == "content" and "/analysis/" in read.key
    }
    there = {
        artifact_name(key)
        for image_id in sample.image_ids
        for key in sample.ds.record(image_id).list_analysis_keys()
    }
    # Compressed or not, it is the same artifact.
    forms = {name.removesuffix(".gz") for name in there}
    return sorted(name for name in asked if name.removesuffix(".gz") not in forms), sorted(asked & there)
