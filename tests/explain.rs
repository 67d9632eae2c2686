//! `analyze --explain`: what no message brought about is told too, and a stranger's text does no harm.

mod support;

use support::{Scenario, Side, direct, later, run};

/// What `analyze --explain life@example.com ARGS -` says of this scenario.
fn explained(net: &Scenario, args: &[&str]) -> support::Output {
    let args: Vec<&str> =
        ["analyze", "--explain", "life@example.com"].iter().chain(args).chain(&["-"]).copied().collect();
    run(&args, &net.pcap())
}

#[test]
fn timers_and_marks_have_their_lines() {
    let (net, mut call) = direct();
    call.invite();
    later(&net, 60_000);
    let said = explained(&net, &[]).stdout;
    assert!(said.contains("no response to the INVITE for 32 s: timer B (RFC 3261 17.1.1.2)"), "{said}");
    assert!(!said.contains("later@example.com") && said.contains("\n1 call: 1 unsuccessful\n"), "{said}");

    let (net, mut call) = direct();
    call.invite().respond(180, "Ringing");
    later(&net, 600_000);
    let said = explained(&net, &[]).stdout;
    assert!(said.contains("timer C (RFC 3261 16.6 step 11)"), "{said}");

    let (net, mut call) = direct();
    call.invite().respond(180, "Ringing").cancel();
    later(&net, 600_000);
    let said = explained(&net, &[]).stdout;
    assert!(said.contains("no final response for 32 s after the CANCEL: cancelled (RFC 3261 9.1)"), "{said}");

    let (net, mut call) = direct();
    call.invite().answer().ack();
    let said = explained(&net, &["--unmonitor", "life@example.com"]).stdout;
    assert!(said.contains("999 → 8000") && said.contains("marked as unmonitored by the user\n8000 "), "{said}");

    let (net, mut call) = direct();
    call.register(60).grant(60);
    later(&net, 600_000);
    let said = explained(&net, &[]).stdout;
    assert!(said.contains("1011 → 1013") && said.contains("the granted lifetime ran out (RFC 3261 10.3)"), "{said}");

    let (net, mut call) = direct();
    call.register(60);
    later(&net, 600_000);
    let said = explained(&net, &[]).stdout;
    assert!(said.contains("timer F (RFC 3261 17.1.2.2)"), "{said}");
}

#[test]
fn two_calls_of_one_call_id_are_told_together() {
    let (net, mut call) = direct();
    call.invite().answer().ack().hang_up(Side::Caller);
    net.at(600_000);
    call.invite().respond(486, "Busy Here").ack();
    let said = explained(&net, &[]).stdout;
    assert!(said.contains("\n2 calls: 1 completed, 1 unsuccessful\n"), "{said}");
    assert!(said.contains("\n1000 Completed: ") && said.contains("\n486 Busy Here: "), "{said}");
}

#[test]
fn a_strangers_text_is_shown_escaped() {
    let (net, mut call) = direct();
    call.invite().respond(486, "Busy\x1b[31m").ack();
    let said = explained(&net, &[]).stdout;
    assert!(said.contains("486 Busy\\x1b[31m to INVITE") && !said.contains('\x1b'), "{said}");
}

#[test]
fn what_does_not_occur_or_cannot_be_printed_is_said() {
    let (net, mut call) = direct();
    call.invite();
    let said = explained(&net, &["--explain", "no\x1bbody"]);
    assert_eq!(said.status, 1);
    assert!(said.stderr.contains("has the Call-ID `no\\x1bbody`"), "{}", said.stderr);
    assert!(said.stdout.contains("→ 2002"), "what does occur is told all the same");
    for format in ["json", "ndjson", "csv"] {
        let said = explained(&net, &["--format", format]);
        assert_eq!((said.status, said.stdout.as_str()), (2, ""), "{format}");
    }
}
