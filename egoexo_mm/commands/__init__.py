"""What the command-line tools do, importable; the scripts in ``tools`` are doors to it."""

# tool -> module whose ``main`` runs it; ``python -m egoexo_mm TOOL`` calls it without the script
COMMANDS = {'targets': 'egoexo_mm.commands.targets'}
