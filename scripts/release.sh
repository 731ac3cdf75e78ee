#!/usr/bin/env bash
# Checks that the version in Sources/Experiments/Experiment.swift can be released from this checkout, and makes its tag.
#
#   scripts/release.sh --check    checks, and makes no tag
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

wrong=0
fault() {
  printf 'release: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf '  %s\n' "$2" >&2
  wrong=1
}

version="$(sed -n 's/.*static let version = "\(.*\)"/\1/p' Sources/Experiments/Experiment.swift)"
[[ "$version" =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || fault "the version is '$version', not MAJOR.MINOR.PATCH"
branch="$(git rev-parse --abbrev-ref HEAD)"
[ "$branch" = main ] || fault "the branch is '$branch'" "git switch main"
[ -z "$(git status --porcelain)" ] || fault "the tree is not clean" "commit or stash: git status"
! git rev-parse --quiet --verify "refs/tags/v$version" >/dev/null || fault "there is a tag v$version already" \
  "choose the next version in Sources/Experiments/Experiment.swift"

section="$(awk -v head="## [$version]" 'index($0, head) == 1 { found = 1; next } /^## / { found = 0 } found' CHANGELOG.md)"
[ -n "${section//[[:space:]]/}" ] || fault "CHANGELOG.md says nothing of $version" "a section '## [$version] - $(date -u +%F)'"
grep -qE "^## \[$version\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$" CHANGELOG.md \
  || fault "the section of $version in CHANGELOG.md has no date" "## [$version] - $(date -u +%F)"
! awk '/^## \[Unreleased\]/ { found = 1; next } /^## / { found = 0 } found' CHANGELOG.md | grep -q '[^[:space:]]' \
  || fault "CHANGELOG.md has unreleased changes" "move them to the section of $version"
grep -q "^version: $version$" CITATION.cff || fault "CITATION.cff has another version" "version: $version"

[ "$wrong" -eq 0 ] || exit 1
echo "release: $version at $(git rev-parse --short=7 HEAD) can be released"
[ "${1:-}" != --check ] || exit 0
git tag -a "v$version" -m "Seesaw $version"
echo "release: made the tag v$version; publish it with  git push origin main v$version"
