# shellcheck shell=bash disable=SC2154 # variables of the profile, and $limit
# Sourced: the chaincode as a service: one process per organisation. Needs console.sh, process.sh, profile.sh, lifecycle.sh.

# ensure_chaincode ORGANIZATION-INDEX PACKAGE-ID PROGRAM: runs this program for this package; nothing to do if it does.
ensure_chaincode() {
  local name listen note
  name=$(process_name "$1")
  listen=${org_chaincode_listen[$1]:-${org_chaincode_address[$1]}}
  note="$2 $(cksum <"$3" | tr ' ' '-')"
  if is_running "$name"; then
    if [ "$(recorded "$name" note)" = "$note" ]; then return; fi
    say "${org_msp_id[$1]}: stopping the chaincode of an earlier build or package"
    stop_processes "$name"
  fi
  need_files "$1" "${org_chaincode_tls_cert[$1]}" "${org_chaincode_tls_key[$1]}" "${org_chaincode_client_ca[$1]}"
  if port_answers "$listen"; then die "another program listens on $listen, where the chaincode of ${org_msp_id[$1]} is to listen"; fi
  say "${org_msp_id[$1]}: starting the chaincode on $listen"
  start_process "$name" "$listen" "$note" env CHAINCODE_SERVER_ADDRESS="$listen" CORE_CHAINCODE_ID_NAME="$2" \
    CORE_PEER_LOCALMSPID="${org_msp_id[$1]}" CORE_PEER_TLS_ENABLED=true \
    CORE_TLS_CLIENT_KEY_FILE="${org_chaincode_tls_key[$1]}" CORE_TLS_CLIENT_CERT_FILE="${org_chaincode_tls_cert[$1]}" \
    CORE_PEER_TLS_ROOTCERT_FILE="${org_chaincode_client_ca[$1]}" "$3"
  await "$name" "$limit" "listen on $listen" port_answers "$listen"
}

# chaincode_answers ORGANIZATION-INDEX PEER-INDEX: through that peer; a coded refusal is an answer too. Another chaincode
# than the profile's is asked for its metadata.
chaincode_answers() {
  local output
  if [ -z "${other:-}" ]; then
    channels_answer "$1" "$2"
    return
  fi
  if output=$(peer_of "$1" "$2" chaincode query -C "$profile_channel" -n "$profile_chaincode" \
    -c '{"Args":["org.hyperledger.fabric:GetMetadata"]}' 2>&1); then return; fi
  # shellcheck disable=SC2034 # await says it
  reason=$(error_line "$output")
  return 1
}

channels_answer() {
  local output key=020000000000000000000000000000000000000000000000000000000000000001
  if output=$(peer_of "$1" "$2" chaincode query -C "$profile_channel" -n "$profile_chaincode" \
    -c "{\"Args\":[\"Channels\",\"bank\",\"$key\",\"1\",\"\"]}" 2>&1); then return; fi
  # shellcheck disable=SC2034 # await says it
  reason=$(error_line "$output")
  grep -Eq 'message:"LS[0-9]+ ' <<<"$output"
}
