# shellcheck shell=bash disable=SC2154 # variables of the script that sources this
# Sourced: a Fabric network of native processes on loopback: one raft orderer, three organisations with a peer each.
# Every node takes the distribution's own configuration, with what differs in its environment.
# Needs $root, $state, $fabric, $port_base, $block_time, $mutual_tls, $couchdb, $limit, and console.sh, process.sh, state.sh, peer_command.sh.

readonly CHANNEL=payments
readonly ORGANIZATIONS="Bank Client Vendor"

lower() { printf '%s' "$1" | tr '[:upper:]' '[:lower:]'; }

# port OFFSET: the ports of a network, all from one base; network/README.md has the table.
port() { printf '%s' $((port_base + $1)); }
readonly ORDERER=0 ORDERER_ADMIN=4 CHAINCODE=10 OPERATIONS=20 CHAINCODE_SUPPORT=30

# number_of ORGANIZATION: 1, 2 or 3; added to an offset above it gives the organisation's port.
number_of() { case "$1" in Bank) printf 1 ;; Client) printf 2 ;; Vendor) printf 3 ;; esac }

peer_address() { printf '127.0.0.1:%s' "$(port "$(number_of "$1")")"; }

orderer_home() { printf '%s/organizations/ordererOrganizations/lockstep.test' "$state"; }
orderer_node() { printf '%s/orderers/orderer.lockstep.test' "$(orderer_home)"; }
organization_domain() { printf '%s.lockstep.test' "$(lower "$1")"; }
organization_home() { printf '%s/organizations/peerOrganizations/%s' "$state" "$(organization_domain "$1")"; }
user_home() { printf '%s/users/%s@%s' "$(organization_home "$1")" "$2" "$(organization_domain "$1")"; }
host_of() { printf '%s/peers/%s.%s' "$(organization_home "$1")" "$2" "$(organization_domain "$1")"; }

# make_identities: keys and certificates, once.
make_identities() {
  if [ -d "$state/organizations" ]; then return; fi
  say "making identities"
  rm -rf "$state/organizations.new"
  run_tool cryptogen generate --config "$root/network/fabric/crypto-config.yaml" --output "$state/organizations.new"
  chmod -R go-rwx "$state/organizations.new"
  mv "$state/organizations.new" "$state/organizations"
}

# make_genesis_block: the channel's first block, once.
make_genesis_block() {
  if [ -f "$state/channel/$CHANNEL.block" ]; then return; fi
  say "making the genesis block of channel $CHANNEL"
  mkdir -p "$state/channel"
  sed -e "s/@ORDERER_PORT@/$(port $ORDERER)/" -e "s/@BLOCK_TIME@/$block_time/" \
    -e "s/@BANK_PORT@/$(port 1)/" -e "s/@CLIENT_PORT@/$(port 2)/" -e "s/@VENDOR_PORT@/$(port 3)/" \
    "$root/network/fabric/configtx.yaml" >"$state/channel/configtx.yaml"
  run_tool configtxgen -configPath "$state/channel" -profile Channel -channelID "$CHANNEL" -outputBlock "$state/channel/new.block"
  mv "$state/channel/new.block" "$state/channel/$CHANNEL.block"
}

# run_tool PROGRAM ARGUMENTS…: one of Fabric's tools, silent unless it fails.
run_tool() {
  local output tool=$1
  shift
  if ! output=$(clean_env "$fabric/bin/$tool" "$@" 2>&1); then
    warn "$output"
    die "$tool failed"
  fi
}

# refuse_taken_ports: says which ports somebody else holds, before anything is started.
refuse_taken_ports() {
  local taken="" number
  if ! is_running orderer; then
    for number in $ORDERER $ORDERER_ADMIN $OPERATIONS; do taken+=$(taken_port "$number"); done
  fi
  local organization
  for organization in $ORGANIZATIONS; do
    if is_running "$(lower "$organization")-peer"; then continue; fi
    number=$(number_of "$organization")
    taken+=$(taken_port "$number")$(taken_port $((OPERATIONS + number)))$(taken_port $((CHAINCODE_SUPPORT + number)))
  done
  [ -z "$taken" ] || die "in use by another program on 127.0.0.1: port${taken}; stop it, or choose another --port-base"
}

taken_port() { if port_answers "127.0.0.1:$(port "$1")"; then printf ' %s' "$(port "$1")"; fi; }

start_orderer() {
  local node tls
  node=$(orderer_node)
  tls=$node/tls
  start_process orderer "127.0.0.1:$(port $ORDERER)" "" env -i PATH="$PATH" HOME="${HOME:-/}" \
    FABRIC_CFG_PATH="$fabric/config" FABRIC_LOGGING_SPEC=info \
    ORDERER_GENERAL_LISTENADDRESS=127.0.0.1 ORDERER_GENERAL_LISTENPORT="$(port $ORDERER)" \
    ORDERER_GENERAL_LOCALMSPID=OrdererMSP ORDERER_GENERAL_LOCALMSPDIR="$node/msp" \
    ORDERER_GENERAL_TLS_ENABLED=true ORDERER_GENERAL_TLS_PRIVATEKEY="$tls/server.key" \
    ORDERER_GENERAL_TLS_CERTIFICATE="$tls/server.crt" ORDERER_GENERAL_TLS_ROOTCAS="[$tls/ca.crt]" \
    ORDERER_GENERAL_CLUSTER_CLIENTCERTIFICATE="$tls/server.crt" ORDERER_GENERAL_CLUSTER_CLIENTPRIVATEKEY="$tls/server.key" \
    ORDERER_GENERAL_CLUSTER_ROOTCAS="[$tls/ca.crt]" \
    ORDERER_GENERAL_BOOTSTRAPMETHOD=none ORDERER_CHANNELPARTICIPATION_ENABLED=true \
    ORDERER_ADMIN_LISTENADDRESS="127.0.0.1:$(port $ORDERER_ADMIN)" ORDERER_ADMIN_TLS_ENABLED=true \
    ORDERER_ADMIN_TLS_CERTIFICATE="$tls/server.crt" ORDERER_ADMIN_TLS_PRIVATEKEY="$tls/server.key" \
    ORDERER_ADMIN_TLS_CLIENTAUTHREQUIRED=true ORDERER_ADMIN_TLS_CLIENTROOTCAS="[$tls/ca.crt]" \
    ORDERER_FILELEDGER_LOCATION="$state/data/orderer" \
    ORDERER_CONSENSUS_WALDIR="$state/data/orderer/etcdraft/wal" ORDERER_CONSENSUS_SNAPDIR="$state/data/orderer/etcdraft/snapshot" \
    ORDERER_OPERATIONS_LISTENADDRESS="127.0.0.1:$(port $OPERATIONS)" ORDERER_METRICS_PROVIDER=prometheus \
    "$fabric/bin/orderer"
}

# start_peer ORGANIZATION
start_peer() {
  local node number address name mutual=() authorities="" organization state_database=() databases
  node=$(host_of "$1" peer0)
  number=$(number_of "$1")
  address=$(peer_address "$1")
  name=$(lower "$1")
  if [ -n "$mutual_tls" ]; then
    for organization in $ORGANIZATIONS; do authorities+="$(host_of "$organization" peer0)/tls/ca.crt "; done
    mutual=(CORE_PEER_TLS_CLIENTAUTHREQUIRED=true CORE_PEER_TLS_CLIENTROOTCAS_FILES="${authorities% }")
  fi
  if [ -n "$couchdb" ]; then
    IFS=, read -r -a databases <<<"$couchdb"
    state_database=(CORE_LEDGER_STATE_STATEDATABASE=CouchDB
      CORE_LEDGER_STATE_COUCHDBCONFIG_COUCHDBADDRESS="${databases[number - 1]}"
      CORE_LEDGER_STATE_COUCHDBCONFIG_USERNAME="$COUCHDB_USER" CORE_LEDGER_STATE_COUCHDBCONFIG_PASSWORD="$COUCHDB_PASSWORD")
  fi
  # Docker is off (an empty CORE_VM_ENDPOINT): every chaincode here is a service of its own, or a program that the peer
  # runs itself. The gossip intervals are a quarter of the stock ones, so that the three peers know of each other soon.
  start_process "$name-peer" "$address" "" env -i PATH="$PATH" HOME="${HOME:-/}" \
    FABRIC_CFG_PATH="$fabric/config" FABRIC_LOGGING_SPEC=info \
    CORE_PEER_ID="peer0.$(organization_domain "$1")" CORE_PEER_NETWORKID=lockstep \
    CORE_PEER_LISTENADDRESS="$address" CORE_PEER_ADDRESS="$address" \
    CORE_PEER_CHAINCODELISTENADDRESS="127.0.0.1:$(port $((CHAINCODE_SUPPORT + number)))" \
    CORE_PEER_LOCALMSPID="$1MSP" CORE_PEER_MSPCONFIGPATH="$node/msp" \
    CORE_PEER_TLS_ENABLED=true CORE_PEER_TLS_CERT_FILE="$node/tls/server.crt" \
    CORE_PEER_TLS_KEY_FILE="$node/tls/server.key" CORE_PEER_TLS_ROOTCERT_FILE="$node/tls/ca.crt" \
    ${mutual[@]+"${mutual[@]}"} ${state_database[@]+"${state_database[@]}"} \
    CORE_PEER_GOSSIP_BOOTSTRAP="$address" CORE_PEER_GOSSIP_EXTERNALENDPOINT="$address" \
    CORE_PEER_GOSSIP_ORGLEADER=true CORE_PEER_GOSSIP_USELEADERELECTION=false \
    CORE_PEER_GOSSIP_PUBLISHSTATEINFOINTERVAL=1s CORE_PEER_GOSSIP_REQUESTSTATEINFOINTERVAL=1s \
    CORE_PEER_GOSSIP_MEMBERSHIPTRACKERINTERVAL=1s CORE_PEER_GOSSIP_ALIVETIMEINTERVAL=1s \
    CORE_PEER_GOSSIP_ALIVEEXPIRATIONTIMEOUT=10s CORE_PEER_GOSSIP_RECONNECTINTERVAL=2s \
    CORE_PEER_FILESYSTEMPATH="$state/data/$name-peer" CORE_LEDGER_SNAPSHOTS_ROOTDIR="$state/data/$name-peer/snapshots" \
    CORE_VM_ENDPOINT="" \
    CORE_CHAINCODE_EXTERNALBUILDERS="[{name: lockstep, path: \"$root/network/builder\"}, {name: binary, path: \"$root/network/binary-builder\"}]" \
    CORE_OPERATIONS_LISTENADDRESS="127.0.0.1:$(port $((OPERATIONS + number)))" CORE_METRICS_PROVIDER=prometheus \
    "$fabric/bin/peer" node start
}

# osnadmin_channel VERB ARGUMENTS…: the orderer's administration, over mutual TLS.
osnadmin_channel() {
  local admin verb=$1
  admin=$(orderer_home)/users/Admin@lockstep.test/tls
  shift
  clean_env "$fabric/bin/osnadmin" channel "$verb" -o "127.0.0.1:$(port $ORDERER_ADMIN)" \
    --ca-file "$(orderer_node)/tls/ca.crt" --client-cert "$admin/client.crt" --client-key "$admin/client.key" "$@" 2>&1
}

# peer_admin ORGANIZATION ARGUMENTS…: `peer` as that organisation's administrator, to its own peer.
peer_admin() {
  local organization=$1 home shown=("" "")
  home=$(user_home "$organization" Admin)
  shift
  if [ -n "$mutual_tls" ]; then shown=("$home/tls/client.crt" "$home/tls/client.key"); fi
  peer_as "${organization}MSP" "$home/msp" "${shown[@]}" "$(peer_address "$organization")" \
    "$(host_of "$organization" peer0)/tls/ca.crt" "$@"
}

orderer_height() { osnadmin_channel list --channelID "$CHANNEL" | sed -n 's/.*"height": *\([0-9]*\).*/\1/p'; }

peer_height() { peer_admin "$1" channel getinfo -c "$CHANNEL" 2>/dev/null | sed -n 's/.*"height":\([0-9]*\).*/\1/p'; }

orderer_answers() { osnadmin_channel list | grep -q '"channels"'; }

# A raft orderer without a leader refuses to deliver, so one delivered block says that there is a leader.
orderer_delivers() {
  peer_admin Bank channel fetch oldest "$state/channel/fetched.block" -c "$CHANNEL" -o "127.0.0.1:$(port $ORDERER)" \
    --tls --cafile "$(orderer_node)/tls/ca.crt" >/dev/null 2>&1
}

peer_answers() { peer_admin "$1" channel list >/dev/null 2>&1; }

# peer_knows_others ORGANIZATION: gossip on the channel has found the other two organisations' peers.
peer_knows_others() {
  local number
  number=$(number_of "$1")
  metrics_of "$(port $((OPERATIONS + number)))" | grep -Eq "^gossip_membership_total_peers_known\{channel=\"$CHANNEL\"\} 2\$"
}

metrics_of() {
  (
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
    cat <&3
  ) 2>/dev/null | tr -d '\r'
}

join_orderer() {
  local answer
  if [ -n "$(orderer_height)" ]; then return; fi
  answer=$(osnadmin_channel join --channelID "$CHANNEL" --config-block "$state/channel/$CHANNEL.block") || true
  grep -q 'Status: 201' <<<"$answer" || die "the orderer did not join channel $CHANNEL: $answer"
}

# join_peer ORGANIZATION
join_peer() {
  local output
  if [ -n "$(peer_height "$1")" ]; then return; fi
  output=$(peer_admin "$1" channel join -b "$state/channel/$CHANNEL.block" 2>&1) ||
    die "the peer of $1 did not join channel $CHANNEL: $output"
}

# fabric_up: everything that is not there yet, in order; returns when a transaction could be ordered and delivered.
fabric_up() {
  local organization
  refuse_taken_ports
  make_identities
  make_genesis_block
  say "starting the orderer and the peers"
  if ! is_running orderer; then start_orderer; fi
  for organization in $ORGANIZATIONS; do
    if ! is_running "$(lower "$organization")-peer"; then start_peer "$organization"; fi
  done
  await orderer "$limit" "answer on its administration port" orderer_answers
  for organization in $ORGANIZATIONS; do
    await "$(lower "$organization")-peer" "$limit" "answer on its port" peer_answers "$organization"
  done
  say "joining channel $CHANNEL"
  join_orderer
  for organization in $ORGANIZATIONS; do join_peer "$organization"; done
  await orderer "$limit" "get a raft leader for channel $CHANNEL" orderer_delivers
  for organization in $ORGANIZATIONS; do
    await "$(lower "$organization")-peer" "$limit" "find the other organisations' peers" peer_knows_others "$organization"
  done
  rm -f "$state/channel/fetched.block"
}

# fabric_running: all four nodes run.
fabric_running() {
  local organization
  is_running orderer || return 1
  for organization in $ORGANIZATIONS; do is_running "$(lower "$organization")-peer" || return 1; done
}

# fabric_height NAME: how many blocks the process has, empty if it does not say.
fabric_height() {
  case "$1" in
    orderer) orderer_height ;;
    bank-peer) peer_height Bank ;;
    client-peer) peer_height Client ;;
    vendor-peer) peer_height Vendor ;;
  esac
}

# fabric_profile VERSION: profile.toml on standard output, with paths relative to its own folder.
fabric_profile() {
  local organization number user admin chaincode caller
  cat <<EOF
# Written by scripts/network: how to reach this network. network/README.md explains the fields.
name = "fabric"
version = "$1"
channel = "$CHANNEL"
chaincode = "lockstep"
state_database = "$([ -n "$couchdb" ] && printf couchdb || printf leveldb)"

[[orderers]]
address = "127.0.0.1:$(port $ORDERER)"
server_name = "orderer.lockstep.test"
tls_ca = "$(relative "$(orderer_node)/tls/ca.crt")"
admin_address = "127.0.0.1:$(port $ORDERER_ADMIN)"
EOF
  for organization in $ORGANIZATIONS; do
    number=$(number_of "$organization")
    user=$(relative "$(user_home "$organization" User1)")
    admin=$(relative "$(user_home "$organization" Admin)")
    chaincode=$(relative "$(host_of "$organization" chaincode)")/tls
    caller=$(relative "$(host_of "$organization" chaincode-client)")/tls
    cat <<EOF

[[organizations]]
name = "$organization"
msp_id = "${organization}MSP"

[organizations.admin]
cert = "$admin/msp/signcerts/${admin##*/}-cert.pem"
key = "$admin/msp/keystore/priv_sk"
msp_dir = "$admin/msp"
$(shown_by "$admin")
[organizations.user]
cert = "$user/msp/signcerts/${user##*/}-cert.pem"
key = "$user/msp/keystore/priv_sk"
$(shown_by "$user")

[[organizations.peers]]
address = "$(peer_address "$organization")"
server_name = "peer0.$(organization_domain "$organization")"
tls_ca = "$(relative "$(host_of "$organization" peer0)")/tls/ca.crt"

[organizations.chaincode]
address = "127.0.0.1:$(port $((CHAINCODE + number)))"
tls_cert = "$chaincode/server.crt"
tls_key = "$chaincode/server.key"
client_ca = "$caller/ca.crt"
client_cert = "$caller/server.crt"
client_key = "$caller/server.key"
EOF
  done
}

# shown_by FOLDER: the lines of a profile with what a user shows to peers that want to see it, and an empty one.
shown_by() {
  if [ -n "$mutual_tls" ]; then printf 'tls_cert = "%s/tls/client.crt"\ntls_key = "%s/tls/client.key"\n' "$1" "$1"; fi
}

relative() { printf '%s' "${1#"$state/"}"; }
