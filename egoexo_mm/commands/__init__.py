"""What the command-line tools do, importable; the scripts in ``tools`` are doors to it."""
