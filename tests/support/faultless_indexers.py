"""Faultless indexers of many styles, whom the conformance kit must accuse of nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from kymflow import ArtifactIndexer, Column, ZarrImageRecord
from support.planted_faults import HoldsItsRecord


class PropertyNames:
    @property
    def name(self) -> str:
        return "property-names"

    @property
    def table_name(self) -> str:
        return "Property Names"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            events = rec.load_df_parquet("velocity_events")
        except FileNotFoundError:
            return pd.DataFrame()
        return events[events["score"] > 0].sort_values("t0_s", ascending=False)


@dataclass(frozen=True)
class FrozenThreshold:
    """A setting as a field: one instance per threshold."""

    threshold_mm_s: float = 0.8
    name: str = "fast_samples"
    table_name: str = "fast_samples"
    schema_version: str = "2"

    def required_columns(self) -> list[str]:
        return ["n_fast", "share"]

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            trace = rec.load_df_parquet("radon")
        except FileNotFoundError:
            return pd.DataFrame({"n_fast": pd.Series(dtype="int64"), "share": pd.Series(dtype="float64")})
        if trace.empty:
            return pd.DataFrame()
        fast = trace["velocity"] > self.threshold_mm_s
        return pd.DataFrame({"image_id": rec.image_id, "n_fast": [fast.sum()], "share": [fast.mean()]})


class GeneratedRows:
    """A row per event, from a generator that may give none."""

    name = "generated"
    table_name = "generated"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        return pd.DataFrame(self.rows(rec))

    def rows(self, rec: ZarrImageRecord) -> Iterator[dict[str, Any]]:
        try:
            events = rec.load_df_parquet("velocity_events")
        except FileNotFoundError:
            return
        for event in events.itertuples():
            yield {"kind": event.kind, "at_s": event.t0_s, "end_s": None}


class CategoriesAndTimes:
    name = "categories"
    table_name = "categories"
    columns = (
        Column("when", "datetime", description="Start of the event, counted from 2020"),
        Column("reviewed", "bool", required=False),
    )

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            events = rec.load_df_parquet("velocity_events")
        except FileNotFoundError:
            return pd.DataFrame()
        when = pd.Timestamp("2020-01-01") + pd.to_timedelta(events["t0_s"].astype("float64"), unit="s")
        rows = pd.DataFrame({"kind": pd.Categorical(events["kind"]), "when": when.astype("datetime64[us]")})
        return rows.assign(zoned=rows["when"].dt.tz_localize("UTC"))


class ListsInCells:
    name = "velocity_extremes"
    table_name = "velocity_extremes"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            trace = rec.load_df_parquet("radon")
        except FileNotFoundError:
            return pd.DataFrame()
        extremes = trace.dropna().groupby("roi_id")["velocity"].agg(["min", "max"])
        return pd.DataFrame({"roi_id": list(extremes.index), "extremes_mm_s": extremes.to_numpy().tolist()})


class NestedInCells:
    name = "nested"
    table_name = "nested"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            report = rec.load_df_parquet("radon_report")
        except FileNotFoundError:
            return pd.DataFrame()
        speeds = report["mean_velocity"].tolist()
        # A NaN is not itself; lists of lists become arrays of arrays in a table.
        cells = [{"b": [speed, float("nan")], "c": np.array([[1, 2], [3, 4]]).tolist()} for speed in speeds]
        return pd.DataFrame({"roi_id": report["roi_id"], "found": cells})


class IndexIsAColumnToo:
    name = "indexed"
    table_name = "indexed"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            report = rec.load_df_parquet("radon_report")
        except FileNotFoundError:
            return pd.DataFrame()
        return report.set_index(["roi_id", "channel"], drop=False)


class Pixels:
    """Reads pixels and axes, and no artifact."""

    name = "pixels"
    table_name = "pixels"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        bounds = rec.get_image_bounds()
        return pd.DataFrame({**{k: [v] for k, v in bounds.items()}, "mean_grey": [rec.load_array().mean()]})


class Attributes:
    """Reads nothing but the record's own attributes."""

    name = "attributes"
    table_name = "attributes"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        return pd.DataFrame({"created_utc": [rec.get_attrs()["created_utc"]]})


class Inventory:
    name = "inventory"
    table_name = "inventory"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        names = [key.split("/", 3)[-1] for key in rec.list_analysis_keys()]
        return pd.DataFrame({"artifact": names}, dtype="str")


class CountsEvents:
    """A row per analysed image, also where no event was found."""

    name = "event_counts"
    table_name = "event_counts"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            events = rec.load_df_parquet("velocity_events")
        except FileNotFoundError:
            return pd.DataFrame()
        return pd.DataFrame({"n_events": [len(events)], "last_s": [events["t0_s"].max()]})


class Membership:
    """Which images have events: a table of nothing but image_id."""

    name = "has_events"
    table_name = "has_events"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            rec.load_df_parquet("velocity_events")
        except FileNotFoundError:
            return pd.DataFrame()
        return pd.DataFrame({"image_id": [rec.image_id]})


class ThreadsInside:
    """Reads its artifacts in threads that end with the call."""

    name = "threads_inside"
    table_name = "threads_inside"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        with ThreadPoolExecutor(2) as pool:
            try:
                trace, report = pool.map(rec.load_df_parquet, ("radon", "radon_report"))
            except FileNotFoundError:
                return pd.DataFrame()
            means = pool.map(lambda group: (group[0], group[1]["velocity"].mean()), trace.groupby("roi_id"))
            found = pd.DataFrame(means, columns=["roi_id", "mean_mm_s"])
        return found.merge(report[["roi_id"]], on="roi_id")


_POOL = ThreadPoolExecutor(2)


class ThreadsOfItsModule:
    """Reads in threads of a pool that is kept, as long as the module is loaded."""

    name = "pool"
    table_name = "pool"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            return _POOL.submit(rec.load_df_parquet, "radon_report").result()[["roi_id", "mean_velocity"]]
        except FileNotFoundError:
            return pd.DataFrame()


class Payload:
    name = "payload"
    table_name = "payload"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            payload = rec.load_metadata_payload()
        except FileNotFoundError:
            return pd.DataFrame()
        lines, pixels = payload["header"]["shape"]
        return pd.DataFrame([{"n_lines": lines, "n_pixels": pixels, "accepted": payload["accepted"]}])


_ONE_AT_A_TIME = threading.Lock()


class Locked(HoldsItsRecord):
    """Keeps threads apart by itself."""

    name = "locked"
    table_name = "locked"

    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        with _ONE_AT_A_TIME:
            return super().extract_rows(rec)


class Stalls(ArtifactIndexer):
    """An artifact that the simulated lab does not have: it is generated from the columns."""

    name = "stalls"
    columns = (
        Column("roi_id", "int", description="ROI of the line scan"),
        Column("duration_s", "float", "s", "How long the flow stood still"),
        Column("seen", "datetime", description="When somebody looked at it"),
        Column("sure", "bool", description="Whether they were sure", required=False),
        Column("note", "str", description="What they noted"),
    )


class Undeclared(ArtifactIndexer):
    """Whatever its artifact holds."""

    name = "undeclared"


class HeartRate:
    """An artifact that only its author can make."""

    name = "heart_rate"
    table_name = "heart_rate"

    def required_columns(self) -> list[str]:
        return ["roi_id", "hz"]

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            peaks = rec.load_json("heart_rate")
        except FileNotFoundError:
            return pd.DataFrame()
        return pd.DataFrame([{"roi_id": int(roi), "hz": peak["hz"]} for roi, peak in peaks.items()])


def write_heart_rate(record: ZarrImageRecord, number: int) -> None:
    """Write sample artifacts for `HeartRate`."""
    rois = range(1, number + 2)
    record.save_json("heart_rate", {str(roi): {"hz": 8.0 + number + roi / 10} for roi in rois})
