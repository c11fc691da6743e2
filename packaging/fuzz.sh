#!/usr/bin/env bash
# Runs every fuzz target for some seconds. libFuzzer's instrumentation needs a nightly compiler.
set -euo pipefail
cd "$(dirname "$0")/../tests"
seconds=$1
nightly=$(rustup toolchain list | grep -o '^nightly[^ ]*' | head -1 || true)
if [ -z "$nightly" ]; then
  echo "fuzzing needs a nightly compiler: rustup toolchain install nightly --profile minimal" >&2
  exit 1
fi
said=$(mktemp)
trap 'rm -f "$said"' EXIT
failed=0
for target in $(cargo "+$nightly" fuzz list); do
  if cargo "+$nightly" fuzz run "$target" -- "-max_total_time=$seconds" -print_final_stats=1 >"$said" 2>&1; then
    printf '%-20s %s inputs\n' "$target" "$(awk '/stat::number_of_executed_units/ { print $2 }' "$said")"
  else
    tail -n 40 "$said"
    echo "$target failed" >&2
    failed=1
  fi
done
exit "$failed"
