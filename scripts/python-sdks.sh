#!/usr/bin/env bash
# Prepares .cache/python with the SDKs that test/sdk/requirements.txt pins, unless it holds just these; prints its interpreter.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=test/sdk/requirements.txt
venv=.cache/python
if ! cmp --silent "$wanted" "$venv/installed.txt"; then
  rm -rf "$venv"
  python3 -m venv "$venv" >&2
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$wanted" >&2
  cp "$wanted" "$venv/installed.txt"
fi
echo "$PWD/$venv/bin/python"
