"""A dataset as one HTML file."""
