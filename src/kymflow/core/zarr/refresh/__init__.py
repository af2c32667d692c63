"""What is stale and why: listing, plan, update, status and check."""
