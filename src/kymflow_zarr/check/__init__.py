"""The check of all that is stored, and the problems that checks find."""
