"""All checks, in the order in which they are made: each may rely on what those before it have shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kymflow.testing.conformance import damaged, processes, promises, purity, reading, rows, state, tables

if TYPE_CHECKING:
    from kymflow.testing.conformance.subject import Subject

Check = Callable[["Subject"], None]

CHECKS: tuple[Check, ...] = (
    promises.meets_the_protocol,
    promises.name_is_an_identifier,
    promises.schema_version_is_given,
    promises.required_columns_are_names,
    promises.can_be_pickled,
    promises.promises_stay_the_same,
    reading.writes_nothing,
    rows.returns_a_dataframe,
    rows.image_id_is_right,
    rows.required_columns_are_there,
    rows.index_holds_no_data,
    purity.rows_are_the_same_twice,
    reading.asks_for_the_same_twice,
    reading.reads_only_its_own_record,
    reading.rows_come_from_what_was_read,
    purity.rows_depend_on_no_working_directory,
    purity.rows_depend_on_no_environment_variable,
    purity.leaves_the_process_as_it_was,
    state.keeps_no_state,
    state.returned_rows_stay_as_they_are,
    state.records_can_be_interleaved,
    damaged.a_missing_artifact_is_no_error,
    damaged.nothing_found_gives_no_rows,
    damaged.an_empty_artifact_gives_no_rows,
    damaged.a_malformed_artifact_is_an_error,
    damaged.a_failure_leaves_no_trace,
    tables.kymflow_takes_the_rows,
    tables.types_go_together,
    tables.a_failure_names_the_image,
    tables.incremental_equals_rebuild,
    processes.rows_are_the_same_in_another_process,
    processes.rows_depend_on_no_clock,
)
