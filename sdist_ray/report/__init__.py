"""Pictures of topologies and of people on the ground, annotated video, and the HTML page of a run."""
