"""One file per command: composes the rooms below."""
