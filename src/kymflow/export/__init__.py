"""Tables as files that other programs read: CSV, Excel, Parquet, JSON."""
