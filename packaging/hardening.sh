#!/usr/bin/env bash
# Looks into built binaries for what .cargo/config.toml and the linker put there: hardening.sh FOLDER [BINARY…].
# Every binary: position-independent, relocations read-only after the start, no executable stack, no library path of its own.
# The three with C or C++ inside: calls of the stack protector and of the checked (FORTIFY) functions.
set -euo pipefail
folder=$1
shift
binaries=("$@")
[ ${#binaries[@]} -gt 0 ] || binaries=(privatus privatus-ui supervisor keyvault netd onion stored mediad)
with_c=" privatus-ui netd stored "
failed=0

wrong() {
  echo "$folder/$1: $2" >&2
  failed=1
}

for name in "${binaries[@]}"; do
  file=$folder/$name
  [ -f "$file" ] || { wrong "$name" "not built: make build"; continue; }
  header=$(readelf -hW "$file")
  segments=$(readelf -lW "$file")
  dynamic=$(readelf -dW "$file")
  imports=$(readelf --dyn-syms -W "$file")
  grep -q 'Type: *DYN' <<<"$header" || wrong "$name" "not position-independent"
  grep -q GNU_RELRO <<<"$segments" || wrong "$name" "no read-only relocations (RELRO)"
  grep -q 'BIND_NOW\|NOW' <<<"$dynamic" || wrong "$name" "binds late (no BIND_NOW)"
  grep -q 'GNU_STACK.* RW ' <<<"$segments" || wrong "$name" "an executable stack"
  ! grep -q 'RPATH\|RUNPATH' <<<"$dynamic" || wrong "$name" "looks for libraries in a folder of its own"
  case $with_c in
  *" $name "*)
    grep -q ' UND __stack_chk_fail' <<<"$imports" || wrong "$name" "no stack protector: were CFLAGS of .cargo/config.toml used?"
    grep -q ' UND __[a-z]*_chk[@ ]' <<<"$imports" || wrong "$name" "no FORTIFY: were CFLAGS of .cargo/config.toml used?"
    ;;
  esac
done
exit "$failed"
