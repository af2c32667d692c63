"""Keys and bytes on a local disk or in an object store: one contract, and what was read through it."""
