"""Checkpoints by URL, from a server of this test."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from egoexo_mm.checkpoints.download import local_file


class Quiet(SimpleHTTPRequestHandler):
    """Keeps a list of what was asked."""

    asked = []

    def log_message(self, *args):
        self.asked.append(self.path)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Its address and folder."""
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    folder = tmp_path / 'served'
    folder.mkdir()
    Quiet.asked = []
    httpd = ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{httpd.server_port}', folder
    httpd.shutdown()
    httpd.server_close()


def test_a_path_stays(server):
    assert local_file('some/where.pth') == Path('some/where.pth')
    assert local_file(Path('where.pth')) == Path('where.pth') and not Quiet.asked


def test_downloaded_once(server):
    url, folder = server
    digest = hashlib.sha256(b'weights').hexdigest()
    name = f'net_320x320_20230524-{digest[:8]}.pth'
    (folder / name).write_bytes(b'weights')
    path = local_file(f'{url}/{name}')
    assert path.name == name and path.read_bytes() == b'weights'
    assert local_file(f'{url}/{name}') == path and len(Quiet.asked) == 1


def test_another_file_is_refused(server):
    url, folder = server
    (folder / 'net-00000000.pth').write_bytes(b'weights')
    for _ in range(2):  # nothing is left that a second call would take
        with pytest.raises(ValueError, match='net-00000000.pth: cannot be downloaded .*hash'):
            local_file(f'{url}/net-00000000.pth')


def test_a_name_without_digits_is_not_checked(server):
    url, folder = server
    (folder / 'last-epoch.pth').write_bytes(b'weights')
    assert local_file(f'{url}/last-epoch.pth').read_bytes() == b'weights'


def test_no_such_file(server):
    with pytest.raises(
        ValueError, match='nothing.pth: cannot be downloaded .*404.*set checkpoint to its path'
    ):
        local_file(f'{server[0]}/nothing.pth')
