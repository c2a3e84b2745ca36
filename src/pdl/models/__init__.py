"""Which architectures does the book build? One a file; see `pdl.models.linear` to start."""
