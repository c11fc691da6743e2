#!/usr/bin/env bash
# Runs the unit tests of keyvault, sandbox and supervisor (of the latter two also those that fork) RUNS times, each time in
# another order and with another number of threads, while something else keeps every core busy. A test that fails once in
# these fails on somebody's machine. What went wrong is printed with the seed that gives the same order again.
set -euo pipefail
cd "$(dirname "$0")/.."
runs=$1
first_seed=${2:-1}
busy=()
said=$(mktemp)
trap '[ ${#busy[@]} = 0 ] || kill "${busy[@]}"; rm -f "$said"' EXIT

# One line a test binary: its crate's folder, where cargo would start it, and the binary. Of the whole workspace, so that nothing is
# built with other features than elsewhere.
binaries() {
  cargo test --workspace "$@" --no-run --message-format=json 2>/dev/null | grep '"profile":{[^}]*"test":true' |
    sed -n 's/.*"manifest_path":"\([^"]*\)\/Cargo.toml".*"executable":"\([^"]*\)".*/\1 \2/p'
}
cargo build --workspace --bins --tests
mapfile -t tests < <(
  binaries --lib | grep "^$PWD/keyvault "
  binaries --lib --bins --tests | grep -E "^$PWD/(sandbox|supervisor) "
)
[ ${#tests[@]} -gt 2 ] || { echo "no test binaries were built" >&2; exit 1; }

for _ in $(seq "$(nproc)"); do
  while :; do :; done &
  busy+=($!)
done

# RUSTC_BOOTSTRAP opens libtest's own --shuffle on a stable compiler; nothing else of the run looks at it.
failed=0
for seed in $(seq "$first_seed" $((first_seed + runs - 1))); do
  threads=$((1 + seed % (2 * $(nproc) + 1)))
  for line in "${tests[@]}"; do
    read -r folder test <<<"$line"
    order=(-Z unstable-options --shuffle-seed "$seed" --test-threads "$threads")
    if ! (cd "$folder" && RUSTC_BOOTSTRAP=1 "$test" "${order[@]}") >"$said" 2>&1; then
      grep -E '^(test .*FAILED|---- |thread |error|  (left|right):)' "$said" | head -n 40 || tail -n 40 "$said"
      echo "failed: cd $folder && RUSTC_BOOTSTRAP=1 $test ${order[*]}" >&2
      kept=$(mktemp -t "flakes-$seed-XXXXXX")
      cp "$said" "$kept"
      echo "all that it said: $kept" >&2
      failed=$((failed + 1))
    fi
  done
  echo "run $((seed - first_seed + 1)) of $runs: $failed failed so far"
done
[ "$failed" = 0 ]
