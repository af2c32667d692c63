"""The commit of a table as an explicit-state model: every order of events is tried. See README.md."""
