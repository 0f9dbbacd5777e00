#!/usr/bin/env bash
# Fetches the engine library that package-lock.json pins, about 180 MB; on a
# terminal it shows how far it has unpacked.
set -euo pipefail
cd "$(dirname "$0")"

command -v npm >/dev/null || {
  echo "npm is needed to fetch the engine library: install Node.js and npm" >&2
  exit 1
}
echo "fetching the ClickHouse engine library (about 180 MB, once)"
npm ci --ignore-scripts --no-audit --no-fund --no-progress &
npm=$!
trap 'kill "$npm" 2>/dev/null || true' INT TERM
if [ -t 2 ]; then
  while kill -0 "$npm" 2>/dev/null; do
    printf '\r  unpacked %4s of 543 MB' "$(du -sm node_modules 2>/dev/null | cut -f1)" >&2
    sleep 0.5
  done
  printf '\r\033[K' >&2
fi
wait "$npm"
