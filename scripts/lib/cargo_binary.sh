# shellcheck shell=bash disable=SC2154 # variables of the script that sources this
# Sourced: programs of this workspace. Needs $root and console.sh, toolchain.sh.

# cargo_binary PACKAGE PROGRAM: builds it if it is not up to date, and prints its path.
cargo_binary() {
  ensure_toolchain
  (cd "$root" && cargo build --quiet --locked -p "$1" --bin "$2" >&2) || die "$2 could not be built"
  printf '%s' "${CARGO_TARGET_DIR:-$root/target}/debug/$2"
}
