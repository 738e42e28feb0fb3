"""Archives of frames: one that unpacks to far more than its size is refused."""

import io
import re
import tarfile
import zipfile

import pytest

from tests.tools.prepare_tools import TOOLS

FRAME = re.compile(r'img_\d{5}\.jpg')


@pytest.fixture
def frames(monkeypatch):
    """The module of tools/data."""
    monkeypatch.syspath_prepend(str(TOOLS))
    import preparing.frames

    return preparing.frames


def archive(folder, kind, size):
    path = folder / f'a.{kind}'
    if kind == 'zip':
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as bundle:
            bundle.writestr('x/img_00001.jpg', bytes(size))
    else:
        with tarfile.open(path, 'w:gz') as bundle:
            info = tarfile.TarInfo('x/img_00001.jpg')
            info.size = size
            bundle.addfile(info, io.BytesIO(bytes(size)))
    return path


@pytest.mark.parametrize('kind', ['zip', 'tgz'])
def test_a_bomb_is_refused(frames, tmp_path, monkeypatch, kind):
    monkeypatch.setattr(frames, '_ANY_SIZE', 1000)
    path = archive(tmp_path, kind, 3_000_000)  # 3 kB hold 3 MB, so 1000 times their size
    assert 1000 + 20 * path.stat().st_size < 3_000_000
    with pytest.raises(frames.MediaError, match='unpacks to more than 20 times its size'):
        frames.unpack_frames(path, tmp_path / 'out', FRAME)


@pytest.mark.parametrize('kind', ['zip', 'tgz'])
def test_what_is_small_is_unpacked(frames, tmp_path, kind):
    frames.unpack_frames(archive(tmp_path, kind, 3_000_000), tmp_path / 'out', FRAME)
    assert [file.name for file in (tmp_path / 'out').iterdir()] == ['img_00001.jpg']
    assert (tmp_path / 'out/img_00001.jpg').stat().st_size == 3_000_000
