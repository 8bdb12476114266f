"""One ground plane: homographies between cameras, learnt from where people stand and from nothing else."""
