"""Python processes of their own for an author's code: whatever it does there, it does to nobody else."""
