# shellcheck shell=bash disable=SC2154 # variables of the script that sources this
# Sourced: Fabric's peer program as a client. Needs $fabric, the folder of the distribution.

# clean_env ASSIGNMENT… COMMAND…: without the CORE_* and ORDERER_* that the caller's shell may have for another network.
clean_env() {
  env -i PATH="$PATH" HOME="${HOME:-/}" TMPDIR="${TMPDIR:-/tmp}" ${LD_LIBRARY_PATH:+LD_LIBRARY_PATH="$LD_LIBRARY_PATH"} "$@"
}

# peer_as MSP-ID MSP-FOLDER TLS-CERT TLS-KEY PEER-ADDRESS TLS-CA ARGUMENTS…: one call of `peer` as that identity, to that
# peer. Where TLS-CERT and TLS-KEY are not empty, they are shown to the peer.
peer_as() {
  local msp_id=$1 msp_dir=$2 tls_cert=$3 tls_key=$4 address=$5 tls_ca=$6 mutual=false
  shift 6
  [ -z "$tls_cert" ] || mutual=true
  clean_env FABRIC_CFG_PATH="$fabric/config" FABRIC_LOGGING_SPEC=error \
    CORE_PEER_LOCALMSPID="$msp_id" CORE_PEER_MSPCONFIGPATH="$msp_dir" CORE_PEER_ADDRESS="$address" \
    CORE_PEER_TLS_ENABLED=true CORE_PEER_TLS_ROOTCERT_FILE="$tls_ca" CORE_PEER_TLS_CLIENTAUTHREQUIRED="$mutual" \
    CORE_PEER_TLS_CLIENTCERT_FILE="$tls_cert" CORE_PEER_TLS_CLIENTKEY_FILE="$tls_key" \
    "$fabric/bin/peer" "$@"
}
