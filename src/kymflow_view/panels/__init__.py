"""What plugins show of an image: data alone."""
