#!/usr/bin/env bash
# Two gateways and one Redis on this machine: what is revoked at one is refused by the other.
#
#   cargo build -p portcullis-gateway && examples/two-gateways/run.sh
#
# PORTCULLIS  the program; target/debug/portcullis unless set
# BASE        the first of thirteen free ports; 7400 unless set
# STAY        set it to leave everything running until Ctrl-C
set -euo pipefail

portcullis=${PORTCULLIS:-$(dirname "$0")/../../target/debug/portcullis}
base=${BASE:-7400}
for program in "$portcullis" redis-server curl openssl; do
    command -v "$program" >/dev/null || { echo "two-gateways: $program is not there" >&2; exit 1; }
done

folder=$(mktemp -d)
children=()
finish() {
    for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
    for child in "${children[@]}"; do wait "$child" 2>/dev/null || true; done
    rm -rf "$folder"
}
trap finish EXIT
umask 077
openssl rand -base64 32 >"$folder/secret"
openssl rand -hex 32 >"$folder/key"
openssl rand -hex 32 >"$folder/redis.password"

# What it said last, if something does not come to be.
until_true() {
    local what=$1; shift
    for _ in $(seq 300); do "$@" && return; sleep 0.1; done
    echo "two-gateways: $what does not come to be" >&2
    tail -n 20 "$folder"/*.log >&2
    exit 1
}

redis=$base
cat >"$folder/redis.conf" <<CONF
port $redis
bind 127.0.0.1
dir $folder
save ""
requirepass $(cat "$folder/redis.password")
CONF
redis-server "$folder/redis.conf" >"$folder/redis.log" 2>&1 &
children+=($!)

# An issuer of tokens and a service, which the gateways stand before.
issuer=$((base + 2)) upstream=$((base + 3)) tokens=$((base + 4))
"$portcullis" demo --port $((base + 1)) --issuer-port "$issuer" --upstream-port "$upstream" \
    --control-port "$tokens" --admin-port $((base + 5)) >"$folder/demo.log" 2>&1 &
children+=($!)

# The same for both but for the ports.
gateway() {
    cat >"$folder/$1.toml" <<CONF
[server]
listen = "127.0.0.1:$2"
admin = "127.0.0.1:$(($2 + 1))"

[control]
listen = "127.0.0.1:$(($2 + 4))"
key = "key"

[store]
url = "redis://127.0.0.1:$redis/0"
password = "redis.password"

[revocation]
secret = "secret"
on_stale_revocation = "deny"

[[issuer]]
url = "http://127.0.0.1:$issuer"
audiences = ["https://api.example.com"]

[[route]]
path = "/api/"
upstream = ["http://127.0.0.1:$upstream"]
scopes = ["api:read"]
CONF
    "$portcullis" run --config "$folder/$1.toml" >"$folder/$1.log" 2>&1 &
    children+=($!)
}
one=$((base + 6)) two=$((base + 8))
gateway one "$one"
gateway two "$two"

has_tokens() { curl -sf "http://127.0.0.1:$tokens/token" >/dev/null; }
until_true "an issuer of tokens" has_tokens
synced() { curl -sf "http://127.0.0.1:$(($1 + 1))/readyz" 2>/dev/null | grep -q '"synced":true'; }
until_true "gateway one, in step with the store," synced "$one"
until_true "gateway two, in step with the store," synced "$two"

status() { curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $token" "http://127.0.0.1:$1/api/"; }
is() { [ "$(status "$1")" = "$2" ]; }
token=$(curl -sf "http://127.0.0.1:$tokens/token")
until_true "a token that gateway one takes" is "$one" 200
until_true "a token that gateway two takes" is "$two" 200
echo "with a token of alice: gateway one $(status "$one"), gateway two $(status "$two")"

# The name of the token is in its payload, which is base64url without padding.
payload=$(printf %s "$token" | cut -d. -f2 | tr '_-' '/+')
while [ $((${#payload} % 4)) -ne 0 ]; do payload="$payload="; done
jti=$(printf %s "$payload" | openssl base64 -d -A | sed 's/.*"jti":"\([^"]*\)".*/\1/')
echo "revoked at gateway one: $(curl -sf "http://127.0.0.1:$((one + 4))/revoke" \
    -H "Authorization: Bearer $(cat "$folder/key")" -H 'Content-Type: application/json' \
    -d "{\"issuer\":\"http://127.0.0.1:$issuer\",\"token\":\"$jti\",\"reason\":\"example\"}")"
until_true "a token that gateway two refuses" is "$two" 401
echo "with the same token: gateway one $(status "$one"), gateway two $(status "$two")"
token=$(curl -sf "http://127.0.0.1:$tokens/token")
echo "with another one: gateway one $(status "$one"), gateway two $(status "$two")"

if [ -n "${STAY:-}" ]; then
    echo "gateways http://127.0.0.1:$one and http://127.0.0.1:$two, files in $folder; Ctrl-C ends all"
    wait
fi
