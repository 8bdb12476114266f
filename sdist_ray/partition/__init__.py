"""Which cameras are counted together, and where."""
