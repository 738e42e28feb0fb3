"""Small 100DOH folders."""

from pathlib import Path

HAND = dict(
    name='hand',
    pose='Unspecified',
    truncated='0',
    difficult='0',
    bndbox=(11, 11, 30, 30),
    contactstate='3',
    contactright='1',
    contactleft='0',
    handside='1',
    objxmin='61',
    objymin='11',
    objxmax='80',
    objymax='30',
    magnitude='50.0',
    unitdx='0.1',
    unitdy='0.0',
)
FREE = {
    **HAND,
    'bndbox': (101, 11, 120, 30),
    'contactstate': '0',
    'contactright': '',
    'contactleft': 'None',
    'handside': '0',
    'objxmin': 'None',
    'objymin': 'None',
    'objxmax': 'None',
    'objymax': 'None',
    'magnitude': '',
    'unitdx': 'None',
    'unitdy': 'None',
}
CUP = {
    **{name: '' for name in HAND},
    'name': 'targetobject',
    'truncated': '1',
    'difficult': '1',
    'bndbox': (61, 11, 80, 30),
}


def xml(*objects, size=(320, 240)):
    """Text of an annotation file; a field that is None is left out."""
    text = '<annotation>'
    if size:
        text += f'<size><width>{size[0]}</width><height>{size[1]}</height><depth>3</depth></size>'
    for fields in objects:
        text += '<object>'
        for name, value in fields.items():
            if name == 'bndbox' and value:
                value = ''.join(
                    f'<{c}>{v}</{c}>' for c, v in zip(('xmin', 'ymin', 'xmax', 'ymax'), value)
                )
            text += f'<{name}>{value}</{name}>' if value is not None else ''
        text += '</object>'
    return text + '</annotation>'


def write_folder(root: Path, **files: str) -> Path:
    """JPEGImages is left empty; Annotations gets ``files``, and train.txt their stems."""
    for name in ('JPEGImages', 'Annotations'):
        (root / name).mkdir()
    for stem, text in files.items():
        (root / 'Annotations' / f'{stem}.xml').write_text(text)
    (root / 'train.txt').write_text('\n'.join(files) + '\n')
    return root
