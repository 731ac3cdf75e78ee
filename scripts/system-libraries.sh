#!/usr/bin/env bash
# Installs what reads pictures (JPEG, PNG, WebP, GIF, TIFF), archives, sounds and HDF5 files and, on Linux, what computes SHA-256, where it is missing.
# SEESAW_VIDEO=1 adds FFmpeg's libraries, which read video and are many.
set -euo pipefail

say() { printf 'system libraries: %s\n' "$1"; }
fail() {
  printf 'system libraries: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '  %s\n' "$@" >&2
  exit 1
}

libraries=(libjpeg libpng libwebp libwebpdemux libgif libtiff-4 zlib libarchive sndfile hdf5)
# macOS has CryptoKit.
[ "$(uname -s)" = Darwin ] || libraries+=(libcrypto)

debian=() brewed=()
if [ -n "${SEESAW_VIDEO:-}" ]; then
  libraries+=(libavformat libavcodec libswscale libswresample)
  debian=(libavformat-dev libavcodec-dev libswscale-dev libswresample-dev)
  brewed=(ffmpeg)
fi

# giflib brings a file for pkg-config on some systems only.
there() {
  pkg-config --exists "$1" && return
  [ "$1" = libgif ] || return 1
  local root
  for root in /usr /usr/local /opt/homebrew /opt/homebrew/opt/giflib /usr/local/opt/giflib; do
    [ ! -f "$root/include/gif_lib.h" ] || return 0
  done
  return 1
}

missing() {
  command -v pkg-config >/dev/null || { echo "pkg-config ${libraries[*]}"; return; }
  for library in "${libraries[@]}"; do
    there "$library" || printf '%s ' "$library"
  done
}

lacking="$(missing)"
if [ -z "$lacking" ]; then
  versions=""
  for library in "${libraries[@]}"; do versions+=", $library $(pkg-config --modversion "$library" 2>/dev/null || true)"; done
  say "${versions#, } (already there)"
  exit 0
fi

case "$(uname -s)" in
  Darwin)
    command -v brew >/dev/null \
      || fail "missing: $lacking" "install Homebrew, then: brew install pkgconf jpeg-turbo libpng webp giflib libtiff libarchive libsndfile hdf5 ${brewed[*]-}"
    brew install --quiet pkgconf jpeg-turbo libpng webp giflib libtiff libarchive libsndfile hdf5 ${brewed[@]+"${brewed[@]}"}
    # Homebrew links no pkg-config file of what macOS has of its own.
    export PKG_CONFIG_PATH="$(brew --prefix libarchive)/lib/pkgconfig:${PKG_CONFIG_PATH:-}"
    ;;
  Linux)
    wanted="pkg-config libpng-dev libwebp-dev libgif-dev libtiff-dev zlib1g-dev libarchive-dev libsndfile1-dev libhdf5-dev libssl-dev and libjpeg62-turbo-dev (Debian) or libjpeg-turbo8-dev (Ubuntu) ${debian[*]-}"
    command -v apt-get >/dev/null || fail "missing: $lacking" \
      "install pkg-config and the development packages of libjpeg-turbo, libpng, libwebp, giflib, libtiff, zlib, libarchive, libsndfile, libhdf5 and OpenSSL"
    root=()
    if [ "$(id -u)" -ne 0 ]; then
      command -v sudo >/dev/null \
        || fail "missing: $lacking; installing them needs root" "as root: apt-get install $wanted"
      root=(sudo)
    fi
    say "missing: $lacking; installing"
    ${root[@]+"${root[@]}"} apt-get -qq update \
      || say "the package lists could not be refreshed; trying with those there are"
    jpeg=libjpeg-dev
    for package in libjpeg62-turbo-dev libjpeg-turbo8-dev; do
      if apt-cache show "$package" >/dev/null 2>&1; then
        jpeg="$package"
        break
      fi
    done
    ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive \
      apt-get -qq install -y --no-install-recommends pkg-config "$jpeg" libpng-dev libwebp-dev libgif-dev libtiff-dev zlib1g-dev \
      libarchive-dev libsndfile1-dev libhdf5-dev libssl-dev ${debian[@]+"${debian[@]}"} \
      >/dev/null \
      || fail "apt-get could not install them" "by hand: apt-get install $wanted"
    ;;
  *)
    fail "missing: $lacking" "install libjpeg-turbo, libpng, libwebp, giflib, libtiff, zlib, libarchive, libsndfile, libhdf5, OpenSSL and pkg-config"
    ;;
esac

lacking="$(missing)"
[ -z "$lacking" ] || fail "still missing after installing: $lacking" "see: pkg-config --print-errors --exists $lacking"
say "installed"
