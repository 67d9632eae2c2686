#!/usr/bin/env bash
# Makes the captures of this folder anew: real programs call each other and tcpdump listens.
#
#   testdata/make.sh             all of them, six at a time, in about a minute and a half
#   testdata/make.sh busy tcp    these only
#
# Needs Linux and (Debian) `apt-get install sip-tester kamailio tcpdump iproute2 util-linux openssl
# python3`, and root; the websocket captures also `pip install websockets`. Each
# capture is made in a network namespace of its own whose only interface is the loopback: nothing leaves the machine, no
# port of the host is used, and captures can be made side by side.
#
# Who is who: the caller 127.0.0.10 (11, 12, … in calls.pcap), the proxy and registrar 127.0.0.1 (kamailio.cfg), the
# callees 127.0.0.20 and 127.0.0.21; port 5060 each. Callers and callees are the SIPp scenarios in make/.
#
# Every run gives other times, tags and branches: who commits new captures also renews the expected outputs.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
scenarios=$here/make

# ---- the players; each is told its address, its scenario and what else SIPp should know

callee() { # ADDRESS SCENARIO [SIPP OPTION]...: listens until the capture ends
    local address=$1 scenario=$2
    shift 2
    [[ $scenario = /* ]] || scenario=$scenarios/$scenario
    sipp -sf "$scenario.xml" -i "$address" -mi "$address" -p 5060 -nostdin "$@" >/dev/null 2>&1 &
}

refuser() { # ADDRESS STATUS-LINE EXTRA-HEADER [SIPP OPTION]...: a callee that refuses
    local address=$1
    sed "s|@STATUS@|$2|; s|@EXTRA@|$3|" "$scenarios/callee-refuses.xml" >"$work/refuses-$address.xml"
    callee "$address" "$work/refuses-$address" "${@:4}"
}

replier() { # ADDRESS METHOD STATUS-LINE EXTRA-HEADER [SIPP OPTION]...: answers requests of one method
    local address=$1
    sed "s|@METHOD@|$2|; s|@STATUS@|$3|; s|@EXTRA@|$4|" "$scenarios/callee-replies.xml" >"$work/replies-$address.xml"
    callee "$address" "$work/replies-$address" "${@:5}"
}

caller() { # ADDRESS NAME PEER SCENARIO [SIPP OPTION]...: returns when the call is over
    local address=$1 name=$2 peer=$3 scenario=$4
    shift 4
    [[ " $* " = *" -key user "* ]] || set -- -key user alice -key display Alice -au alice "$@"
    # Whatever way a scenario ends there is a capture; one that ends otherwise than written has to be looked at.
    sipp -sf "$scenarios/$scenario.xml" -i "$address" -mi "$address" -p 5060 -nostdin -m 1 -timeout 45 \
        -max_invite_retrans 6 -cid_str "$name@$address" -s bob -ap secret "$@" "$peer" >"$work/$name.log" 2>&1 ||
        [ "$scenario" = caller-unanswered ] || [ "$name" = ping-mute ] ||
        echo "$name: sipp $scenario: $(grep -aoE '[0-9.]{15,}: .*' "$work/$name.log" | cut -d' ' -f2- | sed -n 1p)" >&2
}

proxy() {
    kamailio -f "$scenarios/kamailio.cfg" -DD -E -m 32 -M 4 -Y "$work" -w "$work" >"$work/kamailio.log" 2>&1 &
    for _ in {1..50}; do
        ss -lnu | grep -q '127.0.0.1:5060' && return
        sleep 0.1
    done
    echo "kamailio did not start:" >&2
    cat "$work/kamailio.log" >&2
    return 1
}

# ---- the captures: a function each

a=127.0.0.10 # the caller
allow="Allow: INVITE, ACK, CANCEL, BYE"
user_busy='Reason: Q.850;cause=17;text="User busy"'
settle() { sleep 0.3; }

answered() { callee 127.0.0.20 callee -d 800; settle; caller $a answered 127.0.0.20 caller -d 2000; }
callee_hangs_up() {
    callee 127.0.0.20 callee-hangs-up -d 1500
    settle
    caller $a callee-hangs-up 127.0.0.20 caller-waits
}
busy() { refuser 127.0.0.20 "486 Busy Here" "$user_busy" -d 700; settle; caller $a busy 127.0.0.20 caller-refused; }
cancelled() { callee 127.0.0.20 callee-cancelled; settle; caller $a cancelled 127.0.0.20 caller-cancels -d 1800; }
cancel_crosses_answer() {
    callee 127.0.0.20 callee-answers-late
    settle
    caller $a cancel-crosses-answer 127.0.0.20 caller-cancels-late
}
unanswered() { callee 127.0.0.20 callee-silent; settle; caller $a unanswered 127.0.0.20 caller-unanswered; }
port_unreachable() { caller $a port-unreachable 127.0.0.20 caller-unanswered; }
authenticated() {
    callee 127.0.0.20 callee-challenges -d 600
    settle
    caller $a authenticated 127.0.0.20 caller-authenticates -d 1200
}
auth_given_up() { callee 127.0.0.20 callee-challenges; settle; caller $a auth-given-up 127.0.0.20 caller-refused; }
redirect_followed() {
    refuser 127.0.0.20 "302 Moved Temporarily" "Contact: <sip:bob@127.0.0.21:5060>" -d 300
    callee 127.0.0.21 callee -d 500
    settle
    caller $a redirect-followed 127.0.0.20 caller-follows -d 1200
}
redirect_not_followed() {
    refuser 127.0.0.20 "302 Moved Temporarily" "Contact: <sip:bob@127.0.0.21:5060>" -d 300
    settle
    caller $a redirect-not-followed 127.0.0.20 caller-refused
}
fork_parallel() {
    proxy
    callee 127.0.0.20 callee-cancelled
    callee 127.0.0.21 callee -d 1000
    settle
    caller $a fork-parallel 127.0.0.1 caller -s fork -d 1500
}
fork_all_refuse() {
    proxy
    refuser 127.0.0.20 "486 Busy Here" "$user_busy" -d 500
    refuser 127.0.0.21 "480 Temporarily Unavailable" "$allow" -d 1200
    settle
    caller $a fork-all-refuse 127.0.0.1 caller-refused -s fork
}
fork_serial() {
    proxy
    refuser 127.0.0.20 "486 Busy Here" "$user_busy" -d 700
    callee 127.0.0.21 callee -d 600
    settle
    caller $a fork-serial 127.0.0.1 caller -s serial -d 1200
}
failover() { # nobody at the first target: the proxy waits fr_timer (2 s), then tries the next
    proxy
    callee 127.0.0.20 callee-silent
    callee 127.0.0.21 callee -d 600
    settle
    caller $a failover 127.0.0.1 caller -s serial -d 1200
}
tcp() { callee 127.0.0.20 callee -d 600 -t t1; settle; caller $a ${1-tcp} 127.0.0.20 caller -d 1200 -t t1; }
websocket() { python3 "$scenarios/websocket.py"; }
websocket_plain() { python3 "$scenarios/websocket.py" plain; }
tcp_segments() { ip link set lo mtu 300 gso_max_segs 1; tcp tcp-segments; } # no message fits into one segment
ip_fragments() {
    ip link set lo mtu 300
    callee 127.0.0.20 callee -d 600
    settle
    caller $a ip-fragments 127.0.0.20 caller -d 1200
}
ipv6() { callee ::1 callee -d 600; settle; caller ::1 ipv6 "[::1]:5060" caller -d 1200 -p 5070; }
no_ack() { callee 127.0.0.20 callee -d 600; settle; caller $a no-ack 127.0.0.20 caller-without-ack -d 8000; }
hold() { callee 127.0.0.20 callee-held; settle; caller $a hold 127.0.0.20 caller-holds; }
reinvite_refused() {
    callee 127.0.0.20 callee-refuses-reinvite
    settle
    caller $a reinvite-refused 127.0.0.20 caller-reinvite-refused
}
prack_update() {
    callee 127.0.0.20 callee-prack -d 600
    settle
    caller $a prack-update 127.0.0.20 caller-prack -d 1200
}
compact() { callee 127.0.0.20 callee -d 500; settle; caller $a compact 127.0.0.20 caller-compact -d 1000; }
registration() { proxy; caller $a registration 127.0.0.1 phone-registers -d 1500; }
registration_refused() {
    proxy
    caller $a registration-refused 127.0.0.1 phone-refused -key user mallory -key display Mallory -au mallory
}
registration_expires() {
    proxy
    callee 127.0.0.20 callee -d 500
    caller $a registration-expires 127.0.0.1 phone-registers-briefly
    sleep 4
    caller 127.0.0.11 later-call 127.0.0.1 caller -s carol -d 1000 # goes on after the binding ran out
}

# Several lives side by side, as on a real link: one callee address per fate, one caller address per call.
calls() {
    proxy
    callee 127.0.0.20 callee -d 900
    callee 127.0.0.21 callee-hangs-up -d 2500
    refuser 127.0.0.22 "486 Busy Here" "$user_busy" -d 600
    callee 127.0.0.23 callee-cancelled
    callee 127.0.0.24 callee-silent
    callee 127.0.0.25 callee-challenges -d 500
    refuser 127.0.0.26 "404 Not Found" 'Reason: Q.850;cause=1;text="Unallocated number"' -d 200
    refuser 127.0.0.27 "503 Service Unavailable" "Retry-After: 30" -d 300
    callee 127.0.0.28 callee-answers-late
    callee 127.0.0.29 callee-held
    settle
    who() { echo "-key user $1 -key display ${1^} -au $1 -s $2"; }
    # The unanswered call starts first: it takes 32 s, all others happen meanwhile.
    caller 127.0.0.10 call-1 127.0.0.24 caller-unanswered $(who alice judy) &
    sleep 2
    caller 127.0.0.11 register-1 127.0.0.1 phone-registers -d 6000 -key user bob -key display Bob -au bob &
    caller 127.0.0.12 register-2 127.0.0.1 phone-registers-briefly -key user carol -key display Carol -au carol &
    sleep 1.3
    caller 127.0.0.13 call-2 127.0.0.1 caller $(who dave heidi) -d 4000 &
    sleep 2.1
    caller 127.0.0.14 call-3 127.0.0.21 caller-waits $(who erin ivan) &
    sleep 1.7
    caller 127.0.0.15 register-3 127.0.0.1 phone-refused -key user mallory -key display Mallory -au mallory &
    caller 127.0.0.16 call-4 127.0.0.22 caller-refused $(who frank bob) &
    sleep 2.4
    caller 127.0.0.17 call-5 127.0.0.23 caller-cancels $(who grace bob) -d 2600 &
    sleep 1.9
    caller 127.0.0.18 call-6 127.0.0.25 caller-authenticates $(who heidi dave) -d 3000 &
    sleep 2.2
    caller 127.0.0.19 call-7 127.0.0.26 caller-refused $(who ivan 4930123456) &
    sleep 1.1
    caller 127.0.0.30 call-8 127.0.0.27 caller-refused $(who judy carol) &
    sleep 1.6
    caller 127.0.0.31 call-9 127.0.0.28 caller-cancels-late $(who mike erin) &
    sleep 2.3
    caller 127.0.0.32 call-10 127.0.0.29 caller-holds $(who nina frank) &
    sleep 1.4
    caller 127.0.0.33 call-11 127.0.0.25 caller-refused $(who oscar grace) &
    sleep 12.5
    caller 127.0.0.34 call-12 127.0.0.20 caller $(who peggy alice) -d 8000 & # still up when the capture stops
    sleep 3
}

# What is no call: trunks kept alive, one of them mute; a message through the proxy, a subscription, a refused publication.
transactions() {
    proxy
    replier 127.0.0.20 MESSAGE "202 Accepted" "$allow"
    replier 127.0.0.21 OPTIONS "200 OK" "$allow"
    callee 127.0.0.22 callee-mute
    callee 127.0.0.23 callee-notifies
    replier 127.0.0.24 PUBLISH "489 Bad Event" "Allow-Events: presence"
    settle
    caller $a ping-mute 127.0.0.22 caller-pings -key user trunk -key display Trunk -max_non_invite_retrans 10 &
    local mute=$!
    caller 127.0.0.11 ping 127.0.0.21 caller-pings -key user trunk -key display Trunk -m 12 -r 2 \
        -cid_str '%u-ping@127.0.0.11' &
    sleep 1
    caller 127.0.0.12 message 127.0.0.1 caller-messages
    caller 127.0.0.13 subscribe 127.0.0.23 caller-subscribes
    caller 127.0.0.14 publish 127.0.0.24 caller-publishes
    wait $mute || true
    sleep 1
    caller 127.0.0.11 ping-again 127.0.0.21 caller-pings -key user trunk -key display Trunk
}

certificate() { # FILE
    openssl req -x509 -key "$here/tls12-rsa.pem" -subj /CN=127.0.0.20 -days 3650 -out "$1" 2>/dev/null
}
websocket_tls() {
    rm -f "$here/websocket-tls.keys"
    certificate "$work/certificate"
    python3 "$scenarios/websocket.py" plain "$here/websocket-tls.keys" "$work/certificate" "$here/tls12-rsa.pem"
}
tls() { # KEYLOG CASE...: tls.py plays both sides
    rm -f "$1"
    certificate "$work/certificate"
    python3 -W ignore "$scenarios/tls.py" "$1" "$work/certificate" "$here/tls12-rsa.pem" "${@:2}" >"$work/tls.log"
}
tls13() { tls "$here/tls13.keys" tls13 tls13-aes128 tls13-chacha20 tls13-key-update; }
tls12() {
    tls "$here/tls12.keys" tls12-{aes128-gcm,aes256-gcm,chacha20,cbc-sha,cbc-sha256,cbc-sha384,mac-then-encrypt} \
        tls11-cbc tls10-cbc tls10-mac-then-encrypt
}
tls12_rsa() { tls "$work/keys" tls12-rsa tls12-rsa-cbc; }
tls_resumed() { tls "$here/tls-resumed.keys" tls12-resumed tls13-resumed; }
tls_other_port() { tls "$here/tls-other-port.keys" other-port; }
tls_plain() { tls "$work/keys" plain; }

captures=(answered callee_hangs_up busy cancelled cancel_crosses_answer unanswered port_unreachable authenticated
    auth_given_up redirect_followed redirect_not_followed fork_parallel fork_all_refuse fork_serial failover
    tcp tcp_segments websocket websocket_plain websocket_tls ip_fragments ipv6 no_ack hold reinvite_refused
    prack_update compact registration registration_refused registration_expires calls transactions
    tls13 tls12 tls12_rsa tls_resumed tls_other_port tls_plain)

# ---- one capture, inside its namespace

record() { # FUNCTION FILE
    local name=${2##*/}
    work=$(mktemp -d)
    trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
    ip link set lo up
    local how=(-i lo)
    case $1 in # captured another way
    cancelled) how=(-i any) ;; # Linux cooked capture, version 2
    hold) how=(-i lo --time-stamp-precision=nano) ;; # pcap with nanoseconds
    esac
    # ICMP errors and later fragments belong to the evidence; SIPp's own media and control ports do not.
    tcpdump "${how[@]}" -s 0 -U -Z root --immediate-mode -w "$2" \
        'port 5060 or port 5061 or port 5070 or port 15443 or icmp or icmp6 or ip[6:2] & 0x1fff != 0' 2>"$work/tcpdump.log" &
    local tcpdump=$!
    until grep -qs 'listening on' "$work/tcpdump.log"; do
        kill -0 $tcpdump 2>/dev/null || { cat "$work/tcpdump.log" >&2; return 1; }
        sleep 0.05
    done
    "$1"
    sleep 0.4
    kill -INT $tcpdump
    wait $tcpdump || true
    printf '%-28s %s packets\n' "$name" "$(sed -n 's/ packets captured//p' "$work/tcpdump.log")"
}

if [ "${1-}" = --inside ]; then
    record "$2" "$3"
    exit
fi

for tool in sipp kamailio tcpdump unshare ip ss; do
    command -v $tool >/dev/null && continue
    echo "$tool is missing: apt-get install sip-tester kamailio tcpdump iproute2 util-linux" >&2
    exit 1
done
[ "$(id -u)" = 0 ] || { echo "only root may capture and create network namespaces" >&2; exit 1; }
wanted=("${captures[@]}")
[ $# = 0 ] || wanted=("${@//-/_}")
for capture in "${wanted[@]}"; do
    [[ " ${captures[*]} " = *" $capture "* ]] || {
        echo "no capture is called $capture; there are: ${captures[*]//_/-}" >&2
        exit 2
    }
    name=${capture//_/-}
    unshare --net --pid --fork --kill-child -- bash "$0" --inside "$capture" "$here/$name.pcap" &
    # A few at a time: what waits for the processor does not keep its times.
    while [ "$(jobs -rp | wc -l)" -ge 6 ]; do sleep 0.2; done
done
wait
