"""One image of a dataset: its pixels, attributes, artifacts, and the errors that name it."""
