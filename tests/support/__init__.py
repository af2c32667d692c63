"""What tests share, importable as ``support`` in every process that a test starts."""
