"""The JSON and table artifacts of one image."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from kymflow_zarr import layout
from kymflow_zarr.errors import ArtifactNotFoundError, MetadataNotFoundError
from kymflow_zarr.formats import documents, frames
from kymflow_zarr.formats.groups import ATTRS_DOCUMENT
from kymflow_zarr.formats.stored_index import restore_index
from kymflow_zarr.record.faults import RecordFaults
from kymflow_zarr.store.base import LINKED_SIZE, Fingerprint, Store, StoreReader

if TYPE_CHECKING:
    import pyarrow as pa

METADATA = "metadata"
# In the order in which they are looked for.
ARTIFACT_FORMS = (".parquet", ".json", ".json.gz", ".csv.gz")


class RecordArtifacts:
    """The part of :class:`ZarrImageRecord` that reads and writes what lies under ``analysis/``."""

    def __init__(
        self,
        store: StoreReader,
        image_id: str,
        *,
        zarr_format: int = 3,
        read_only: bool = False,
        before_first: Callable[[], int] | None = None,
    ) -> None:
        self._store = store
        # What makes the dataset, where it is not there yet, and tells its Zarr format.
        self._before_first = before_first
        self._prefix = layout.record_prefix(image_id)
        self._zarr_format = zarr_format
        self._read_only = read_only
        self._faults = RecordFaults(store.url, image_id)
        self.image_id = image_id

    def exists(self) -> bool:
        """Tell whether the dataset has this image (its attributes are there)."""
        return self._store.exists(f"{self._prefix}/{ATTRS_DOCUMENT[self._zarr_format]}")

    # JSON artifacts

    def save_json(self, name: str, obj: Any, *, indent: int | None = 2) -> str:
        """Store `obj` as ``analysis/<name>.json``; return its key.

        Raises
        ------
        ValueError
            JSON cannot hold it.
        """
        try:
            data = documents.json_to_bytes(obj, indent=indent)
        except ValueError as error:
            raise self._faults.unstorable(name, error) from error
        key = self._put(name, ".json", data)
        # An old compressed form would come back if this one were ever deleted.
        self._writable_store().discard(key + ".gz")
        return key

    def load_json(self, name: str) -> Any:
        """Read ``analysis/<name>.json``, or the ``.json.gz`` of old datasets.

        Raises
        ------
        ArtifactNotFoundError
            There is neither.
        ArtifactError
            It is damaged.
        """
        key = self._analysis_key(name)
        artifact = f"{name}.json"
        try:
            try:
                return documents.bytes_to_json(self._store.read(f"{key}.json")[0])
            except FileNotFoundError:
                artifact = f"{name}.json.gz"
                data = self._store.read(f"{key}.json.gz")[0]
                return documents.bytes_to_json(documents.gunzip(data))
        except FileNotFoundError:
            raise self._faults.missing(f"{name}.json") from None
        except documents.UnreadableDocument as error:
            raise self._faults.damaged(artifact, error) from error

    def save_metadata_payload(self, payload: dict[str, Any]) -> str:
        """Store the metadata payload (header, experiment metadata, ROIs) as artifact ``metadata``."""
        return self.save_json(METADATA, payload)

    def load_metadata_payload(self) -> dict[str, Any]:
        """Read the metadata payload.

        Raises
        ------
        MetadataNotFoundError
            The record has none.
        ArtifactError
            It is damaged or no JSON object.
        """
        try:
            payload = self.load_json(METADATA)
        except ArtifactNotFoundError as error:
            raise MetadataNotFoundError(
                f"{self._faults.who} has no metadata payload. Store one with save_metadata_payload().",
                **self._faults.where(METADATA),
            ) from error
        if not isinstance(payload, dict):
            raise self._faults.damaged(
                f"{METADATA}.json", f"expected a JSON object, got {type(payload).__name__}"
            )
        return payload

    # Table artifacts

    def save_df_parquet(
        self, name: str, df: pd.DataFrame, *, compression: str = frames.ARTIFACT_COMPRESSION
    ) -> str:
        """Store a DataFrame as ``analysis/<name>.parquet``, without its index; return its key.

        Raises
        ------
        ColumnError
            A column that Parquet cannot hold exactly.
        """
        try:
            data = frames.frame_to_parquet(df, compression=compression)
        except ValueError as error:
            raise self._faults.unstorable(name, error) from error
        return self._put(name, ".parquet", data)

    def load_df_parquet(self, name: str) -> pd.DataFrame:
        """Read ``analysis/<name>.parquet`` as ``pd.read_parquet`` does.

        Raises
        ------
        ArtifactNotFoundError
            There is no such artifact.
        ArtifactError
            It is damaged.
        """
        try:
            return frames.arrow_to_frame(self._load_parquet(name))
        except frames.UnreadableParquet as error:
            raise self._faults.damaged(f"{name}.parquet", error) from error

    def load_arrow(self, name: str) -> pa.Table:
        """Read ``analysis/<name>.parquet`` as an Arrow table, with pandas' index as its first columns.

        Errors as :meth:`load_df_parquet`.
        """
        return restore_index(self._load_parquet(name))

    def _load_parquet(self, name: str) -> pa.Table:
        artifact = f"{name}.parquet"
        try:
            data = self._store.read(self._analysis_key(name) + ".parquet")[0]
            return frames.parquet_to_arrow(data, limited=True)
        except FileNotFoundError:
            raise self._faults.missing(artifact) from None
        except frames.UnreadableParquet as error:
            raise self._faults.damaged(artifact, error) from error

    def save_df_csv_gz(self, name: str, df: pd.DataFrame, *, index: bool = False) -> str:
        """Store a DataFrame as ``analysis/<name>.csv.gz``, without its types; return its key."""
        return self._put(name, ".csv.gz", documents.frame_to_csv_gz(df, index=index))

    def load_df_csv_gz(self, name: str) -> pd.DataFrame:
        """Read ``analysis/<name>.csv.gz`` as ``pd.read_csv`` does; errors as :meth:`load_df_parquet`."""
        artifact = f"{name}.csv.gz"
        try:
            data = self._store.read(self._analysis_key(name) + ".csv.gz")[0]
            return documents.csv_to_frame(documents.gunzip(data))
        except FileNotFoundError:
            raise self._faults.missing(artifact) from None
        except documents.UnreadableDocument as error:
            raise self._faults.damaged(artifact, error) from error

    def has_artifact(self, name: str) -> bool:
        """Tell whether there is a JSON or table artifact of this name, in whichever form; it is not read."""
        key = self._analysis_key(name)
        return any(self._store.exists(key + form) for form in ARTIFACT_FORMS)

    def count_rows(self, name: str) -> int:
        """Return how many rows ``analysis/<name>.parquet`` has; of its footer, no row is decoded.

        Raises
        ------
        ArtifactNotFoundError
            There is no such artifact.
        ArtifactError
            It is damaged.
        """
        artifact = f"{name}.parquet"
        try:
            return frames.count_rows(self._store.read(self._analysis_key(name) + ".parquet")[0])
        except FileNotFoundError:
            raise self._faults.missing(artifact) from None
        except frames.UnreadableParquet as error:
            raise self._faults.damaged(artifact, error) from error

    def list_analysis_keys(self) -> list[str]:
        """Return the keys of all JSON and table artifacts, sorted: ``images/<image_id>/analysis/...``."""
        start = len(self._prefix) + 1
        return sorted(
            found.key
            for found in self._list("analysis")
            if not any(part.startswith(".") for part in found.key[start:].split("/"))
            # What cannot be read counts where it may have been an artifact.
            and (found.size >= 0 or found.key.endswith(ARTIFACT_FORMS))
        )

    def delete_analysis(self, *, suffixes: Sequence[str] | None = None) -> int:
        """Delete JSON and table artifacts: ALL of them, unless `suffixes` says which; return how many.

        What an ingest has brought goes, too, and is not brought back by a later one, to which it is an edit.
        Pixels, and arrays of :meth:`save_array_artifact`, stay.

        Parameters
        ----------
        suffixes : sequence of str, optional
            Only those whose key ends with one of these. None, the default, means all; an empty one, none.

        Examples
        --------
        >>> from kymflow_zarr import ZarrDataset
        >>> record = ZarrDataset("memory://cleared").add_image([[0, 1], [2, 3]])
        >>> keys = [record.save_json(name, {}) for name in ("metadata", "events", "radon_report")]
        >>> record.delete_analysis(suffixes=["/events.json"])
        1
        >>> record.delete_analysis()
        2
        """
        store = self._writable_store()
        if isinstance(suffixes, str):
            suffixes = (suffixes,)
        keys = self.list_analysis_keys()
        if suffixes is not None:
            keys = [key for key in keys if key.endswith(tuple(suffixes))]
        return sum(store.each(store.delete, keys))

    # What the methods above share

    def _list(self, folder: str) -> Iterator[Fingerprint]:
        """Yield what is in a folder of the record.

        Raises
        ------
        StoreError
            A folder in it is a link, and is not followed: what is behind it must not pass for absent.
        """
        for found in self._store.list(f"{self._prefix}/{folder}"):
            if found.size == LINKED_SIZE:
                self._store.read(found.key)
            yield found

    def _analysis_key(self, name: str) -> str:
        return f"{self._prefix}/analysis/{layout.check_artifact_name(name)}"

    def _put(self, name: str, suffix: str, data: bytes) -> str:
        key = self._analysis_key(name) + suffix
        self._writable_store(existing=True).put(key, data)
        return key

    def _writable_store(self, *, existing: bool = False) -> Store:
        if self._read_only or not isinstance(self._store, Store):
            raise self._faults.read_only()
        if existing and not self.exists():
            raise self._faults.no_record()
        return self._store
