"""The browser viewer's server: pages, data, jobs; for one dataset, on this machine alone."""
