"""Modules that moved still import under their former names, with one warning each.

Classes that left the package keep their registered names: building one says what to import.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# former name: present name
MOVED: dict[str, str] = {
    'egoexo_mm.compat.cure': 'egoexo_mm.compat.workaround',
    'egoexo_mm.datasets.arrow_strings': 'egoexo_mm.datasets.annotations.arrow_strings',
    'egoexo_mm.datasets.dataframe_pickle': 'egoexo_mm.datasets.annotations.dataframe_pickle',
    'egoexo_mm.datasets.failed_media': 'egoexo_mm.datasets.broken_media.failed_list',
    'egoexo_mm.datasets.hand_object_xml': 'egoexo_mm.datasets.annotations.hand_object_xml',
    'egoexo_mm.datasets.media_failures': 'egoexo_mm.datasets.broken_media.errors',
    'egoexo_mm.datasets.transforms.rescale_crop': 'egoexo_mm.datasets.transforms.crops',
    'egoexo_mm.engine.pipelines': 'egoexo_mm.engine.runner_parts',
    'egoexo_mm.evaluation.functional': 'egoexo_mm.evaluation.measures',
    'egoexo_mm.evaluation.functional.average_precision': (
        'egoexo_mm.evaluation.measures.average_precision'
    ),
    'egoexo_mm.evaluation.functional.calibration': 'egoexo_mm.evaluation.measures.calibration',
    'egoexo_mm.evaluation.functional.hand_object_ap': (
        'egoexo_mm.evaluation.measures.hand_object_ap'
    ),
    'egoexo_mm.evaluation.functional.verb_noun': 'egoexo_mm.evaluation.measures.verb_noun',
    'egoexo_mm.files': 'egoexo_mm.atomic_files',
    'egoexo_mm.models.checkpoints': 'egoexo_mm.checkpoints.reading',
    'egoexo_mm.models.detectors.functional': 'egoexo_mm.models.detectors.hand_object_maths',
    'egoexo_mm.models.functional': 'egoexo_mm.models.distillation_maths',
    'egoexo_mm.models.hand_object_weights': 'egoexo_mm.checkpoints.hand_object',
    'egoexo_mm.models.heads.targets': 'egoexo_mm.models.heads.base',
    'egoexo_mm.models.labels': 'egoexo_mm.models.labelled_samples',
    'egoexo_mm.models.pyslowfast': 'egoexo_mm.checkpoints.pyslowfast',
    'egoexo_mm.models.teachers.frames': 'egoexo_mm.models.teachers.frame_preprocessor',
    'egoexo_mm.models.teachers.scaling': 'egoexo_mm.models.teachers.opencv_resize',
    'egoexo_mm.models.teachers.weights': 'egoexo_mm.checkpoints.filling',
    'egoexo_mm.models.views': 'egoexo_mm.models.view_scoring',
    'egoexo_mm.targets.disk': 'egoexo_mm.targets.store.disk',
    'egoexo_mm.targets.epic_boxes': 'egoexo_mm.targets.conversion.epic_boxes',
    'egoexo_mm.targets.errors': 'egoexo_mm.targets.store.errors',
    'egoexo_mm.targets.excerpt': 'egoexo_mm.targets.inspection.excerpt',
    'egoexo_mm.targets.failures': 'egoexo_mm.failed_jsonl',
    'egoexo_mm.targets.frame_sizes': 'egoexo_mm.targets.conversion.frame_sizes',
    'egoexo_mm.targets.frames': 'egoexo_mm.targets.store.frame_matching',
    'egoexo_mm.targets.listing': 'egoexo_mm.targets.store.listed_videos',
    'egoexo_mm.targets.manifest': 'egoexo_mm.targets.store.manifest',
    'egoexo_mm.targets.merging': 'egoexo_mm.targets.inspection.merging',
    'egoexo_mm.targets.progress': 'egoexo_mm.progress',
    'egoexo_mm.targets.protobuf': 'egoexo_mm.targets.conversion.protobuf',
    'egoexo_mm.targets.records': 'egoexo_mm.targets.store.records',
    'egoexo_mm.targets.released': 'egoexo_mm.targets.conversion.released_scores',
    'egoexo_mm.targets.released_boxes': 'egoexo_mm.targets.conversion.released_boxes',
    'egoexo_mm.targets.shards': 'egoexo_mm.targets.store.shards',
    'egoexo_mm.targets.summary': 'egoexo_mm.targets.inspection.summary',
    'egoexo_mm.targets.unpickle': 'egoexo_mm.targets.conversion.numpy_files',
    'egoexo_mm.targets.verification': 'egoexo_mm.targets.inspection.verification',
    'egoexo_mm.targets.writer': 'egoexo_mm.targets.store.writer',
}

# registry of MMAction2: registered classes that are in tools/study/modules now
IN_STUDY = dict(
    DATASETS=('ImageFolderDataset',),
    METRICS=('InteractionMapMetric',),
    MODELS=('InteractionMapRecognizer', 'RecognizerObjectTeacher'),
    TRANSFORMS=('LoadWholeVideo', 'PairToVerbNoun'),
)


class _FormerNames(MetaPathFinder, Loader):
    """Finds a module of ``MOVED`` under its former name; it is the same module object."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        new = MOVED[spec.name]
        warnings.warn(f'{spec.name} is now {new}; import that', FutureWarning, stacklevel=2)
        module = importlib.import_module(new)
        spec.loader_state = module.__spec__  # the import system puts ``spec`` in its place
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = module.__spec__.loader_state


def install() -> None:
    """Make the former names importable; a second call changes nothing."""
    if not any(isinstance(finder, _FormerNames) for finder in sys.meta_path):
        # first: below a moved package the usual finder would load a second copy of a module
        sys.meta_path.insert(0, _FormerNames())


def register_placeholders() -> None:
    """Register a function under every name of ``IN_STUDY``; ``study.modules`` replaces it."""
    registries = importlib.import_module('mmaction.registry')
    for registry, names in IN_STUDY.items():
        registry = getattr(registries, registry)
        for name in names:
            if name not in registry.module_dict:
                registry.register_module(name=name, module=_placeholder(name))


def _placeholder(name: str) -> Callable:
    def refuse(**kwargs: Any) -> None:
        raise ImportError(
            f'{name} is in study.modules now, beside the rendered world in tools/study. Set '
            "custom_imports = dict(imports=['egoexo_mm', 'study.modules']) in the config and start "
            'it with a script of tools/, or with PYTHONPATH=tools.'
        )

    return refuse
