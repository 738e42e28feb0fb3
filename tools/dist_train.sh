#!/usr/bin/env bash
# bash tools/dist_train.sh CONFIG GPUS [arguments of train.py]
# On several nodes, run it on each with NNODES, NODE_RANK and MASTER_ADDR set; PORT picks another port.
set -eu
CONFIG=$1
GPUS=$2
TOOLS=$(cd "$(dirname "$0")" && pwd)

# the first import of yapf, by MMEngine, leaves a cache in the home folder, which ranks must not find half written
python -c 'import yapf' 2> /dev/null || true

PYTHONPATH="$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}" exec torchrun \
    --nnodes "${NNODES:-1}" --node_rank "${NODE_RANK:-0}" --nproc_per_node "$GPUS" \
    --master_addr "${MASTER_ADDR:-127.0.0.1}" --master_port "${PORT:-29500}" \
    "$TOOLS/train.py" "$CONFIG" --launcher pytorch "${@:3}"
