"""Tables that are made of other tables: their sources read, their rows derived, committed, compared."""
