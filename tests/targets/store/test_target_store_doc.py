import re
from pathlib import Path

from egoexo_mm.targets import TargetStore

DOC = Path(__file__).resolve().parents[3] / 'docs/target_store.md'


def test_the_writer_in_the_doc_makes_a_store(tmp_path, monkeypatch):
    blocks = re.findall(r'```python\n(.*?)```', DOC.read_text(encoding='utf-8'), re.DOTALL)
    code = next(block for block in blocks if 'sink.write_table' in block)
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'my_store').mkdir()
    exec(compile(code, str(DOC), 'exec'), {})
    store = TargetStore('my_store')
    assert store.scores('clip_b').tolist() == [0.25, 2]
    assert store.info('clip_a') == (300, 30, 340, 256, 1)
