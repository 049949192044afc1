# shellcheck shell=bash disable=SC2154 # variables of the profile, and $sequence, $policy, $collections, $limit, $selected
# Sourced: installs, approves and commits a chaincode definition. Every step first asks what is there already.
# Needs console.sh, peer_command.sh, profile.sh.

readonly CHAINCODE_VERSION=1.0

# What a network says while it is still finding itself: worth asking again.
readonly TEMPORARY='no Raft leader|SERVICE_UNAVAILABLE|No metadata was found|no combination of peers|code = Unavailable|connection refused|timed out waiting for txid|deadline exceeded'

# retrying WHAT COMMAND…: until it succeeds; only temporary errors are tried again, until the deadline. The output is
# left in $answer. WHAT completes "could not …".
retrying() {
  local what=$1 deadline
  shift
  deadline=$((SECONDS + limit))
  until answer=$("$@" 2>&1); do
    if ! grep -Eq "$TEMPORARY" <<<"$answer" || [ "$SECONDS" -ge "$deadline" ]; then
      die "could not $what: $(error_line "$answer")$(hint "$answer")"
    fi
    sleep 0.5
  done
}

# error_line OUTPUT: of all that `peer` prints when it fails (its usage too), the sentence.
error_line() {
  local line
  line=$(grep -m 1 '^Error: ' <<<"$1") || line=$(grep -v '^ *$' <<<"$1" | tail -n 1) || true
  printf '%s' "${line#Error: }"
}

hint() {
  if grep -q 'with different parameters' <<<"$1"; then
    printf ' (the committed definition has another policy: give the same --signature-policy, or the next --sequence)'
  fi
}

# peer_of ORGANIZATION-INDEX PEER-INDEX ARGUMENTS…: as that organisation's administrator.
peer_of() {
  local organization=$1 peer=$2
  shift 2
  peer_as "${org_msp_id[$organization]}" "${org_admin_msp_dir[$organization]}" "${org_admin_tls_cert[$organization]}" \
    "${org_admin_tls_key[$organization]}" "${peer_address[$peer]}" "${peer_tls_ca[$peer]}" "$@"
}

first_peer_of() { peers_of "$1" | head -n 1; }

# definition: the arguments that say what is approved and committed.
definition() {
  printf '%s\n' --channelID "$profile_channel" --name "$profile_chaincode" --version "$CHAINCODE_VERSION" \
    --sequence "$sequence" --signature-policy "$policy"
  if [ -n "${collections:-}" ]; then printf '%s\n' --collections-config "$collections"; fi
}

ordering() {
  printf '%s\n' -o "${orderer_address[0]}" --ordererTLSHostnameOverride "${orderer_server_name[0]}" \
    --tls --cafile "${orderer_tls_ca[0]}"
}

# committed_sequence ORGANIZATION-INDEX: 0 if the channel has no such chaincode.
committed_sequence() {
  local found
  found=$(peer_of "$1" "$(first_peer_of "$1")" lifecycle chaincode querycommitted --channelID "$profile_channel" --name "$profile_chaincode" 2>&1) || {
    if grep -q 'is not defined' <<<"$found"; then
      printf 0
      return
    fi
    die "could not ask ${org_msp_id[$1]}'s peer for the chaincode's definition: $(error_line "$found")"
  }
  sed -n 's/^Version: .*, Sequence: \([0-9]*\),.*/\1/p' <<<"$found" | head -n 1
}

# install ORGANIZATION-INDEX FILE PACKAGE-ID: on each of its peers that does not have it.
install() {
  local peer
  for peer in $(peers_of "$1"); do
    retrying "ask ${peer_address[$peer]} what is installed" peer_of "$1" "$peer" lifecycle chaincode queryinstalled
    if grep -qF "$3" <<<"$answer"; then continue; fi
    say "${org_msp_id[$1]}: installing on ${peer_address[$peer]}"
    retrying "install on ${peer_address[$peer]}" peer_of "$1" "$peer" lifecycle chaincode install "$2"
  done
}

# approved_package ORGANIZATION-INDEX: the package id that it approved at $sequence, or nothing.
approved_package() {
  peer_of "$1" "$(first_peer_of "$1")" lifecycle chaincode queryapproved --channelID "$profile_channel" \
    --name "$profile_chaincode" --sequence "$sequence" 2>/dev/null | sed -n 's/.*package-id: \([^,]*\),.*/\1/p'
}

# has_approved ORGANIZATION-INDEX PACKAGE-ID COMMITTED: this very definition with this very package.
has_approved() {
  if [ "$(approved_package "$1")" != "$2" ]; then return 1; fi
  if [ "$3" = "$sequence" ]; then [ -z "$policy_was_given" ]; else approvals "$1" | grep -qx "${org_msp_id[$1]}: true"; fi
}

# approvals ORGANIZATION-INDEX: lines `MSPID: true` and `MSPID: false` for the definition at $sequence.
approvals() {
  local arguments=()
  while IFS= read -r argument; do arguments+=("$argument"); done < <(definition)
  peer_of "$1" "$(first_peer_of "$1")" lifecycle chaincode checkcommitreadiness "${arguments[@]}" 2>/dev/null |
    sed -n 's/^\([^ ]*: \(true\|false\)\).*/\1/p'
}

# approve ORGANIZATION-INDEX PACKAGE-ID
approve() {
  local arguments=()
  while IFS= read -r argument; do arguments+=("$argument"); done < <(definition && ordering)
  say "${org_msp_id[$1]}: approving sequence $sequence"
  retrying "approve for ${org_msp_id[$1]}" approve_once "$1" --package-id "$2" "${arguments[@]}"
}

# A definition approved before, for example by a call that was cut off while it waited, is no failure.
approve_once() {
  local organization=$1 output
  shift
  if output=$(peer_of "$organization" "$(first_peer_of "$organization")" lifecycle chaincode approveformyorg "$@" 2>&1); then return; fi
  printf '%s\n' "$output"
  grep -q 'unchanged content' <<<"$output"
}

# commit ORGANIZATION-INDEX: once enough organisations have approved; endorsed by a peer of each that has.
commit() {
  local arguments=() organization ready deadline=$((SECONDS + 10))
  # This organisation's peer may be a block behind the one where the last approval was made.
  until ready=$(approvals "$1") && all_selected_in "$ready"; do
    if [ "$SECONDS" -ge "$deadline" ]; then break; fi
    sleep 0.2
  done
  warn_missing_approvals "$ready"
  while IFS= read -r argument; do arguments+=("$argument"); done < <(definition && ordering)
  for organization in "${!org_msp_id[@]}"; do
    if ! grep -qx "${org_msp_id[$organization]}: true" <<<"$ready" || [ -z "$(first_peer_of "$organization")" ]; then continue; fi
    arguments+=(--peerAddresses "${peer_address[$(first_peer_of "$organization")]}"
      --tlsRootCertFiles "${peer_tls_ca[$(first_peer_of "$organization")]}")
  done
  say "committing sequence $sequence"
  retrying "commit the chaincode's definition" peer_of "$1" "$(first_peer_of "$1")" lifecycle chaincode commit "${arguments[@]}"
}

# all_selected_in APPROVALS: every organisation that this call is about has approved.
all_selected_in() {
  local organization
  for organization in "${selected[@]}"; do grep -qx "${org_msp_id[$organization]}: true" <<<"$1" || return 1; done
}

warn_missing_approvals() {
  local missing
  missing=$(sed -n 's/: false$//p' <<<"$1" | tr '\n' ' ')
  if [ -n "$missing" ]; then say "not approved yet by: ${missing% }"; fi
}
