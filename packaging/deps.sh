#!/usr/bin/env bash
# Installs what building and running Privatus needs, and nothing else; with `test`, also what the tests need.
# On Debian and its like through apt (with sudo when not root); elsewhere it says what to install.
set -euo pipefail

build_packages=(
  build-essential perl make cmake pkg-config capnproto libcapnp-dev curl ca-certificates
  libasound2-dev libx11-dev libxext-dev libxft-dev libxinerama-dev libxcursor-dev libxrender-dev libxfixes-dev
  libpango1.0-dev libgl1-mesa-dev libglu1-mesa-dev libwayland-dev wayland-protocols libxkbcommon-dev libdbus-1-dev
)
test_packages=(
  python3-cryptography xvfb xauth openbox xdotool imagemagick libimage-exiftool-perl weston fonts-dejavu-core fonts-noto-cjk
  dbus ibus ibus-anthy
)

packages=("${build_packages[@]}")
[ "${1:-}" = test ] && packages+=("${test_packages[@]}")

if command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; then
  missing=()
  for package in "${packages[@]}"; do
    state=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing+=("$package")
  done
  if [ ${#missing[@]} -gt 0 ]; then
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo)
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
  fi
elif ! command -v capnp >/dev/null || ! command -v cmake >/dev/null; then
  printf 'This is not a Debian-like system. Install what answers to these Debian packages, then run make again:\n  %s\n' \
    "${packages[*]}" >&2
  exit 1
fi

# Debian 12 ships a Rust that is too old; the toolchain comes from rustup, as its authors advise.
if ! command -v cargo >/dev/null && [ ! -x "$HOME/.cargo/bin/cargo" ]; then
  curl --proto '=https' --tlsv1.2 -fsS https://sh.rustup.rs | sh -s -- -y --profile minimal --component clippy,rustfmt
fi
PATH="$HOME/.cargo/bin:$PATH"
if [ "${1:-}" = test ] && ! cargo nextest --version >/dev/null 2>&1; then
  cargo install --locked cargo-nextest
fi
