#!/usr/bin/env bash
# [GPUS=8 GPUS_PER_NODE=8 CPUS_PER_TASK=5 SRUN_ARGS=...] bash tools/slurm_train.sh PARTITION JOB_NAME CONFIG [arguments of train.py]
set -eu
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
TOOLS=$(cd "$(dirname "$0")" && pwd)
export MASTER_PORT=${MASTER_PORT:-$((12000 + RANDOM % 20000))}

# the first import of yapf, by MMEngine, leaves a cache in the home folder, which ranks must not find half written
python -c 'import yapf' 2> /dev/null || true

# shellcheck disable=SC2086  (SRUN_ARGS holds several words)
PYTHONPATH="$TOOLS/..${PYTHONPATH:+:$PYTHONPATH}" exec srun -p "$PARTITION" --job-name="$JOB_NAME" \
    --gres="gpu:${GPUS_PER_NODE:-8}" --ntasks="${GPUS:-8}" --ntasks-per-node="${GPUS_PER_NODE:-8}" \
    --cpus-per-task="${CPUS_PER_TASK:-5}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$TOOLS/train.py" "$CONFIG" --launcher slurm "${@:4}"
