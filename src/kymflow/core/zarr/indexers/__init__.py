"""The contract of an indexer, and a base class for the commonest one."""
