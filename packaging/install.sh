#!/usr/bin/env bash
# Puts what was built where a system looks for it: install.sh BINARIES SHARE FOLDER.
# bin gets the one command; what it starts lies in libexec/privatus, in nobody's PATH; share gets completions and man pages.
set -euo pipefail
binaries=$1 share=$2 to=$3
parts=(supervisor keyvault netd onion stored mediad privatus-ui)

for file in "$binaries/privatus" "${parts[@]/#/$binaries/}" "$share/bash-completion/completions/privatus" "$share/man/man1/privatus.1"; do
  [ -f "$file" ] || { echo "$file is missing: make build completions man" >&2; exit 1; }
done

install -d "$to/bin" "$to/libexec/privatus"
install -m 755 "$binaries/privatus" "$to/bin/privatus"
for name in "${parts[@]}"; do
  install -m 755 "$binaries/$name" "$to/libexec/privatus/$name"
done
(cd "$share" && find . -type f -print0) | while IFS= read -r -d '' file; do
  install -D -m 644 "$share/$file" "$to/share/$file"
done
