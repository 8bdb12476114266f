"""Pictures of a topology and the HTML page of a run."""
