#!/usr/bin/env bash
# bash tools/run_tests.sh [arguments of pytest]: install what is missing, lint, run the tests.
set -eu
cd "$(dirname "$0")/.."
source tools/setup_env.sh pytest pytest-xdist ruff==0.17.6 scikit-learn scipy jinja2
echo "== lint"
ruff check .
ruff format --check .
echo "== tests"
# one thread a process: the tests run two at a time, and small models gain nothing from more
OMP_NUM_THREADS=1 exec python -m pytest -q -n 2 --dist loadfile --durations=10 "$@"
