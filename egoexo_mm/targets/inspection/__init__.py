"""Looking into target stores: figures, excerpts, checks, and joining them."""
