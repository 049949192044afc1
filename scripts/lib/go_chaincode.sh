# shellcheck shell=bash disable=SC2154 # $root of the script that sources this
# Sourced: asset-transfer-basic on Hyperledger's library for Go, built. Needs $root.

# build_go_chaincode: leaves the program in $go_chaincode, or why there is none in $go_missing.
build_go_chaincode() {
  # shellcheck disable=SC2034 # of the script that sources this
  go_chaincode=$root/target/go/basic go_missing=""
  if ! command -v go >/dev/null; then
    go_missing="the chaincode in Go, since go was not found"
  elif ! (cd "$root/tests/go/basic" && go build -mod=readonly -trimpath -o "$go_chaincode" .) >&2; then
    # shellcheck disable=SC2034 # of the script that sources this
    go_missing="the chaincode in Go, since it could not be built"
  fi
}
