"""Keys and bytes, on a local disk or in an object store, and the dependencies of what was read."""
