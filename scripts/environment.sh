#!/bin/sh
# Makes .venv and installs the project into it.
# Usage: environment.sh [LOCK]; without LOCK, the ranges of pyproject.toml are used.
set -eu

lock=${1-}
is_new_enough='import sys; sys.exit(sys.version_info < (3, 11))'

find_python() {
    if [ -n "${PYTHON-}" ]; then
        candidates=$PYTHON
    else
        candidates='python3 python3.13 python3.12 python3.11 python3.14 python'
    fi
    for candidate in $candidates; do
        if command -v "$candidate" >/dev/null && "$candidate" -c "$is_new_enough" 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
    found=$(python3 --version 2>/dev/null || echo 'no python3')
    echo "PDL needs Python 3.11 or newer; this machine offers: ${PYTHON-$found}." >&2
    echo 'Install it, or name one: make PYTHON=/path/to/python3.12 serve' >&2
    exit 1
}

if ! .venv/bin/python -c "$is_new_enough" 2>/dev/null || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    echo "Making .venv with $("$python" --version)."
    if ! "$python" -m venv --clear .venv; then
        echo "$python can not make environments. On Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    fi
fi

echo 'Installing the project and its packages into .venv: minutes the first time, seconds later.'
quiet=--quiet
if [ -t 1 ] && [ -z "${CI-}" ]; then quiet=; fi
pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input "$@"; }
if [ -n "$lock" ]; then
    pip install $quiet --require-hashes -r "$lock"
    pip install $quiet --no-deps --no-build-isolation -e .
else
    pip install $quiet --upgrade -e '.[pretrained,tracking,docs,dev]'
fi
