"""Tasks carry the verb of the service they call and do nothing else."""
