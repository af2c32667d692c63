"""What a run is told and what it tells: options and reports."""
