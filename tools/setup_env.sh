# Sourced by run_tests.sh and run_demo.sh: the active environment, or .venv of this checkout, with what is missing.
#   source tools/setup_env.sh [further requirements]
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PIP_DISABLE_PIP_VERSION_CHECK=1
if [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ]; then
    echo "== environment: the active one, ${VIRTUAL_ENV:-${CONDA_PREFIX:-}}"
    python "$ROOT/tools/setup_env.py" "$@"
else
    # one that was left half made has no activate or no pip
    if [ ! -f "$ROOT/.venv/bin/activate" ] || ! "$ROOT/.venv/bin/python" -m pip --version >/dev/null 2>&1; then
        echo "== environment: making $ROOT/.venv (activate one of yours first to use that instead)"
        python3 -m venv --clear "$ROOT/.venv"
    else
        echo "== environment: $ROOT/.venv"
    fi
    # shellcheck disable=SC1091
    source "$ROOT/.venv/bin/activate"
    python "$ROOT/tools/setup_env.py" --exact "$@"
fi
