"""The tools of this package, from any folder.

    python -m egoexo_mm TOOL ...         our tools: train, test, targets, data/prepare_epic ...
    python -m egoexo_mm run SCRIPT ...   a script of MMAction2 (a file, or a name such as
                                         confusion_matrix), with this package imported first
    python -m egoexo_mm doctor           what is installed, what is worked around, what is wrong
    python -m egoexo_mm configs [NAME]   the shipped configs, or the path of one

Where a tool takes a config, egoexo_mm::NAME is a shipped one:

    python -m egoexo_mm train egoexo_mm::slowfast_k400.py
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from pathlib import Path

from egoexo_mm import shipped
from egoexo_mm.commands import COMMANDS, NEED_HOST
from egoexo_mm.compat.workaround import package_dir

# They install what a checkout needs.
CHECKOUT_ONLY = ('release_dry_run', 'run_demo', 'run_tests', 'setup_env', 'test_matrix')


def main(argv: list[str] | None = None) -> int:
    """Exit code of the tool; 2 where there is no such tool."""
    argv = sys.argv[1:] if argv is None else argv
    command, args = (argv[0], argv[1:]) if argv else ('help', [])
    if command in ('help', '-h', '--help'):
        print(__doc__ + '\nTools: ' + ', '.join(sorted(own_tools())))
        return 0
    try:
        if command == 'doctor':
            from egoexo_mm import doctor

            return doctor.main()
        if command == 'configs':
            print(
                '\n'.join(map(str, map(shipped.config_path, args)))
                if args
                else '\n'.join(shipped.config_names())
            )
            return 0
        args = [
            str(shipped.config_path(word)) if word.startswith(shipped.PREFIX) else word
            for word in args
        ]
        if command == 'run':
            return run_host_tool(args)
        name = command.replace('-', '_')
        if name in NEED_HOST:
            from egoexo_mm import register

            register()
        if name in COMMANDS:
            return importlib.import_module(COMMANDS[name]).main(args)
        return start_own_tool(command, args)
    except FileNotFoundError as error:
        print(f'egoexo_mm: error: {error}', file=sys.stderr)
        return 2


def own_tools() -> dict[str, Path]:
    """``{'data/prepare_epic': its file, ...}``, scripts of ours that are started by name."""
    root = shipped.shipped('tools')
    scripts = [path for kind in ('*.py', '*.sh') for path in root.rglob(kind)]
    names = {path: path.relative_to(root).with_suffix('').as_posix() for path in scripts}
    return {
        name: path
        for path, name in names.items()
        if name not in CHECKOUT_ONLY
        and '/tests/' not in name
        and (path.suffix == '.sh' or "__name__ == '__main__'" in path.read_text())
    }


def start_own_tool(name: str, args: list[str]) -> int:
    """Put the tool in the place of this process, with this package on its path."""
    tools = own_tools()
    script = tools.get(name.replace('-', '_'))
    if script is None:
        raise FileNotFoundError(
            f'there is no tool {name!r}; expected run, doctor, configs or one of: '
            f'{", ".join(sorted(tools))}'
        )
    env = dict(os.environ)
    if (
        shipped.is_checkout()
    ):  # it may not be installed; site-packages must not come before the standard library
        env['PYTHONPATH'] = os.pathsep.join(
            filter(None, [str(shipped.PACKAGE.parent), env.get('PYTHONPATH')])
        )
    program = ['bash'] if script.suffix == '.sh' else [sys.executable]
    sys.stdout.flush()
    os.execvpe(program[0], [*program, str(script), *args], env)


def run_host_tool(args: list[str]) -> int:
    """Run a script of MMAction2 in this process, with everything of ours registered."""
    if not args:
        raise FileNotFoundError(
            'run: which script? For example: python -m egoexo_mm run confusion_matrix CONFIG '
            'CHECKPOINT'
        )
    script = host_script(args[0])
    from egoexo_mm import register

    register()
    sys.argv = [str(script), *args[1:]]
    sys.path[0] = str(script.parent)  # as where Python starts a script
    runpy.run_path(str(script), run_name='__main__')
    return 0


def host_script(name: str) -> Path:
    """A Python script given by its file, or by its name in MMAction2's ``tools``.

    Raises:
        FileNotFoundError: There is none, or there are several.
    """
    if Path(name).is_file():
        return Path(name).resolve()
    host = package_dir('mmaction')
    roots = [] if host is None else [host / '.mim' / 'tools', host.parent / 'tools']
    pattern = name if name.endswith('.py') else f'{name}.py'
    for root in roots:
        found = sorted(root.rglob(pattern)) if root.is_dir() else []
        if len(found) == 1:
            return found[0]
        if found:
            raise FileNotFoundError(
                f'run: {name} is one of {", ".join(str(path.relative_to(root)) for path in found)} '
                f'in {root}; write which'
            )
    raise FileNotFoundError(
        f'run: there is neither a file {name} nor a {pattern} below '
        f'{" or ".join(map(str, roots)) or "MMAction2, which is not installed"}; '
        'give the path of a Python script'
    )


if __name__ == '__main__':
    sys.exit(main())
