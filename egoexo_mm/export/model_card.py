"""Model cards in the conventions of the Hugging Face hub: facts of a run, none invented.

https://huggingface.co/docs/hub/model-cards
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from mmengine.config import Config

from egoexo_mm.checkpoints.reading import sha256_of
from egoexo_mm.targets.store.errors import TargetStoreError
from egoexo_mm.targets.store.manifest import read_manifest
from egoexo_mm.untrusted.json_text import parse_json
from egoexo_mm.version import __version__

_NO_METRIC = ('time', 'step', 'iter', 'epoch', 'memory', 'lr', 'base_lr', 'loss', 'grad_norm')
UNKNOWN = 'unknown'
_FRESH = 'nothing that the config names'


@dataclass
class Card:
    """What a card says.

    Args:
        name: Of the model.
        weights: File of the weights, beside the card.
        config: File of the resolved config, beside the card.
        cfg: The config.
        meta: ``meta`` of the checkpoint.
        kept_heads: The file has the auxiliary heads too.
        metrics: Name -> value, of the metrics file.
        licence: Identifier that the user states.
        datasets: Identifiers that the user states.
    """

    name: str
    weights: Path
    config: str
    cfg: Config
    meta: dict[str, Any] = field(default_factory=dict)
    kept_heads: bool = False
    metrics: dict[str, float] = field(default_factory=dict)
    licence: str | None = None
    datasets: Sequence[str] = ()

    def text(self) -> str:
        """The card, ``README.md``."""
        parts = [
            f'---\n{self._front_matter()}---\n',
            f'# {self.name}\n',
            self._summary(),
            '## How to load\n',
            self._loading(),
            '## Metrics\n',
            self._metrics(),
            '## Training\n',
            self._training(),
            '## Teachers and targets\n',
            self._teachers(),
            '## Licence\n',
            self._licence(),
        ]
        return '\n'.join(parts)

    def _front_matter(self) -> str:
        backbone = str(self.cfg.model.backbone.type)
        tags = ['video-classification', 'egocentric', 'ego-exo', 'mmaction2', backbone]
        fields: dict[str, Any] = dict(
            library_name='egoexo_mm', pipeline_tag='video-classification', tags=tags
        )
        if self.licence:
            fields['license'] = self.licence
        if self.datasets:
            fields['datasets'] = list(self.datasets)
        if self.metrics:
            fields['metrics'] = sorted({_kind(name) for name in self.metrics})
            tested = dict(type=self._tested_on(), name=self._tested_on())
            found = [
                dict(type=_kind(name), value=value, name=name)
                for name, value in self.metrics.items()
            ]
            task = dict(type='video-classification', name='Video classification')
            result = dict(task=task, dataset=tested, metrics=found)
            fields['model-index'] = [dict(name=self.name, results=[result])]
        return yaml.safe_dump(fields, sort_keys=False, allow_unicode=True)

    def _tested_on(self) -> str:
        if self.datasets:
            return self.datasets[-1]
        found = self.cfg.get('test_dataloader') or {}
        return Path(found.get('dataset', {}).get('ann_file') or UNKNOWN).name

    def _summary(self) -> str:
        model = self.cfg.model
        head = model.get('cls_head') or {}
        sizes = {key: head[key] for key in ('num_classes', 'num_verbs', 'num_nouns') if key in head}
        rows = [
            ('recognizer', model.type),
            ('backbone', model.backbone.type),
            ('class head', f'{head.get("type", UNKNOWN)} {_listed(sizes)}'),
            ('weights', f'`{self.weights.name}`, SHA-256 `{sha256_of(self.weights)}`'),
            ('config', f'`{self.config}`, complete: it inherits from no other file'),
            ('written by', f'egoexo_mm {__version__}'),
        ]
        return _table(('', ''), rows)

    def _loading(self) -> str:
        heads = list(self.cfg.model.get('aux_heads') or {})
        names = ', '.join(f'`{name}`' for name in heads)
        note = ''
        if heads and not self.kept_heads:
            note = (
                f'\nThe auxiliary heads ({names}) are not in the file. Scores do not need them; '
                'loading reports their names as missing.\n'
            )
        return (
            'With egoexo_mm and MMAction2 installed, in the folder of this card:\n\n'
            '```python\n'
            'from mmaction.apis import init_recognizer\n\n'
            'import egoexo_mm  # registers the model; MMEngine then reads safetensors\n\n'
            f"model = init_recognizer('{self.config}', '{self.weights.name}', device='cpu')\n"
            '```\n\n'
            f'`python -m egoexo_mm test {self.config} {self.weights.name}` tests it, and '
            f"`load_from='{self.weights.name}'` of a config starts from it.\n{note}"
        )

    def _metrics(self) -> str:
        if not self.metrics:
            return 'No metrics file was given: how well this model scores is unknown.\n'
        rows = [(f'`{name}`', f'{value:.6g}') for name, value in self.metrics.items()]
        tested = f'On `{self._tested_on()}`, with the test pipeline of `{self.config}`, as the '
        return f'{tested}metrics file says:\n\n{_table(("metric", "value"), rows)}'

    def _training(self) -> str:
        train = (self.cfg.get('train_dataloader') or {}).get('dataset') or {}
        rows = [
            ('training list', train.get('ann_file') or UNKNOWN),
            ('data set class', train.get('type') or UNKNOWN),
            ('started from', self.cfg.get('load_from') or _pretrained(self.cfg.model) or _FRESH),
            ('epoch', self.meta.get('epoch', UNKNOWN)),
            ('iteration', self.meta.get('iter', UNKNOWN)),
            ('MMEngine', self.meta.get('mmengine_version', UNKNOWN)),
        ]
        return _table(('', ''), rows)

    def _teachers(self) -> str:
        stores = dict(_stores(self.cfg.get('train_dataloader') or {}))
        online = self.cfg.model.get('teachers') or {}
        if not stores and not online:
            return 'The config names no target store and no online teacher.\n'
        lines = []
        for target, path in stores.items():
            lines.append(f'- `{target}`, store `{path}`: {_store_facts(Path(path))}')
        for target, teacher in online.items():
            lines.append(
                f'- `{target}`, made in training by `{teacher.get("type")}` with weights '
                f'`{teacher.get("checkpoint") or UNKNOWN}`'
            )
        return '\n'.join(lines) + '\n'

    def _licence(self) -> str:
        stated = (
            f'Stated by whoever published this model: `{self.licence}`.'
            if self.licence
            else 'Not stated.'
        )
        return (
            f'{stated}\n\n'
            'egoexo_mm is under Apache-2.0, which does not extend to these weights. They depend on '
            'the videos and labels of the training list, on the weights that training started '
            'from, and on the teachers above. The terms of these are not recorded in the config or '
            'in the stores, so they are unknown here; ask where each was obtained.\n'
        )


def read_metrics(path: Path) -> dict[str, float]:
    """Numbers of a metrics file.

    Args:
        path: What ``tools/test.py`` writes (one JSON object), or a log with one a line
            (``vis_data/scalars.json``), of which the last with metrics counts.

    Raises:
        ValueError: No JSON, or no metrics in it.
    """
    text = path.read_text(encoding='utf-8')
    try:
        try:
            rows = [parse_json(text)]
        except ValueError:
            rows = [parse_json(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise ValueError(
            f'{path}: not JSON ({error}); expected what tools/test.py writes'
        ) from None
    found: dict[str, float] = {}
    for row in rows:
        if isinstance(row, dict):
            found = _metrics_of(row) or found
    if not found:
        raise ValueError(
            f'{path}: has no metrics; expected the JSON file that tools/test.py writes into its '
            'work dir, with entries such as "acc/top1"'
        )
    return found


def _metrics_of(row: dict[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in row.items()
        if type(value) in (int, float)
        and abs(value) < float('inf')
        and not name.split('/')[-1].endswith(_NO_METRIC)
        and not name.startswith(_NO_METRIC)
    }


def _kind(name: str) -> str:
    """The hub's name of a metric, where it has one."""
    last = name.split('/')[-1].lower()
    if last.endswith(('top1', 'top5', 'acc', 'accuracy')):
        return 'accuracy'
    return 'mean_average_precision' if last in ('map', 'mean_ap') else last


def _stores(value: Any) -> Iterator[tuple[str, str]]:
    """Target -> folder, from every ``targets`` of a data loader."""
    if isinstance(value, dict):
        targets = value.get('targets')
        for name, path in (targets or {}).items() if isinstance(targets, dict) else ():
            if isinstance(path, str):
                yield name, path
        value = list(value.values())
    for item in value if isinstance(value, (list, tuple)) else ():
        yield from _stores(item)


def _store_facts(path: Path) -> str:
    try:
        manifest = read_manifest(path)
    except TargetStoreError:
        return 'absent when this card was written, so its teacher is unknown here'
    weights = manifest.weights_sha256
    facts = [
        f'teacher {manifest.teacher!r} on {manifest.dataset!r}',
        f'weights of the teacher SHA-256 `{weights}`' if weights else 'weights not recorded',
        f'targets SHA-256 `{_store_sha256(path)}`',
    ]
    return '; '.join(
        facts + ([f'notes: {" ".join(manifest.notes.split())}'] if manifest.notes else [])
    )


def _store_sha256(folder: Path) -> str:
    """SHA-256 of the lines ``<SHA-256>  <name>`` of the manifest and of all shards, by name."""
    files = sorted([folder / 'manifest.json', *folder.glob('*.arrow')])
    lines = [f'{sha256_of(file)}  {file.name}\n' for file in files]
    return hashlib.sha256(''.join(lines).encode()).hexdigest()


def _pretrained(model: dict) -> str | None:
    backbone = model['backbone']
    start = backbone.get('init_cfg') or model.get('init_cfg') or {}
    found = backbone.get('pretrained') or (dict(start).get('checkpoint') if start else None)
    return found if isinstance(found, str) else None


def _listed(sizes: dict[str, int]) -> str:
    return '(' + ', '.join(f'{name}={size}' for name, size in sizes.items()) + ')' if sizes else ''


def _table(head: tuple[str, str], rows: Sequence[tuple[str, Any]]) -> str:
    cells = [head, ('---', '---'), *rows]
    return ''.join(
        f'| {" | ".join(str(cell).replace("|", "/") for cell in row)} |\n' for row in cells
    )
