"""Folders of source files: find, read, compare and merge them into records."""
