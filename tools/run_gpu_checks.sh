#!/usr/bin/env bash
# bash tools/run_gpu_checks.sh [GPUS] [--minutes M] [--only STEP]... [--out DIR]: check and measure all that needs a GPU.
# Rehearsal without one: bash tools/run_gpu_checks.sh --device cpu --quick
set -eu
exec python "$(dirname "$0")/gpu_checks/main.py" "$@"
