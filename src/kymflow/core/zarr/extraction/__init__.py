"""From records to rows: one record, many artifacts in bulk, on an executor."""
