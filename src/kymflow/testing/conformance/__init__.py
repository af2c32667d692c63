"""What an indexer must keep to: small checks, the records they are made on, and what they found."""
