"""Vocabularies of data sets, in files as these publish them."""

import json

import pytest

from egoexo_mm.models.teachers.vocabulary import as_words, read_vocabulary

EPIC100 = """"id","key","instances","category"
0,"tap","['tap', 'tap:water', 'water:tap']","appliances"
1,"spoon","['spoon', 'spoon:wooden']","cutlery"
2,"board:chopping","['board:chopping', 'board:cutting']","utensils"
"""
EPIC55 = (
    "noun_id,class_key,nouns\n0,pan,\"['pan', 'frying pan']\"\n1,board:chopping,\"['board']\"\n"
)
EGO4D = dict(
    verbs=['adjust_(regulate,_increase/reduce,_change)', 'apply'],
    nouns=['apple', 'bag_(bag,_grocery,_nylon,_pouch)', 'nail_cutter', 'nut_(food)', 'nut_(tool)'],
)


@pytest.mark.parametrize(
    'name, text, expected',
    [
        ('EPIC_100_noun_classes.csv', EPIC100, ['tap', 'spoon', 'board:chopping']),
        ('EPIC_noun_classes.csv', EPIC55, ['pan', 'board:chopping']),
        ('fho_lta_taxonomy.json', json.dumps(EGO4D), EGO4D['nouns']),
        ('names.json', '["cup", "ice cream"]', ['cup', 'ice cream']),
        ('names.txt', 'cup\n\nice cream\n', ['cup', 'ice cream']),
    ],
)
def test_files(tmp_path, name, text, expected):
    path = tmp_path / name
    path.write_text(text)
    assert read_vocabulary(str(path)) == expected


def test_another_list_of_a_taxonomy(tmp_path):
    path = tmp_path / 'fho_main_taxonomy.json'
    path.write_text(json.dumps(EGO4D))
    assert read_vocabulary(path, 'verbs') == EGO4D['verbs']


def test_words():
    """EPIC's heads come first, Ego4D's brackets list other words; what they tell apart stays."""
    assert as_words(['tap', 'board:chopping', 'lid:clip:top:jar']) == [
        'tap',
        'chopping board',
        'clip top jar lid',
    ]
    assert as_words(EGO4D['nouns']) == ['apple', 'bag', 'nail cutter', 'nut (food)', 'nut (tool)']


@pytest.mark.parametrize(
    'name, text, message',
    [
        ('a.csv', 'id,key\n0,tap\n2,spoon\n', 'ids of its 2 classes are not 0 to 1, each once'),
        ('a.csv', 'number,key\n0,tap\n', 'expected columns id/key or'),
        ('a.json', '{"verbs": ["cut", "mix"]}', "found verbs, expected a list .*under 'nouns'"),
        ('a.json', '{"nouns": ["cut", ', 'a.json: not a vocabulary'),
        ('a.json', '{"nouns": ["cup", {"id": 3}]}', 'class 1 is .*; expected a name'),
        ('a.txt', 'cup\npan\ncup\n', "'cup' comes 2 times; rename or remove"),
        ('a.txt', 'cup\n', '1 names; expected two or more'),
        ('missing.txt', None, 'missing.txt'),
    ],
)
def test_bad_files(tmp_path, name, text, message):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_vocabulary(str(path))
