#!/usr/bin/env bash
# Installs a tool of cargo's that only long work needs, if it is missing.
set -euo pipefail
tool=$1
command -v "$tool" >/dev/null || cargo install --locked "$tool"
if [ "$tool" = cargo-llvm-cov ]; then
  rustup component add llvm-tools
fi
