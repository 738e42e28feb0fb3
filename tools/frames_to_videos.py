"""Former name of ``python tools/data/frames_to_videos.py``."""

from pathlib import Path

_SCRIPT = Path(__file__).parent / 'data/frames_to_videos.py'
exec(compile(_SCRIPT.read_text(), _SCRIPT, 'exec'))  # with its if __name__ == '__main__'
