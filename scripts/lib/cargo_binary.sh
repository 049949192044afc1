# shellcheck shell=bash disable=SC2154 # variables of the script that sources this
# Sourced: programs of this workspace. Needs $root and console.sh, toolchain.sh.

# cargo_binary PROGRAM: builds it if it is not up to date, and prints its path. All programs are built at once: built one by one,
# their dependencies would be built again with the features that each alone asks for.
cargo_binary() {
  ensure_toolchain
  (cd "$root" && cargo build --quiet --locked --workspace --bins >&2) || die "$1 could not be built"
  printf '%s' "${CARGO_TARGET_DIR:-$root/target}/debug/$1"
}
