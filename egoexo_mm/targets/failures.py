"""What ``failed.jsonl`` of a store says: videos that gave no row, and why."""
from pathlib import Path
from typing import NamedTuple

from egoexo_mm.untrusted.json_text import parse_json

FAILED_NAME = 'failed.jsonl'


class Failures(NamedTuple):
    """Video id -> last reason, and a sentence for each line that cannot be read."""
    reasons: dict[str, str]
    faults: list[str]


def read_failures(folder: Path) -> Failures:
    """Read ``failed.jsonl``; without one there are no failures."""
    path = folder / FAILED_NAME
    reasons, faults = {}, []
    lines = path.read_bytes().splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            entry = parse_json(line)
            reasons[str(entry['video_id'])] = str(entry['reason'])
        except (ValueError, KeyError, TypeError):
            faults.append(f'{path}, line {number}: expected a JSON object with video_id and reason; remove the line')
    return Failures(reasons, faults)
