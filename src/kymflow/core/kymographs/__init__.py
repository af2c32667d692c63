"""What one kymograph's record holds, in the field's words: pixel size, ROIs, velocity trace, events."""
