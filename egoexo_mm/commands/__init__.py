"""What the command-line tools do, importable; the scripts in ``tools`` are doors to it."""

# tool -> module whose ``main`` runs it; ``python -m egoexo_mm TOOL`` calls it without the script
COMMANDS = {
    name: f'egoexo_mm.commands.{name}'
    for name in ('convert_weights', 'epic_submission', 'export', 'publish', 'strip_aux', 'targets')
}
