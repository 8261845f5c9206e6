#!/usr/bin/env bash
# Holds the schema and the examples against validators that are not ours: check-jsonschema (Python) and ajv-cli. Both are installed
# on the first run, into .cache and npm's own cache.
set -euo pipefail
cd "$(dirname "$0")/.."

schema=schemas/router.schema.json
files=(router.example.yaml examples/*.yaml examples/gitops/router.yaml)

venv=.cache/check-jsonschema
if [ ! -x "$venv/bin/check-jsonschema" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check 'check-jsonschema>=0.33,<1'
fi
"$venv/bin/check-jsonschema" --check-metaschema "$schema"
"$venv/bin/check-jsonschema" --schemafile "$schema" "${files[@]}"

ajv() { npx --yes --package ajv-cli@5 ajv "$@" --spec=draft2020; }
# Strict but for our own keywords and for what only a union of types can say.
common=(-s "$schema" --all-errors --strict=false)
ajv compile "${common[@]}"
for file in "${files[@]}"; do ajv validate "${common[@]}" -d "$file"; done

# And they refuse what is wrong.
for file in unknown-key missing-unit; do
  bad=test/fixtures/config/bad/$file.yaml
  if "$venv/bin/check-jsonschema" --schemafile "$schema" "$bad" >/dev/null; then
    echo "check-jsonschema accepts $bad" >&2
    exit 1
  fi
  if ajv validate "${common[@]}" -d "$bad" >/dev/null 2>&1; then
    echo "ajv-cli accepts $bad" >&2
    exit 1
  fi
done
echo 'schema: ok'
