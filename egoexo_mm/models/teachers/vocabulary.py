"""Names of classes from the files of data sets, and as words of English."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from egoexo_mm.evaluation.class_lists import read_class_names
from egoexo_mm.untrusted import quote, quote_names
from egoexo_mm.untrusted.json_text import parse_json
from egoexo_mm.video_lists import read_text


def read_vocabulary(source: str | Path | Sequence[str], key: str = 'nouns') -> list[str]:
    """Names of the classes 0, 1, ... as their file has them.

    Args:
        source: The names, or a file: EPIC-KITCHENS' csv of nouns (``id,key`` or
            ``noun_id,class_key``), Ego4D's ``fho_main_taxonomy.json`` or ``fho_lta_taxonomy.json``,
            or a text file with a name a line.
        key: Of the list in a JSON file.

    Raises:
        ValueError: The file cannot be read, ids are not 0, 1, ..., a name is empty or comes twice,
            or there are fewer than two.
    """
    where = 'vocabulary'
    if isinstance(source, (str, Path)):
        where = str(source)
        is_json = Path(source).suffix.lower() == '.json'
        names = _json_names(Path(source), key) if is_json else _ordered(source)
    else:
        names = list(source)
    if len(names) < 2:
        raise ValueError(f'{where}: {len(names)} names; expected two or more')
    for name, count in Counter(map(repr, names)).items():
        if count > 1:
            raise ValueError(f'{where}: {name} comes {count} times; rename or remove one of them')
    for number, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise ValueError(f'{where}: class {number} is {quote(name)}; expected a name')
    return [name.strip() for name in names]


def _ordered(path: str | Path) -> list[str]:
    names = read_class_names(path) or {}
    if sorted(names) != list(range(len(names))):
        raise ValueError(
            f'{path}: ids of its {len(names)} classes are not 0 to {len(names) - 1}, each once; '
            'complete the file'
        )
    return [names[number] for number in range(len(names))]


def _json_names(path: Path, key: str) -> list:
    try:
        content = parse_json(read_text(path))
    except ValueError as error:
        raise ValueError(f'{path}: not a vocabulary ({error})') from None
    names = content.get(key) if isinstance(content, dict) else content
    if not isinstance(names, list):
        found = quote_names(content) if isinstance(content, dict) else quote(content)
        raise ValueError(
            f'{path}: found {found}, expected a list of names, alone or under {key!r}; give the '
            'taxonomy file of the data set, and the name of its list as vocabulary_key'
        )
    return names


def as_words(names: Sequence[str]) -> list[str]:
    """Names as they stand in a sentence.

    EPIC-KITCHENS puts the head first: ``board:chopping`` is a chopping board. Ego4D lists other
    words in brackets: ``bag_(bag,_grocery,_sack)`` is a bag. Where two classes would be the same,
    as ``nut_(food)`` and ``nut_(tool)``, the bracket stays: nut (food).
    """
    short = [_words(re.sub(r'_?\(.*', '', name) or name) for name in names]
    common = {words for words, count in Counter(short).items() if count > 1}
    return [_words(name) if words in common else words for name, words in zip(names, short)]


def _words(name: str) -> str:
    head, *rest = name.split(':')
    return ' '.join(' '.join([*rest, head]).replace('_', ' ').split())
