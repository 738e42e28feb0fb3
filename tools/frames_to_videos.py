#!/usr/bin/env python
"""Encode folders of JPGs as videos, for teachers, which read videos (tools/test.py configs/teachers/... none).

OUT gets <name of the folder>.mp4 for every folder, with its frames in the order of their names, and list.txt of them all.
Videos that are there are kept.

Example:
    python tools/frames_to_videos.py data/epic100 data/epic100_videos --folders '*/rgb_frames/*' --fps 50
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from egoexo_mm.files import whole_file  # noqa: E402


def encode(folder: Path, out: Path, fps: float) -> int:
    """Encode one folder; the number of its frames.

    Raises:
        SystemExit: it holds no JPG, one cannot be read, sizes differ, or the video cannot be written.
    """
    names = sorted(folder.glob('*.jpg'))
    if not names:
        raise SystemExit(f'{folder}: holds no *.jpg; give the folders of frames as --folders PATTERN')
    with whole_file(out) as temporary:
        writer = None
        for name in names:
            frame = cv2.imread(str(name))
            if frame is None:
                raise SystemExit(f'{name}: is no picture that can be read; extract the frames of this video again')
            if writer is None:
                size = frame.shape[1::-1]
                writer = cv2.VideoWriter(temporary, cv2.VideoWriter_fourcc(*'mp4v'), fps, size)
                if not writer.isOpened():
                    raise SystemExit(f'{out}: this OpenCV cannot encode MPEG-4; install opencv-python')
            found = frame.shape[1::-1]
            if found != size:
                raise SystemExit(f'{name}: is {found[0]} x {found[1]}, those before it {size[0]} x {size[1]}; extract the '
                                 'frames of this video again')
            writer.write(frame)
        writer.release()
    return len(names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('root', metavar='ROOT', type=Path, help='folder below which the folders of frames are')
    parser.add_argument('out', metavar='OUT', type=Path, help='folder for the videos')
    parser.add_argument('--folders', default='*', metavar='PATTERN', help='folders of frames below it; default %(default)s')
    parser.add_argument('--fps', type=float, required=True, help='frames a second')
    args = parser.parse_args()
    folders = sorted(path for path in args.root.glob(args.folders) if path.is_dir())
    names = [f'{folder.name}.mp4' for folder in folders]
    if not folders:
        raise SystemExit(f'{args.root}: no folder is named {args.folders}; correct --folders')
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SystemExit(f'{args.root}: two folders of {args.folders} would become {twice[0]}; encode them into two folders')
    for folder, name in zip(folders, names):
        if not (args.out / name).exists():
            print(f'{name}: {encode(folder, args.out / name, args.fps)} frames', flush=True)
    with whole_file(args.out / 'list.txt') as temporary:
        Path(temporary).write_text('\n'.join(names) + '\n')
    print(f'{args.out}: {len(names)} videos, named in list.txt')


if __name__ == '__main__':
    main()
