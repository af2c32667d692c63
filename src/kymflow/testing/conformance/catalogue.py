"""All checks, in the order in which they are told: each may rely on what those before it have shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kymflow.testing.conformance import (
    copies,
    damaged,
    elsewhere,
    promises,
    purity,
    reading,
    rows,
    state,
    tables,
    watched,
)

if TYPE_CHECKING:
    from kymflow.testing.conformance.subject import Subject

Check = Callable[["Subject"], None]

# What it says of itself: looked up in the process of whoever asks.
PROMISES: tuple[Check, ...] = (
    promises.meets_the_protocol,
    promises.name_is_an_identifier,
    promises.schema_version_is_given,
    promises.required_columns_are_names,
    promises.can_be_pickled,
)
_UNDAMAGED: tuple[Check, ...] = (
    promises.promises_stay_the_same,
    reading.writes_nothing,
    rows.returns_a_dataframe,
    rows.image_id_is_right,
    rows.required_columns_are_there,
    rows.index_holds_no_data,
    rows.columns_are_not_of_one_image,
    purity.rows_are_the_same_twice,
    reading.asks_for_the_same_twice,
    reading.reads_only_its_own_record,
    reading.rows_come_from_what_was_read,
    purity.rows_depend_on_no_working_directory,
    purity.rows_depend_on_no_environment_variable,
)
# Those that watch it in a process of its own.
_WATCHED: tuple[Check, ...] = (
    watched.opens_no_other_file,
    watched.asks_no_network,
    watched.starts_no_program,
    watched.leaves_the_process_as_it_was,
    watched.leaves_no_files,
    watched.leaves_nothing_running,
)
_IN_OTHER_ORDER_OR_DAMAGED: tuple[Check, ...] = (
    state.keeps_no_state,
    state.returned_rows_stay_as_they_are,
    state.records_can_be_interleaved,
    damaged.a_missing_artifact_is_no_error,
    damaged.nothing_found_gives_no_rows,
    damaged.an_empty_artifact_gives_no_rows,
    damaged.a_malformed_artifact_is_an_error,
    damaged.a_failure_leaves_no_trace,
    damaged.dark_pixels_are_no_error,
    damaged.no_pixels_are_never_fatal,
    tables.kymflow_takes_the_rows,
    tables.types_go_together,
    tables.a_failure_names_the_image,
    tables.incremental_equals_rebuild,
)
# Those that compare what it gives in several processes.
_ELSEWHERE: tuple[Check, ...] = (
    elsewhere.rows_are_the_same_in_another_process,
    elsewhere.promises_are_the_same_everywhere,
    elsewhere.columns_are_the_same_for_other_ids,
    elsewhere.rows_depend_on_no_machine,
    elsewhere.rows_depend_on_no_clock,
    elsewhere.an_edit_is_seen,
    copies.copies_give_the_same_rows,
)
# What takes longest, and catches what is rare: made only where the author asks for it.
THOROUGH: tuple[Check, ...] = (
    state.records_can_be_interleaved,
    elsewhere.promises_are_the_same_everywhere,
    elsewhere.columns_are_the_same_for_other_ids,
    elsewhere.rows_depend_on_no_machine,
    elsewhere.rows_depend_on_no_clock,
    elsewhere.an_edit_is_seen,
)
# Those that call it, made one after the other in one child process.
THERE = (*_UNDAMAGED, *_IN_OTHER_ORDER_OR_DAMAGED)
CHECKS: tuple[Check, ...] = (
    *PROMISES,
    elsewhere.never_ends_its_process,
    *_UNDAMAGED,
    *_WATCHED,
    *_IN_OTHER_ORDER_OR_DAMAGED,
    *_ELSEWHERE,
)


def checks(*, thorough: bool) -> tuple[Check, ...]:
    """Return the checks that are made, by default or thoroughly."""
    return CHECKS if thorough else tuple(check for check in CHECKS if check not in THOROUGH)
