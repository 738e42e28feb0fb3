"""``import mmaction.models`` beside a transformers that its multimodal models do not fit.

Broken: mmaction2 imports its VindLU models wherever transformers 4.28 or newer is installed. They
need names that transformers 5 no longer has, timm and einops. Where one of them is missing,
``import mmaction.models`` fails, so no model of mmaction2 can be used.
Workaround: VindLU's imports are tried first. If one fails, mmaction2 registers its placeholders for
an environment without transformers, which say so when one is built.
Inactive: where transformers is not installed, VindLU's imports work, or mmaction2 has no such
models (before 1.2).
Delete: once mmaction2 guards the import.
"""

from __future__ import annotations

import importlib
import importlib.util

from .workaround import Workaround, package_dir

NAME = "mmaction2's multimodal models"
# module -> names that mmaction/models/multimodal/vindlu imports from it
_NEEDED = {
    'transformers': 'BertTokenizer',
    'transformers.models.beit.modeling_beit': 'BeitAttention BeitDropPath BeitEmbeddings BeitLayer '
    'BeitRelativePositionBias',
    'transformers.file_utils': 'add_start_docstrings_to_model_forward replace_return_docstrings',
    'transformers.modeling_utils': 'PreTrainedModel apply_chunking_to_forward '
    'find_pruneable_heads_and_indices prune_linear_layer',
    'timm.models.layers': 'DropPath',
    'einops': 'rearrange',
    'scipy': 'interpolate',
}


def apply() -> Workaround:
    """Switch the multimodal models off where they cannot be imported."""
    if package_dir('mmaction') is None or package_dir('transformers') is None:
        return Workaround(NAME, False, 'mmaction2 or transformers is not installed')
    if not importlib.util.find_spec('mmaction.utils.dependency'):
        return Workaround(NAME, False, 'this mmaction2 has none')
    from mmaction.utils import dependency

    if not dependency.WITH_MULTIMODAL:
        return Workaround(
            NAME, False, 'transformers is older than mmaction2 asks for, so it leaves them out'
        )
    missing = _missing()
    if missing is None:
        return Workaround(NAME, False, 'what they import is there')
    dependency.WITH_MULTIMODAL = False
    return Workaround(NAME, True, f'they cannot be imported here ({missing}); all other models can')


def _missing() -> str | None:
    """The first of the needed names that cannot be imported, or None."""
    for module, names in _NEEDED.items():
        try:
            found = importlib.import_module(module)
        except Exception as error:  # an import may end in any kind
            return f'{module}: {type(error).__name__}'
        for name in names.split():
            if not hasattr(found, name):
                return f'{module} has no {name}'
    return None
