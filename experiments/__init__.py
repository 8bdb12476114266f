"""Questions about the methods, asked of data: a folder each, with the command that answers it."""
