# shellcheck shell=bash
# Sourced: makes sure of the Rust toolchain that rust-toolchain.toml names.

ensure_toolchain() {
  if ! command -v cargo >/dev/null; then
    echo "cargo was not found: install Rust (https://rustup.rs) and run this again" >&2
    exit 1
  fi
  if ! command -v rustup >/dev/null; then return; fi
  # rustup may be told not to install by itself; asking it to is idempotent.
  rustup show active-toolchain >/dev/null 2>&1 || rustup toolchain install
  rustup target list --installed | grep -qx wasm32-unknown-unknown || rustup target add wasm32-unknown-unknown
}
