"""Each kind of video is made once."""

import pytest

from .kinds import KINDS
from .numbered import FFMPEG


@pytest.fixture(scope='session')
def made(tmp_path_factory):
    """Path of a file of a kind."""
    if FFMPEG is None:
        pytest.skip('ffmpeg is not here to make the videos')
    folder, paths = tmp_path_factory.mktemp('kinds'), {}

    def make(name):
        if name not in paths:
            paths[name] = folder / f'{name}{KINDS[name].suffix}'
            try:
                KINDS[name].make(paths[name])
            except RuntimeError as error:
                if 'Unknown encoder' in str(error):
                    pytest.skip(f'this ffmpeg lacks an encoder: {error}')
                raise
        return paths[name]

    return make
