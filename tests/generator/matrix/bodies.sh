#!/bin/sh
# Calls a generated script, $1, once for each signature named after it; what curl would be given
# to send goes to standard output, with a NUL after each.
# shellcheck disable=SC1090,SC2218
script=$1
shift
scratch=$(mktemp -d)
exec 3>&1
mktemp() {
  mkdir -p "$scratch" # which the script removes
  printf '%s' "$scratch"
}
curl() {
  cat >&3
  : >"$scratch/answer"
  printf '200 '
}
for signature in "$@"; do
  # A sample first; where there is none, a body of our own.
  { (
    set -- "$signature"
    . "$script"
  ) || echo '{"sample": null}' | (
    set -- "$signature" -
    . "$script"
  ); } >/dev/null || echo "$signature cannot be called"
  printf '\0'
done
rm -rf "$scratch"
