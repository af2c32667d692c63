"""Tables in memory: sorted, filtered, searched, joined with images, page by page."""
