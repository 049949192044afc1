# shellcheck shell=bash disable=SC2154 # variables of the script that sources this
# Sourced: programs of this workspace. Needs $root and console.sh, toolchain.sh.

# build_programs [ARGUMENT OF CARGO…]: all programs of the workspace at once: built one by one, their dependencies would be built
# again with the features that each alone asks for. LOCKSTEP_PROGRAMS_BUILT=1: whoever calls has built them, with features of its own.
build_programs() {
  [ "${LOCKSTEP_PROGRAMS_BUILT:-}" = 1 ] || (cd "$root" && cargo build --workspace --bins --locked "$@")
}

# cargo_binary PROGRAM: builds it if it is not up to date, and prints its path.
cargo_binary() {
  ensure_toolchain
  build_programs --quiet >&2 || die "$1 could not be built"
  printf '%s' "${CARGO_TARGET_DIR:-$root/target}/debug/$1"
}
