"""KymDataset and what it is made of: extraction, schema, ledger, commit, reports."""
