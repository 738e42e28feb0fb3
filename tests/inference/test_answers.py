"""Names, ranks and timelines, with numbers derived by hand."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

from egoexo_mm.inference import best_classes, find_sources, timeline
from egoexo_mm.inference.answers import HeadFacts, clock, table_lines
from egoexo_mm.inference.class_names import find_names
from egoexo_mm.inference.clips import ClipPipeline, test_pipeline
from egoexo_mm.inference.sources import Source, plan_parts

VERB_NOUN = HeadFacts(dict(verb=2, noun=3))
NAMES = dict(verb={0: 'take', 1: 'cut'}, noun=None)


def test_actions_are_ranked_by_the_product():
    scores = dict(verb=torch.tensor([0.4, 0.6]), noun=torch.tensor([0.5, 0.3, 0.2]))
    found = best_classes(dict(pred_score=scores), VERB_NOUN, NAMES, top_k=3)
    # 0.6 * 0.5 = 0.30, 0.4 * 0.5 = 0.20, 0.6 * 0.3 = 0.18
    assert [(entry['id'], entry['score']) for entry in found['actions']] == [
        ([1, 0], pytest.approx(0.3)),
        ([0, 0], pytest.approx(0.2)),
        ([1, 1], pytest.approx(0.18)),
    ]
    assert found['actions'][0]['name'] == 'cut noun 0'
    assert [entry['name'] for entry in found['verbs']] == ['cut', 'take']
    assert table_lines(found)[1].split() == 'cut noun 0 0.300 cut 0.600 noun 0 0.500'.split()


def test_logits_become_probabilities():
    logits = np.log([[1.0, 3.0], [1.0, 1.0]])  # of two views: softmax 3/4 and 1/2
    found = best_classes(dict(pred_score=logits), HeadFacts(dict(label=2), logits=True), {})
    assert found['labels'][0] == dict(id=1, name='class 1', score=0.625)
    several = HeadFacts(dict(label=2), logits=True, multi_label=True)
    found = best_classes(dict(pred_score=np.array([0.0, -100.0])), several, {})
    assert [entry['score'] for entry in found['labels']] == [0.5, 0.0]


def rows(*best):
    """Windows of 2 s, a second apart."""
    return [
        dict(
            video='v',
            start=float(i),
            end=i + 2.0,
            labels=[dict(id=name, name=name, score=score) for name, score in entries],
        )
        for i, entries in enumerate(best)
    ]


def test_a_timeline_merges_neighbours():
    found = timeline(rows([('a', 0.9)], [('a', 0.7)], [('b', 0.6)], [('a', 0.5)]))
    spans = [(one['name'], one['start'], one['end'], one['windows']) for one in found]
    assert spans == [('a', 0, 2, 2), ('b', 2, 3, 1), ('a', 3, 5, 1)]
    assert found[0]['score'] == pytest.approx(0.8)


def test_labels_have_spans_of_their_own():
    both = rows([('a', 0.9), ('b', 0.6)], [('a', 0.8), ('b', 0.4)], [('b', 0.7), ('a', 0.1)])
    found = timeline(both, multi_label=True, threshold=0.5)
    spans = [(one['name'], one['start'], one['end']) for one in found]
    assert spans == [('a', 0, 2), ('b', 0, 1), ('b', 2, 4)]


def test_clock():
    assert [clock(s) for s in (0, 59.96, 61.5, 7265)] == ['0:00.0', '1:00.0', '1:01.5', '2:01:05.0']


def test_names_come_from_config_metric_or_checkpoint(tmp_path):
    (tmp_path / 'verbs.csv').write_text('id,key\n0,take\n1,cut\n')
    dataset = dict(metainfo=dict(classes=['a', 'b']))
    cfg = Config(dict(val_dataloader=dict(dataset=dataset)))
    assert find_names(dict(label=2), None, cfg, {}) == dict(label={0: 'a', 1: 'b'})
    metric = dict(type='VerbNounMetric', verb_names=str(tmp_path / 'verbs.csv'), noun_names='gone')
    cfg = Config(dict(test_evaluator=[metric]))
    names = find_names(dict(verb=2, noun=3), None, cfg, {})
    assert names == dict(verb={0: 'take', 1: 'cut'}, noun=None)
    meta = dict(dataset_meta=dict(classes=('x', 'y')))
    assert find_names(dict(label=2), None, Config(), meta) == dict(label={0: 'x', 1: 'y'})
    assert find_names(dict(label=1), None, Config(), meta) == dict(label=None)  # of another head
    with pytest.raises(ValueError, match='names of verb were given'):
        find_names(dict(label=2), dict(verb=['a']), Config(), {})


def test_sources_of_folders_and_lists(tmp_path):
    for name in ('a/one.mp4', 'a/b/two.MKV', 'a/frames/1.jpg', 'a/frames/2.jpg', 'a/note.txt'):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b'x')
    names = [source.name for source in find_sources(str(tmp_path / 'a'))]
    found = ('b/two.MKV', 'frames', 'one.mp4')
    assert sorted(names) == [str(tmp_path / 'a' / name) for name in found]
    (tmp_path / 'list.txt').write_text('a/one.mp4 3\na/two.mp4 0\n')
    names = [source.name for source in find_sources(tmp_path / 'list.txt')]
    assert names == [str(tmp_path / 'a/one.mp4'), str(tmp_path / 'a/two.mp4')]
    (tmp_path / 'list.csv').write_text('video,start,end\na/one.mp4,1.5,2\na/one.mp4,,\n')
    first, second = find_sources(tmp_path / 'list.csv')
    assert (first.start, first.end, second.start, second.end) == (1.5, 2.0, 0.0, None)
    (tmp_path / 'bad.csv').write_text('video,start,end\na/one.mp4,3,2\n')
    with pytest.raises(ValueError, match='bad.csv, line 2: expected a video, and start and end'):
        find_sources(tmp_path / 'bad.csv')
    (tmp_path / 'empty').mkdir()
    with pytest.raises(ValueError, match='neither videos nor pictures'):
        find_sources(tmp_path / 'empty')


def test_pictures_beside_videos_are_no_frames(tmp_path, capsys):
    for name in (
        'a/one.mp4',
        'a/thumb.jpg',
        'a/f/1.jpg',
        'a/b/two.mp4',
        'a/b/two.png',
        'a/b/3.png',
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names = [source.name for source in find_sources(tmp_path / 'a')]
    assert names == [str(tmp_path / 'a' / name) for name in ('one.mp4', 'b/two.mp4', 'f')]
    assert capsys.readouterr().err == (
        f'{tmp_path}/a: 3 pictures beside videos are left out; frames need a folder of their own\n'
    )
    # what an earlier call drew there
    leave = [tmp_path / 'a' / 'b', str(tmp_path / 'a')]
    names = [source.name for source in find_sources(tmp_path / 'a', leave=leave)]
    assert names == [str(tmp_path / 'a' / name) for name in ('one.mp4', 'f')]


def test_windows_of_times(tmp_path):
    """Frames shown at 0, 1, 1.5, 2 and 6 s; the last lasts 4 s, as the one before it."""
    frames = np.zeros((5, 2, 2, 3), np.uint8)
    source = Source('a', frames, fps=0.5, times=np.array([0, 1, 1.5, 2, 6]))
    parts = [(p.first, p.count, p.start, p.end) for p in plan_parts(0, source, window=2, stride=2)]
    # 0-2: frames 0, 1, 2; 2-4 and 4-6: frame 3 is in sight; 6-8 and 8-10: frame 4
    assert parts == [(0, 3, 0, 2), (3, 1, 2, 4), (3, 1, 4, 6), (4, 1, 6, 8), (4, 1, 8, 10)]


def test_pipelines_without_frames_are_refused():
    with pytest.raises(ValueError, match='does not decode frames'):
        ClipPipeline([dict(type='PackActionInputs')])
    with pytest.raises(ValueError, match='no test pipeline'):
        test_pipeline(Config(dict(test_dataloader=None)))


test_pipeline.__test__ = False
