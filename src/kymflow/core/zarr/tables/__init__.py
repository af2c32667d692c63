"""Rows become a table and its ledger: schema, merge, commit; and tables in memory."""
