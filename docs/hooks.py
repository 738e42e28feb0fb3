"""What the site needs beside MkDocs: pages are written for a checkout, where links may leave docs/.

MkDocs calls the ``on_...`` functions (``hooks`` of mkdocs.yml).
"""

from __future__ import annotations

import re

# files outside docs/ that have a page on the site
PAGES = {'../tools/data/README.md': 'data.md', '../README.md': 'index.md'}
_OUTSIDE = re.compile(r'\[([^\]]+)\]\((\.\./[^)#\s]+)(#[^)\s]+)?\)')
_FENCE = re.compile(r'^(```.*?^```)', re.MULTILINE | re.DOTALL)
_LIST = re.compile(r'^(?!\s|[-*] |\d+\. |#|\|)(.+)\n(?=(?:[-*]|1\.) )', re.MULTILINE)
_CELL = re.compile(r'<td.*?</td>', re.DOTALL)
_CODE = re.compile(r'(?<=<code>)[^<]*')
_ROLE = re.compile(r':(?:class|func|mod|meth|attr):<code>[.~]?([^<]*)</code>')


def on_page_markdown(markdown: str, page, **kwargs) -> str:
    """Links that leave docs/ become pages or file names; lists may follow a paragraph directly.

    GitHub starts a list right below a paragraph, Python-Markdown wants an empty line between.
    """
    if page.file.src_path.endswith('.ipynb'):
        return markdown
    parts = _FENCE.split(markdown)
    parts[::2] = [_LIST.sub(r'\1\n\n', _OUTSIDE.sub(_inside, text)) for text in parts[::2]]
    return ''.join(parts)


def on_page_content(html: str, page, **kwargs) -> str:
    """Paths in tables may break after a slash; names that docstrings mark for Sphinx are code."""
    if page.file.src_path.startswith('api/'):
        return _ROLE.sub(r'<code>\1</code>', html)
    return _CELL.sub(lambda cell: _CODE.sub(_breakable, cell[0]), html)


def _breakable(code: re.Match) -> str:
    return code[0].replace('/', '/<wbr>')


def _inside(match: re.Match) -> str:
    text, target, anchor = match[1], match[2], match[3] or ''
    if target in PAGES:
        return f'[{text}]({PAGES[target]}{anchor})'
    return f'`{target.replace("../", "")}`'
