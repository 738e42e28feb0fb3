"""XML without entities, which a few lines can let grow to gigabytes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import BinaryIO
from xml.parsers import expat

_DEEPEST = 50
_LARGEST = 1 << 26


def parse_xml(file: BinaryIO) -> ET.Element:
    """Root element of an XML file.

    Raises:
        ValueError: no XML, cut off, with entity declarations, nested deeper than 50 levels, or
            larger than 64 MiB.
    """
    text = file.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise ValueError(f'is larger than {_LARGEST >> 20} MiB')
    builder, depth = ET.TreeBuilder(), 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise ValueError(f'has elements nested deeper than {_DEEPEST}')
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def refuse(*_declaration: object) -> None:
        raise ValueError('declares entities, which are not read')

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    for event in ('EntityDecl', 'UnparsedEntityDecl', 'ExternalEntityRef'):
        setattr(parser, f'{event}Handler', refuse)
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ValueError(f'{error}') from None
    except LookupError:  # an unknown encoding
        raise ValueError('is in an unknown encoding') from None
    return builder.close()
