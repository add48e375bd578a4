#!/bin/sh
# Starts run.mjs with the Node of this folder. Nothing but the shell's own words, so that it needs no PATH.
CDPATH=
case $0 in
*/*) here=$(cd "${0%/*}/" && pwd) ;;
*) here=$(pwd) ;;
esac
if ! "$here/node" -e 0; then
  echo "the Node in $here does not start here; it needs Linux on x86-64 with glibc 2.34 or newer and libstdc++.so.6" >&2
  exit 1
fi
exec "$here/node" "$here/run/run.mjs" "$@"
