#!/usr/bin/env bash
# Sets up .venv on first use, then runs experiments/main.py. See --help.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# A file is newer than the environment it describes: set up again.
if [ ! -e .venv/ready ] || [ requirements.txt -nt .venv/ready ]; then
  python=${PYTHON:-python3}
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "error: Python 3.11 or newer is needed; $("$python" --version) was" \
      "found. Name another one: PYTHON=python3.12 ./launch.sh" >&2
    exit 1
  }
  echo "setting up .venv (once; a few minutes)"
  "$python" -m venv .venv
  .venv/bin/python -m pip install --quiet --requirement requirements.txt
  touch .venv/ready
fi

case "${1-}" in
  test)
    shift
    .venv/bin/ruff check .
    .venv/bin/ruff format --check .
    .venv/bin/python -m mypy
    exec .venv/bin/python -m pytest -n 2 --dist loadfile "$@"
    ;;
  docs)
    shift
    needed=docs/requirements.txt
    if [ $needed -nt .venv/docs ] || [ .venv/ready -nt .venv/docs ]; then
      echo "installing MkDocs into .venv (once)"
      .venv/bin/python -m pip install --quiet \
        --requirement requirements.txt --requirement $needed
      touch .venv/docs
    fi
    export NO_MKDOCS_2_WARNING=1
    exec .venv/bin/python -m mkdocs build --strict "$@"
    ;;
  *)
    exec .venv/bin/python -m experiments.main "$@"
    ;;
esac
