# shellcheck shell=bash disable=SC2154 # variables of the script that sources this
# Sourced: Fabric's peer program as a client. Needs $fabric, the folder of the distribution.

# clean_env ASSIGNMENT… COMMAND…: without the CORE_* and ORDERER_* that the caller's shell may have for another network.
clean_env() {
  env -i PATH="$PATH" HOME="${HOME:-/}" TMPDIR="${TMPDIR:-/tmp}" ${LD_LIBRARY_PATH:+LD_LIBRARY_PATH="$LD_LIBRARY_PATH"} "$@"
}

# peer_as MSP-ID MSP-FOLDER PEER-ADDRESS TLS-CA ARGUMENTS…: one call of `peer` as that identity, to that peer.
peer_as() {
  local msp_id=$1 msp_dir=$2 address=$3 tls_ca=$4
  shift 4
  clean_env FABRIC_CFG_PATH="$fabric/config" FABRIC_LOGGING_SPEC=error \
    CORE_PEER_LOCALMSPID="$msp_id" CORE_PEER_MSPCONFIGPATH="$msp_dir" CORE_PEER_ADDRESS="$address" \
    CORE_PEER_TLS_ENABLED=true CORE_PEER_TLS_ROOTCERT_FILE="$tls_ca" \
    "$fabric/bin/peer" "$@"
}
