//! The lives of calls and registrations, as they go over the wire, and the row that each must become.

mod support;

use serde_json::{Value, json};
use support::{Call, Host, Over, Scenario, Side, analyze, assert_calls, assert_registrations, direct, keep, later};

/// A network and its usual people: the caller, a proxy, two callees.
fn people() -> (Scenario, Host, Host, Host, Host) {
    let net = Scenario::new();
    let host = |address| net.host(address);
    let hosts = (host("10.0.0.1"), host("10.0.0.9"), host("10.0.0.2"), host("10.0.0.3"));
    (net, hosts.0, hosts.1, hosts.2, hosts.3)
}

#[test]
fn a_call_that_its_caller_ends_is_completed() {
    let (net, mut call) = direct();
    call.invite().respond(100, "Trying");
    net.at(500);
    call.respond(180, "Ringing");
    net.at(3_000);
    call.answer().ack();
    net.at(63_000);
    call.hang_up(Side::Caller);
    assert_calls(
        &net,
        json!([{
            "call_id": "life@example.com", "code": 1000, "status": "Completed", "category": "completed", "sip_code": 200,
            "sip_reason": "OK", "ended_by": "caller", "pdd_s": 0.5, "setup_s": 3.0, "duration_s": 60.0, "messages": 7,
            "start": "2026-01-01T00:00:00.000000Z", "answered": "2026-01-01T00:00:03.000000Z",
            "ended": "2026-01-01T00:01:03.000000Z", "from_uri": "sip:alice@example.com", "to_uri": "sip:bob@example.com",
            "transport": "UDP", "attempts": 1, "hops": 1, "branches": 1, "retransmissions": 0, "duplicates": 0,
            "challenged": false, "redirected": false, "partial": false, "timed_out": false, "ack_missing": false,
        }]),
    );
}

#[test]
fn a_call_that_its_callee_ends_says_so() {
    let (net, mut call) = direct();
    call.invite().answer().ack().hang_up(Side::Callee);
    assert_calls(&net, json!([{"code": 1000, "ended_by": "callee"}]));
}

#[test]
fn a_call_without_bye_is_active() {
    let (net, mut call) = direct();
    call.invite().answer().ack();
    assert_calls(
        &net,
        json!([{"code": 999, "status": "Active", "category": "active", "ended": null, "ended_by": null}]),
    );
}

#[test]
fn a_proxy_between_adds_a_hop_and_no_row() {
    let (net, alice, proxy, bob, _) = people();
    let mut call = net.call("life", &[alice, proxy, bob]);
    call.invite().respond(180, "Ringing").answer().ack().hang_up(Side::Caller);
    assert_calls(
        &net,
        json!([{"code": 1000, "hops": 2, "branches": 2, "attempts": 1, "messages": 12, "retransmissions": 0}]),
    );
}

#[test]
fn busy_ends_with_the_code_and_the_reason_as_sent() {
    let (net, mut call) = direct();
    call.invite().respond(180, "Ringing");
    call.header(r#"Reason: Q.850;cause=17;text="User busy""#).respond(486, "On another line").ack();
    assert_calls(
        &net,
        json!([{
            "code": 486, "status": "Busy Here", "category": "unsuccessful", "sip_code": 486,
            "sip_reason": "On another line", "ended_by": null, "answered": null, "duration_s": null, "timed_out": false,
            "reason_header": [{"protocol": "Q.850", "cause": 17, "text": "User busy"}],
        }]),
    );
}

#[test]
fn a_cancelled_call_was_ended_by_its_caller() {
    let (net, mut call) = direct();
    call.invite().respond(180, "Ringing").cancel().respond_to("CANCEL", 200, "OK");
    call.respond(487, "Request Terminated").ack();
    assert_calls(
        &net,
        json!([{"code": 487, "category": "unsuccessful", "sip_code": 487, "ended_by": "caller", "answered": null}]),
    );
}

#[test]
fn a_cancel_whose_final_response_is_not_in_the_capture_is_a_cancel() {
    let (net, mut call) = direct();
    call.invite().respond(180, "Ringing").cancel().respond_to("CANCEL", 200, "OK");
    assert_calls(&net, json!([{"code": 2004, "status": "Cancel", "category": "attempting", "sip_code": 180}]));
}

#[test]
fn an_answer_that_crosses_the_cancel_is_an_answer() {
    let (net, mut call) = direct();
    call.invite().respond(180, "Ringing").cancel().answer();
    call.respond_to("CANCEL", 481, "Call/Transaction Does Not Exist").ack().hang_up(Side::Caller);
    assert_calls(&net, json!([{"code": 1000, "category": "completed", "sip_code": 200, "ended_by": "caller"}]));
}

#[test]
fn a_487_on_a_losing_branch_does_not_change_an_answered_call() {
    let (net, alice, proxy, bob, carol) = people();
    let mut call = net.call("life", &[alice, proxy, bob]);
    let mut lost = call.fork(carol);
    call.invite();
    lost.invite().respond(180, "Ringing");
    call.respond(180, "Ringing").answer();
    lost.cancel().respond_to("CANCEL", 200, "OK").respond(487, "Request Terminated").ack();
    call.ack().hang_up(Side::Caller);
    assert_calls(
        &net,
        json!([{"code": 1000, "sip_code": 200, "ended_by": "caller", "hops": 3, "branches": 3, "attempts": 1}]),
    );
}

#[test]
fn the_caller_is_told_what_the_proxy_chose() {
    let (net, alice, proxy, bob, carol) = people();
    let mut call = net.call("life", &[alice, proxy, bob]);
    let mut other = call.fork(carol);
    call.invite();
    other.invite();
    call.on(1..2).respond(486, "Busy Here").ack();
    other.respond(480, "Temporarily Unavailable").ack();
    call.on(0..1).respond(480, "Temporarily Unavailable").ack();
    assert_calls(&net, json!([{"code": 480, "sip_code": 480, "hops": 3}]));
}

#[test]
fn forks_without_the_callers_hop_are_judged_as_a_proxy_would() {
    // RFC 3261 16.7 step 6: a 2xx, else a 6xx, else the lowest class.
    let cases: [(&str, u16, u16, u16); 4] = [
        ("6xx before all other refusals", 603, 404, 603),
        ("6xx, whichever came last", 486, 600, 600),
        ("the lowest class", 503, 486, 486),
        ("the lowest class, whichever came last", 302, 480, 302),
    ];
    for (name, first, second, expected) in cases {
        let (net, alice, proxy, bob, carol) = people();
        net.capture_only(move |sent| sent.src != alice && sent.dst != alice);
        let mut call = net.call(name, &[alice, proxy, bob]);
        let mut other = call.fork(carol);
        call.invite();
        other.invite();
        call.on(1..2).respond(first, "First").ack();
        other.respond(second, "Second").ack();
        assert_calls(&net, json!([{"code": expected, "sip_code": expected, "partial": false}]));
    }
}

#[test]
fn failover_is_decided_by_its_last_target() {
    let (net, alice, proxy, bob, carol) = people();
    net.capture_only(move |sent| sent.src != alice && sent.dst != alice);
    let mut call = net.call("life", &[alice, proxy, bob]);
    let mut next = call.fork(carol);
    call.invite().on(1..2).respond(486, "Busy Here").ack();
    next.invite().respond(503, "Service Unavailable").ack();
    assert_calls(&net, json!([{"code": 503, "sip_code": 503, "hops": 2}]));
}

#[test]
fn a_challenge_that_is_answered_is_a_step() {
    let (net, mut call) = direct();
    call.header(r#"Proxy-Authenticate: Digest realm="example.com", nonce="1""#);
    call.invite().respond(407, "Proxy Authentication Required").ack();
    call.header(r#"Proxy-Authorization: Digest username="alice", realm="example.com", nonce="1", response="2""#);
    call.invite().respond(180, "Ringing").answer().ack().hang_up(Side::Caller);
    assert_calls(&net, json!([{"code": 1000, "sip_code": 200, "attempts": 2, "challenged": true}]));
}

#[test]
fn a_challenge_that_nobody_answers_is_final() {
    let (net, mut call) = direct();
    call.invite().respond(407, "Proxy Authentication Required").ack();
    assert_calls(
        &net,
        json!([{"code": 407, "category": "unsuccessful", "sip_code": 407, "attempts": 1, "challenged": true}]),
    );
}

#[test]
fn a_late_407_does_not_touch_the_next_attempt() {
    let (net, mut call) = direct();
    call.invite().respond(407, "Proxy Authentication Required").ack();
    call.invite().respond(180, "Ringing");
    net.resend("SIP/2.0 407");
    assert_calls(&net, json!([{"code": 180, "sip_code": 180, "attempts": 2, "retransmissions": 1}]));
}

#[test]
fn a_redirection_that_is_followed_is_another_attempt() {
    let (net, mut call) = direct();
    call.header("Contact: <sip:bob@10.0.0.3>").invite().respond(302, "Moved Temporarily").ack();
    call.reroute(&[net.host("10.0.0.1"), net.host("10.0.0.3")]);
    call.invite().answer().ack().hang_up(Side::Callee);
    assert_calls(&net, json!([{"code": 1000, "attempts": 2, "redirected": true, "challenged": false, "hops": 2}]));
}

#[test]
fn a_refused_reinvite_leaves_the_call_answered() {
    for (code, phrase) in [(488, "Not Acceptable Here"), (491, "Request Pending")] {
        let (net, mut call) = direct();
        call.invite().answer().ack().reinvite(Side::Callee).respond(code, phrase).ack();
        assert_calls(&net, json!([{"code": 999, "sip_code": 200, "attempts": 1, "ack_missing": false}]));
        call.hang_up(Side::Caller);
        assert_calls(&net, json!([{"code": 1000, "sip_code": 200, "ended_by": "caller"}]));
    }
}

#[test]
fn requests_before_the_answer_do_not_answer() {
    let (net, mut call) = direct();
    call.invite().respond(183, "Session Progress");
    call.request(Side::Caller, "PRACK", true).respond_to("PRACK", 200, "OK");
    call.request(Side::Caller, "UPDATE", true).respond_to("UPDATE", 200, "OK");
    assert_calls(&net, json!([{"code": 183, "sip_code": 183, "answered": null, "attempts": 1}]));
}

#[test]
fn a_bye_that_is_challenged_has_not_ended_the_call() {
    let (net, mut call) = direct();
    call.invite().answer().ack().bye(Side::Caller).respond_to("BYE", 401, "Unauthorized");
    assert_calls(&net, json!([{"code": 999, "category": "active", "challenged": false}]));
    call.header(r#"Authorization: Digest username="alice", realm="example.com", nonce="1", response="2""#);
    call.hang_up(Side::Caller);
    assert_calls(&net, json!([{"code": 1000, "sip_code": 200, "ended_by": "caller", "challenged": false}]));
}

#[test]
fn a_bye_that_is_refused_ends_the_call_all_the_same() {
    for (code, phrase) in [(481, "Call/Transaction Does Not Exist"), (408, "Request Timeout")] {
        let (net, mut call) = direct();
        call.invite().answer().ack().bye(Side::Callee).respond_to("BYE", code, phrase);
        assert_calls(&net, json!([{"code": 1000, "sip_code": 200, "ended_by": "callee"}]));
    }
}

#[test]
fn late_retransmissions_change_a_count_and_nothing_else() {
    let (net, mut call) = direct();
    call.invite().respond(180, "Ringing").respond(486, "Busy Here");
    net.wait(500).resend("SIP/2.0 486").resend("INVITE").resend("SIP/2.0 180");
    call.ack();
    net.resend("ACK");
    assert_calls(&net, json!([{"code": 486, "sip_code": 486, "attempts": 1, "messages": 8, "retransmissions": 4}]));
}

#[test]
fn a_packet_captured_twice_is_no_retransmission() {
    let (net, mut call) = direct();
    call.invite();
    net.duplicate("INVITE");
    call.respond(486, "Busy Here");
    net.duplicate("SIP/2.0 486");
    call.ack();
    assert_calls(&net, json!([{"code": 486, "messages": 5, "duplicates": 2, "retransmissions": 0}]));
}

#[test]
fn a_call_id_used_again_opens_a_row() {
    let (net, mut call) = direct();
    call.invite().answer().ack().hang_up(Side::Caller);
    net.wait(5_000);
    call.invite().respond(486, "Busy Here").ack();
    assert_calls(&net, json!([{"code": 1000, "attempts": 1}, {"code": 486, "attempts": 1, "partial": false}]));

    let (net, mut call) = direct();
    call.invite().respond(486, "Busy Here").ack();
    call.from_tag = "another".to_owned();
    call.invite().answer().ack();
    assert_calls(&net, json!([{"code": 486, "attempts": 1}, {"code": 999, "attempts": 1}]));
}

#[test]
fn a_registration_and_a_call_under_one_call_id_are_two_rows() {
    let (net, mut call) = direct();
    call.register(3600).grant(3600);
    call.invite().answer().ack().hang_up(Side::Caller);
    assert_calls(&net, json!([{"code": 1000, "messages": 5}]));
    assert_registrations(&net, json!([{"code": 1011, "status": "Registered", "category": "active", "messages": 2}]));
}

#[test]
fn where_only_responses_were_captured_the_row_is_partial() {
    let cases: [(u16, &str, Value); 3] = [
        (180, "Ringing", json!({"code": 180, "sip_code": 180})),
        (200, "OK", json!({"code": 999, "sip_code": 200})),
        (503, "Service Unavailable", json!({"code": 503, "sip_code": 503})),
    ];
    for (code, phrase, mut expected) in cases {
        let (net, mut call) = direct();
        net.capture_only(|sent| sent.is_response());
        call.invite().respond(100, "Trying").respond(code, phrase).ack();
        expected["partial"] = json!(true);
        expected["ended_by"] = json!(null);
        expected["from_uri"] = json!("sip:alice@example.com");
        assert_calls(&net, json!([expected]));
    }
}

#[test]
fn a_call_joined_in_the_middle_is_partial() {
    let (net, mut call) = direct();
    net.capture_only(|_| false);
    call.invite().answer().ack();
    net.capture_all().wait(10_000);
    call.hang_up(Side::Caller);
    assert_calls(&net, json!([{"code": 1000, "partial": true, "ended_by": null, "sip_code": null}]));
}

#[test]
fn the_callers_ack_with_a_branch_of_its_own_proves_the_answer() {
    let (net, mut call) = direct();
    net.capture_only(|sent| !sent.is_response());
    call.invite().answer().ack();
    assert_calls(&net, json!([{"code": 999, "sip_code": null, "partial": false, "ack_missing": false}]));
    call.hang_up(Side::Caller);
    assert_calls(&net, json!([{"code": 1000, "sip_code": null, "ended_by": "caller"}]));
}

#[test]
fn an_ack_with_the_invites_branch_proves_nothing() {
    let (net, mut call) = direct();
    net.capture_only(|sent| !sent.is_response());
    call.invite().respond(486, "Busy Here").ack();
    assert_calls(&net, json!([{"code": 2002, "sip_code": null}]));
}

#[test]
fn an_answer_that_is_never_acknowledged_is_active_and_says_so() {
    let (net, mut call) = direct();
    call.invite().answer();
    net.at(510).resend("SIP/2.0 200").at(1_510).resend("SIP/2.0 200");
    assert_calls(&net, json!([{"code": 999, "category": "active", "ack_missing": true, "retransmissions": 2}]));
}

#[test]
fn an_invite_that_nobody_answers_runs_out_of_time() {
    let (net, mut call) = direct();
    call.invite();
    for at in [500, 1_500, 3_500, 7_500, 15_500, 31_500] {
        net.at(at).resend("INVITE");
    }
    let row = |category, timed_out| {
        json!({"code": 2002, "status": "Invite", "category": category, "timed_out": timed_out, "sip_code": null,
               "attempts": 1, "retransmissions": 6})
    };
    assert_calls(&net, json!([row("attempting", false)]));
    later(&net, 40_000);
    assert_calls(&net, json!([row("unsuccessful", true), {"code": 486}]));
}

#[test]
fn a_registration_is_granted_refreshed_and_removed() {
    let (net, mut phone) = direct();
    phone.register(60).respond_to("REGISTER", 401, "Unauthorized").register(60).grant(60);
    net.at(30_000);
    phone.register(60).grant(60);
    net.at(50_000);
    phone.register(0);
    assert_registrations(&net, json!([{"code": 1012, "status": "UnRegistering", "category": "attempting"}]));
    phone.respond_to("REGISTER", 200, "OK");
    assert_registrations(
        &net,
        json!([{
            "aor": "sip:alice@example.com", "registrar": "example.com", "code": 1013, "status": "UnRegistered",
            "category": "completed", "cause": "requested", "challenged": true, "refreshes": 1, "sip_code": 200, "messages": 8,
        }]),
    );
}

#[test]
fn a_registration_that_is_not_refreshed_expires_by_capture_time() {
    let (net, mut phone) = direct();
    phone.register(3600).grant(60);
    assert_registrations(&net, json!([{"code": 1011, "expires_s": 60, "cause": null}]));
    later(&net, 100_000);
    assert_registrations(&net, json!([{"code": 1013, "cause": "expired", "category": "completed"}]));
}

#[test]
fn a_registration_that_is_refused_keeps_the_code() {
    let (net, mut phone) = direct();
    phone.register(60).respond_to("REGISTER", 403, "Forbidden");
    assert_registrations(
        &net,
        json!([{"code": 403, "category": "unsuccessful", "sip_code": 403, "registered": null, "expires_s": null}]),
    );
}

#[test]
fn what_carries_the_messages_does_not_change_the_row() {
    /// The hosts of the call, and what else is special about the network.
    type Way = (&'static str, [&'static str; 2], fn(&Scenario, &mut Call));
    const V4: [&str; 2] = ["10.0.0.1", "10.0.0.2"];
    let ways: [Way; 5] = [
        ("IPv6", ["2001:db8::1", "2001:db8::2"], |_, _| ()),
        ("TCP", V4, |_, call| _ = call.over(Over::Tcp(1460))),
        ("TCP in small segments", V4, |_, call| _ = call.over(Over::Tcp(7))),
        ("IP fragments", V4, |net, _| _ = net.fragment(Some(64))),
        ("VLAN", V4, |net, _| _ = net.vlan(Some(7))),
    ];
    for (name, hosts, prepare) in ways {
        let net = Scenario::new();
        let mut call = net.call("life", &hosts.map(|host| net.host(host)));
        prepare(&net, &mut call);
        call.invite().respond(180, "Ringing").answer().ack().hang_up(Side::Callee);
        for capture in [net.pcap(), net.pcapng()] {
            let output = analyze(&[], &capture);
            let rows = output.calls();
            assert_eq!(rows.len(), 1, "{name}: {}\ncapture: {}", output.stderr, keep(&capture));
            let told = ["code", "ended_by", "messages", "retransmissions"].map(|key| &rows[0][key]);
            assert_eq!(told, [&json!(1000), &json!("callee"), &json!(6), &json!(0)], "{name}");
        }
    }
}
