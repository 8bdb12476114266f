"""The Ray runtime: the only importer of ray."""
