#!/usr/bin/env bash
# Makes the data directory of an earlier version for the test of upgrades:
#
#	cmd/leadgate/testdata/upgrade/make.sh REVISION
#
# builds that revision's gateway, sends it deliveries of all kinds, kills it in
# the middle of the work, and writes here VERSION.tar.gz (the data_dir),
# VERSION.yaml (its configuration) and VERSION.json (what that version itself
# counts after another start). VERSION is the revision's tag, else its short
# hash. Needs git, Go and the engine library (make engine). TestUpgrade finds
# what is here. Never made again for a version that is there: what an earlier
# script made is what the test is about.
set -euo pipefail
revision=${1:?usage: make.sh REVISION}
cd "$(dirname "$0")/../../../.."
commit=$(git rev-parse --verify "$revision^{commit}")
version=$(git describe --tags --exact-match "$commit" 2>/dev/null || git rev-parse --short=7 "$commit")
test ! -e "cmd/leadgate/testdata/upgrade/$version.tar.gz" || { echo "$version is there already" >&2; exit 1; }
tree=$(mktemp -d)
trap 'git worktree remove --force "$tree/source" 2>/dev/null || true; rm -rf "$tree"' EXIT
git worktree add --quiet --detach "$tree/source" "$commit"
go build -C "$tree/source" -trimpath -ldflags "-s -w -X main.version=$version" -o "$tree/leadgate" ./cmd/leadgate
UPGRADE_BINARY="$tree/leadgate" UPGRADE_VERSION="$version" \
	go test -tags upgrade -count=1 -run '^TestMakeUpgrade$' -v ./cmd/leadgate
ls -l "cmd/leadgate/testdata/upgrade/$version".*
