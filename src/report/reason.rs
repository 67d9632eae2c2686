//! How a call or registration went and why, in one line that a person understands. Knows nothing of where it is printed.

use std::ops::Range;
use std::time::Duration;

use smallvec::SmallVec;

use crate::codes::{Category, Code};
use crate::time::{Spoken, Timestamp};
use crate::track::fact::{Audio, CallFact, Proof, Reason, RegistrationCause, RegistrationFact, Side};

/// Characters of a stranger's text that a line quotes; the record holds the whole of it elsewhere.
const QUOTED: usize = 100;

/// Appends one line for a call. Every call has one: its pieces are put behind each other rather than made and copied.
pub fn of_call(call: &CallFact, line: &mut String) {
    if call.partial {
        line.push_str("joined after the INVITE: ");
    }
    told(line, call, call.code);
    push_reasons(line, call);
    // That there never was any media is what this code says.
    let silence = call.audio.filter(|_| call.code != Some(Code::UNMONITORED_NO_MEDIA)).and_then(unheard);
    if let Some(silence) = silence {
        push(line, ["; ", silence]);
    }
}

fn push<const N: usize>(line: &mut String, pieces: [&str; N]) {
    pieces.into_iter().for_each(|piece| line.push_str(piece));
}

/// A number behind a piece of text.
fn push_number(line: &mut String, before: &str, number: impl itoa::Integer) {
    push(line, [before, itoa::Buffer::new().format(number)]);
}

/// A span between two pieces of text.
fn push_span(line: &mut String, before: &str, span: Duration, behind: &str) {
    line.push_str(before);
    Spoken(span).push_to(line);
    line.push_str(behind);
}

/// The same where there is a span to tell of.
fn push_length(line: &mut String, before: &str, span: Option<Duration>, behind: &str) {
    if let Some(span) = span.filter(|span| *span > Duration::ZERO) {
        push_span(line, before, span, behind);
    }
}

/// Who was not heard although somebody should have been; nothing where all was well.
pub(super) const fn unheard(audio: Audio) -> Option<&'static str> {
    match audio {
        Audio::Both => None,
        Audio::OneWayFromCaller => Some("no audio from the callee"),
        Audio::OneWayFromCallee => Some("no audio from the caller"),
        Audio::None => Some("no audio from either side"),
    }
}

fn told(line: &mut String, call: &CallFact, code: Option<Code>) {
    match code {
        Some(Code::ACTIVE) => {
            answered(line, call);
            still_up(line, call);
        }
        Some(Code::COMPLETED) => {
            answered(line, call);
            hung_up(line, call);
        }
        Some(Code::CANCEL) => unanswered_cancel(line, call),
        Some(Code::INVITE) => no_response(line, call),
        Some(code) if code.is_provisional() => still_provisional(line, call, code),
        Some(code) if code.is_final() => refused(line, call, code),
        Some(Code::MEDIA_STOPPED) => {
            answered(line, call);
            line.push_str(", then neither media nor signalling");
            silent(line, call);
        }
        Some(Code::UNMONITORED_NO_MEDIA) => {
            answered(line, call);
            line.push_str(", never any media, no signalling");
            silent(line, call);
        }
        Some(code) => {
            let why = match code {
                Code::UNMONITORED_BY_USER => "marked as unmonitored by the user",
                Code::UNMONITORED_SERVER_RESTART => "active when the server restarted",
                Code::UNMONITORED_SNIFFER_RESTART => "active when the sniffer restarted",
                Code::UNMONITORED_LICENSING => "started beyond the licence limit",
                other => other.name().unwrap_or("in a state without a name"),
            };
            match call.on_the_wire.filter(|wire| *wire != code) {
                Some(Code::ACTIVE) => {
                    answered(line, call);
                    line.push_str("; ");
                }
                Some(wire) => {
                    told(line, call, Some(wire));
                    line.push_str("; ");
                }
                None => {}
            }
            line.push_str(why);
        }
        None => untold(line, call),
    }
}

/// `answered after 4.2 s`, or what proves that it was.
fn answered(line: &mut String, call: &CallFact) {
    match (call.answered, call.proof) {
        (Some(at), _) if !call.partial => push_span(line, "answered after ", at.since(call.start), ""),
        (None, Some(Proof::Ack)) => line.push_str("answer not captured, proved by the caller's ACK"),
        (None, Some(Proof::CalleeBye)) => line.push_str("answer not captured, proved by the callee's BYE"),
        _ => line.push_str("answered"),
    }
    if call.cancelled {
        line.push_str(", too late to cancel");
    }
    if call.ack_missing {
        line.push_str(", never acknowledged");
    }
}

/// How long nothing was heard until that was decided.
fn silent(line: &mut String, call: &CallFact) {
    let decided = call.timeline.iter().rev().find(|step| Some(step.code) == call.code).map(|step| step.at);
    push_length(line, " for ", decided.map(|at| at.since(call.last)), "");
}

fn still_up(line: &mut String, call: &CallFact) {
    line.push_str(", still up at the end of the capture");
    push_length(line, " (", call.answered.map(|at| call.last.since(at)), ")");
    if call.held {
        line.push_str(", on hold");
    }
}

fn hung_up(line: &mut String, call: &CallFact) {
    line.push_str(match call.ended_by {
        Some(Side::Caller) => ", caller hung up",
        Some(Side::Callee) => ", callee hung up",
        None => ", hung up",
    });
    if let Some((from, to)) = call.answered.zip(call.ended) {
        push_span(line, " after ", to.since(from), "");
    }
    if let Some(code) = call.bye_refused {
        push_said(line, ", BYE refused with ", code, None);
    }
}

/// The caller gave up, and no final response to the INVITE was seen.
fn unanswered_cancel(line: &mut String, call: &CallFact) {
    cancelled(line, call);
    line.push_str(if call.timed_out { ", no final response in 32 s" } else { ", no final response seen" });
}

/// `caller cancelled after 12.0 s of ringing`.
fn cancelled(line: &mut String, call: &CallFact) {
    line.push_str(if call.answered_elsewhere { "answered elsewhere" } else { "caller cancelled" });
    // 487 comes after the CANCEL: a slow network's answer is no part of the caller's patience.
    let step = call.timeline.iter().rev().find(|step| step.code == Code::CANCEL).map(|step| step.at);
    after_ringing(line, call, step.or(call.final_at));
}

/// ` after 3.1 s of ringing`, or since the INVITE where it never rang.
fn after_ringing(line: &mut String, call: &CallFact, until: Option<Timestamp>) {
    match (call.ringing, call.attempt_start, until) {
        (Some(from), _, Some(until)) => push_span(line, " after ", until.since(from), " of ringing"),
        (None, Some(from), Some(until)) => push_span(line, " after ", until.since(from), ""),
        _ => {}
    }
}

fn no_response(line: &mut String, call: &CallFact) {
    line.push_str("no response to ");
    match call.invites_sent {
        0 | 1 => line.push_str("the INVITE"),
        several => {
            push_number(line, "", several);
            line.push_str(" INVITEs");
        }
    }
    if call.callee_known {
        return line.push_str(" captured, but later messages show that there was one");
    }
    let from = call.attempt_start.unwrap_or(call.start);
    let to = match call.last_invite.filter(|_| call.invites_sent > 1) {
        Some(last) => last,
        None if call.timed_out => call.ended.unwrap_or(call.last),
        None => call.last,
    };
    push_length(line, " in ", Some(to.since(from)), "");
    line.push_str(if call.timed_out { "" } else { ", the capture ended" });
}

fn still_provisional(line: &mut String, call: &CallFact, code: Code) {
    let since = call.ringing.or(call.attempt_start);
    let until = if call.timed_out { call.ended.unwrap_or(call.last) } else { call.last };
    let length = since.map(|since| until.since(since));
    match (code.get(), call.timed_out) {
        (180, true) => {
            line.push_str("ringing");
            push_length(line, " for ", length, "");
            line.push_str(" with no answer (timed out)");
        }
        (180, false) => {
            line.push_str("still ringing when the capture ended");
            push_length(line, " (", length, ")");
        }
        (_, true) => {
            push_said(line, "", code, phrase_of(call, code));
            line.push_str(", then no answer");
            push_length(line, " in ", length, "");
            line.push_str(" (timed out)");
        }
        (_, false) => {
            push_said(line, "", code, phrase_of(call, code));
            line.push_str(", no final response when the capture ended");
            push_length(line, " (", length, ")");
        }
    }
}

/// A final response other than 2xx.
fn refused(line: &mut String, call: &CallFact, code: Code) {
    let phrase = phrase_of(call, code);
    if code.is_challenge() {
        let what = if call.credentials { "credentials refused: " } else { "challenge never answered: " };
        push_said(line, what, code, phrase);
        if let Some(realm) = &call.realm {
            push_quoted(line, " (realm ", realm);
            line.push(')');
        }
        return;
    }
    match code.get() {
        300..=399 => {
            push_said(line, "", code, phrase);
            if let Some(to) = &call.redirect_to {
                push_clipped(line, " to ", to);
            }
            line.push_str(", not followed");
        }
        487 if call.cancelled || call.answered_elsewhere => cancelled(line, call),
        _ => {
            push_said(line, "", code, phrase);
            after_ringing(line, call, call.final_at);
            line.push_str(if call.cancelled { ", as the caller cancelled" } else { "" });
        }
    }
}

/// Nothing that was captured says where the call stood.
fn untold(line: &mut String, call: &CallFact) {
    push_number(line, "the ", call.messages);
    line.push_str(match call.messages {
        1 => " message captured does not tell how it went",
        _ => " messages captured do not tell how it went",
    });
    if let Some(answer) = &call.answer {
        push_said(line, ", the last response was ", answer.code, answer.phrase.as_deref());
    }
    if let Some(code) = call.bye_refused {
        push_said(line, ", BYE refused with ", code, None);
    }
}

/// The phrase that came with this very code.
fn phrase_of(call: &CallFact, code: Code) -> Option<&str> {
    call.answer.as_ref().filter(|answer| answer.code == code)?.phrase.as_deref()
}

/// `486 Busy Here`, or `486 "Busy now"` where the sender worded it otherwise.
fn push_said(line: &mut String, before: &str, code: Code, phrase: Option<&str>) {
    push_number(line, before, code.get());
    match (code.name(), phrase.map(str::trim).filter(|phrase| !phrase.is_empty())) {
        (Some(name), None) => push(line, [" ", name]),
        (Some(name), Some(phrase)) if name.eq_ignore_ascii_case(phrase) => push(line, [" ", name]),
        (_, Some(phrase)) => push_quoted(line, " ", phrase),
        (None, None) => {}
    }
}

fn push_quoted(line: &mut String, before: &str, text: &str) {
    push(line, [before, "\""]);
    push_clipped(line, "", text);
    line.push('"');
}

fn push_clipped(line: &mut String, before: &str, text: &str) {
    line.push_str(before);
    match text.char_indices().nth(QUOTED) {
        Some((end, _)) => push(line, [text.get(..end).unwrap_or_default(), "…"]),
        None => line.push_str(text),
    }
}

/// ` (Q.850 17 User busy)`: what an ICMP error and the Reason headers add.
fn push_reasons(line: &mut String, call: &CallFact) {
    // Where in the line each is that was told.
    let mut told: SmallVec<[Range<usize>; 4]> = SmallVec::new();
    let mut tell = |line: &mut String, spell: &dyn Fn(&mut String)| {
        let before = line.len();
        line.push_str(if told.is_empty() { " (" } else { "; " });
        let start = line.len();
        spell(line);
        let words = line.get(start..);
        if told.iter().any(|other| line.get(other.clone()) == words) {
            return line.truncate(before);
        }
        told.push(start..line.len());
    };
    // What went wrong before the answer did not keep the call from it.
    if let Some(icmp) = call.icmp.filter(|icmp| call.answered.is_none_or(|answered| icmp.at >= answered)) {
        tell(line, &|line| push(line, ["ICMP ", icmp.name]));
    }
    for reason in call.reasons.iter().filter(|reason| says_more(reason, call)) {
        tell(line, &|line| spell(line, reason));
    }
    if !told.is_empty() {
        line.push(')');
    }
}

/// Whether a Reason adds to what the line says anyway.
fn says_more(reason: &Reason, call: &CallFact) -> bool {
    let is = |protocol: &str| reason.protocol.eq_ignore_ascii_case(protocol);
    match reason.cause {
        None => reason.text.is_some(),
        // Normal clearing is what hanging up is.
        Some(16) if is("Q.850") => call.code != Some(Code::COMPLETED),
        Some(200) if is("SIP") => !call.answered_elsewhere,
        Some(cause) if is("SIP") => {
            let same = call.code.is_some_and(|code| u32::from(code.get()) == cause);
            !same || reason.text.as_deref().is_some_and(|text| !names(cause, text))
        }
        _ => true,
    }
}

/// Whether `text` is no more than the catalogue's name of this status code.
fn names(cause: u32, text: &str) -> bool {
    let name = u16::try_from(cause).ok().and_then(|cause| Code::new(cause).name());
    name.is_some_and(|name| name.eq_ignore_ascii_case(text))
}

fn spell(line: &mut String, reason: &Reason) {
    push_clipped(line, "", &reason.protocol);
    if let Some(cause) = reason.cause {
        push_number(line, " ", cause);
    }
    let is = |protocol: &str| reason.protocol.eq_ignore_ascii_case(protocol);
    let known = || match reason.cause? {
        cause if is("Q.850") => q850(cause),
        cause if is("SIP") => Code::new(u16::try_from(cause).ok()?).name(),
        _ => None,
    };
    let text = reason.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
    if let Some(text) = text.or_else(known) {
        push_clipped(line, " ", text);
    }
}

/// ITU-T Q.850 Table 1: the causes that gateways send, by number.
const fn q850(cause: u32) -> Option<&'static str> {
    Some(match cause {
        1 => "Unallocated number",
        2 => "No route to specified transit network",
        3 => "No route to destination",
        4 => "Send special information tone",
        5 => "Misdialled trunk prefix",
        6 => "Channel unacceptable",
        16 => "Normal call clearing",
        17 => "User busy",
        18 => "No user responding",
        19 => "No answer from user",
        20 => "Subscriber absent",
        21 => "Call rejected",
        22 => "Number changed",
        23 => "Redirection to new destination",
        25 => "Exchange routing error",
        26 => "Non-selected user clearing",
        27 => "Destination out of order",
        28 => "Invalid number format",
        29 => "Facility rejected",
        31 => "Normal, unspecified",
        34 => "No circuit available",
        38 => "Network out of order",
        41 => "Temporary failure",
        42 => "Switching equipment congestion",
        43 => "Access information discarded",
        44 => "Requested circuit not available",
        47 => "Resource unavailable",
        50 => "Requested facility not subscribed",
        55 => "Incoming calls barred within CUG",
        57 => "Bearer capability not authorized",
        58 => "Bearer capability not presently available",
        63 => "Service or option not available",
        65 => "Bearer capability not implemented",
        69 => "Requested facility not implemented",
        79 => "Service or option not implemented",
        81 => "Invalid call reference value",
        87 => "User not member of CUG",
        88 => "Incompatible destination",
        95 => "Invalid message",
        96 => "Mandatory information element is missing",
        97 => "Message type non-existent or not implemented",
        99 => "Information element non-existent or not implemented",
        100 => "Invalid information element contents",
        102 => "Recovery on timer expiry",
        111 => "Protocol error",
        127 => "Interworking, unspecified",
        _ => return None,
    })
}

/// Appends one line for a registration.
pub fn of_registration(registration: &RegistrationFact, line: &mut String) {
    match (registration.code, registration.cause) {
        (Some(Code::REGISTERED), cause) => {
            push_granted(line, "registered", registration);
            push_refreshed(line, registration);
            if cause == Some(RegistrationCause::Replaced) {
                line.push_str(", then replaced under another Call-ID");
            }
        }
        (Some(Code::UNREGISTERED), Some(RegistrationCause::Expired)) => {
            push_granted(line, "granted", registration);
            push_refreshed(line, registration);
            line.push_str(", then ran out");
        }
        (Some(Code::UNREGISTERED), Some(RegistrationCause::None)) => line.push_str("asked: no binding"),
        (Some(Code::UNREGISTERED), _) => {
            line.push_str("the client unregistered");
            push_refreshed(line, registration);
        }
        (Some(Code::REGISTERING | Code::UNREGISTERING), _) => pending(line, registration),
        (Some(code), _) => {
            let phrase = registration.answer.as_ref().filter(|answer| answer.code == code);
            push_said(line, "", code, phrase.and_then(|answer| answer.phrase.as_deref()));
            line.push_str(if registration.registered.is_some() { ", after it was registered" } else { "" });
        }
        (None, _) => line.push_str("what was captured does not tell how it went"),
    }
}

fn push_granted(line: &mut String, what: &str, registration: &RegistrationFact) {
    line.push_str(what);
    if let Some(seconds) = registration.expires {
        push_number(line, " for ", seconds);
        line.push_str(" s");
    }
}

fn push_refreshed(line: &mut String, registration: &RegistrationFact) {
    match registration.refreshes {
        0 => {}
        1 => line.push_str(", refreshed once"),
        several => {
            push_number(line, ", refreshed ", several);
            line.push_str(" times");
        }
    }
}

/// The last REGISTER has no final response.
fn pending(line: &mut String, registration: &RegistrationFact) {
    let unregistering = registration.code == Some(Code::UNREGISTERING);
    line.push_str(if unregistering { "asked to unregister: " } else { "asked to register: " });
    match registration.answer.as_ref().filter(|answer| !answer.code.is_challenge()) {
        Some(answer) => {
            push_said(line, "", answer.code, answer.phrase.as_deref());
            line.push_str(", no final response ");
        }
        None => line.push_str("no response "),
    }
    line.push_str(match (registration.timed_out, registration.category) {
        (true, _) => "in 32 s",
        (false, Some(Category::Unsuccessful)) => "at all",
        (false, _) => "when the capture ended",
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::Place;
    use crate::report::samples::{answer, at, invite, reason, registrations};
    use crate::track::fact::{IcmpError, Step};

    fn line_of(call: &CallFact) -> String {
        let mut line = String::new();
        of_call(call, &mut line);
        line
    }

    fn line_of_registration(registration: &RegistrationFact) -> String {
        let mut line = String::new();
        of_registration(registration, &mut line);
        line
    }

    fn changed(mut call: CallFact, change: impl FnOnce(&mut CallFact)) -> CallFact {
        change(&mut call);
        call
    }

    fn lost(millis: i64) -> Option<IcmpError> {
        Some(IcmpError { name: "port unreachable", at: at(millis), place: Place::default() })
    }

    #[test]
    fn answered_calls() {
        let up = || invite(0, 1).ringing_from(300).answered_at(4_200);
        let done = |side| up().hung_up_at(138_200, side);
        let cases = [
            (done(Side::Callee), "answered after 4.2 s, callee hung up after 2:14"),
            (done(Side::Caller), "answered after 4.2 s, caller hung up after 2:14"),
            (changed(done(Side::Caller), |c| c.ended_by = None), "answered after 4.2 s, hung up after 2:14"),
            (
                changed(done(Side::Caller), |c| c.reasons = vec![reason("Q.850", 16, "Normal call clearing")]),
                "answered after 4.2 s, caller hung up after 2:14",
            ),
            (
                changed(done(Side::Callee), |c| c.reasons = vec![Reason { cause: None, ..reason("SIP", 0, "") }]),
                "answered after 4.2 s, callee hung up after 2:14",
            ),
            (
                changed(done(Side::Callee), |c| c.reasons = vec![reason("Q.850", 38, "")]),
                "answered after 4.2 s, callee hung up after 2:14 (Q.850 38 Network out of order)",
            ),
            (
                changed(done(Side::Callee), |c| c.bye_refused = Some(Code::new(481))),
                "answered after 4.2 s, callee hung up after 2:14, BYE refused with 481 Call/Transaction Does Not Exist",
            ),
            (
                changed(done(Side::Callee), |c| c.audio = Some(Audio::OneWayFromCaller)),
                "answered after 4.2 s, callee hung up after 2:14; no audio from the callee",
            ),
            (
                changed(done(Side::Callee), |c| {
                    (c.reasons, c.audio) = (vec![reason("Q.850", 38, "")], Some(Audio::None));
                }),
                "answered after 4.2 s, callee hung up after 2:14 (Q.850 38 Network out of order); no audio from either side",
            ),
            (
                changed(up(), |c| c.audio = Some(Audio::OneWayFromCallee)),
                "answered after 4.2 s, still up at the end of the capture; no audio from the caller",
            ),
            (
                changed(done(Side::Caller), |c| c.audio = Some(Audio::Both)),
                "answered after 4.2 s, caller hung up after 2:14",
            ),
            (
                changed(done(Side::Callee), |c| c.ack_missing = true),
                "answered after 4.2 s, never acknowledged, callee hung up after 2:14",
            ),
            (
                changed(done(Side::Caller), |c| c.cancelled = true),
                "answered after 4.2 s, too late to cancel, caller hung up after 2:14",
            ),
            (
                changed(up(), |c| c.last = at(316_200)),
                "answered after 4.2 s, still up at the end of the capture (5:12)",
            ),
            (up(), "answered after 4.2 s, still up at the end of the capture"),
            (changed(up(), |c| c.held = true), "answered after 4.2 s, still up at the end of the capture, on hold"),
            (
                changed(up(), |c| (c.last, c.ack_missing) = (at(36_200), true)),
                "answered after 4.2 s, never acknowledged, still up at the end of the capture (32.0 s)",
            ),
            (
                changed(up(), |c| {
                    let place = c.place;
                    (c.code, c.audio) = (Some(Code::UNMONITORED_NO_MEDIA), Some(Audio::None));
                    c.timeline.push(Step { at: c.last.after(Duration::from_secs(3600)), code: Code::new(8003), place });
                }),
                "answered after 4.2 s, never any media, no signalling for 1:00:00",
            ),
            (
                changed(up(), |c| c.code = Some(Code::MEDIA_STOPPED)),
                "answered after 4.2 s, then neither media nor signalling",
            ),
            (
                changed(up(), |c| c.code = Some(Code::UNMONITORED_SERVER_RESTART)),
                "answered after 4.2 s; active when the server restarted",
            ),
            (
                changed(done(Side::Callee), |c| c.code = Some(Code::UNMONITORED_BY_USER)),
                "answered after 4.2 s, callee hung up after 2:14; marked as unmonitored by the user",
            ),
        ];
        for (call, expected) in cases {
            assert_eq!(line_of(&call), expected);
        }
    }

    #[test]
    fn icmp_errors() {
        let answered = || invite(0, 1).answered_at(1_000).hung_up_at(11_000, Side::Caller);
        let cases = [
            (
                changed(invite(0, 1).refused_at(500, 408, ""), |c| c.icmp = lost(200)),
                "408 Request Timeout after 0.5 s (ICMP port unreachable)",
            ),
            (
                changed(invite(0, 1).refused_at(500, 480, ""), |c| {
                    (c.icmp, c.reasons) = (lost(200), vec![reason("Q.850", 20, "")]);
                }),
                "480 Temporarily Unavailable after 0.5 s (ICMP port unreachable; Q.850 20 Subscriber absent)",
            ),
            (
                changed(answered(), |c| c.icmp = lost(11_000)),
                "answered after 1.0 s, caller hung up after 10.0 s (ICMP port unreachable)",
            ),
            (changed(answered(), |c| c.icmp = lost(200)), "answered after 1.0 s, caller hung up after 10.0 s"),
        ];
        for (call, expected) in cases {
            assert_eq!(line_of(&call), expected);
        }
    }

    #[test]
    fn refused_calls() {
        let busy = |phrase| invite(0, 1).ringing_from(400).refused_at(3_500, 486, phrase);
        let refused = |code, phrase| invite(0, 1).refused_at(250, code, phrase);
        let with_realm = |c: &mut CallFact| c.realm = Some("example.com".into());
        let cases = [
            (busy("Busy now"), "486 \"Busy now\" after 3.1 s of ringing"),
            (busy("busy here"), "486 Busy Here after 3.1 s of ringing"),
            (busy(""), "486 Busy Here after 3.1 s of ringing"),
            (
                changed(busy("Busy now"), |c| c.reasons = vec![reason("Q.850", 17, "User busy")]),
                "486 \"Busy now\" after 3.1 s of ringing (Q.850 17 User busy)",
            ),
            (
                changed(busy(""), |c| c.reasons = vec![reason("q.850", 17, ""), reason("Q.850", 17, "User busy")]),
                "486 Busy Here after 3.1 s of ringing (q.850 17 User busy; Q.850 17 User busy)",
            ),
            (
                changed(busy(""), |c| c.reasons = vec![reason("Q.850", 17, ""), reason("Q.850", 17, "User busy")]),
                "486 Busy Here after 3.1 s of ringing (Q.850 17 User busy)",
            ),
            (
                changed(busy(""), |c| c.reasons = vec![reason("SIP", 486, "Busy Here")]),
                "486 Busy Here after 3.1 s of ringing",
            ),
            (
                changed(busy(""), |c| c.reasons = vec![reason("SIP", 486, "do not disturb")]),
                "486 Busy Here after 3.1 s of ringing (SIP 486 do not disturb)",
            ),
            (
                changed(busy(""), |c| c.cancelled = true),
                "486 Busy Here after 3.1 s of ringing, as the caller cancelled",
            ),
            (refused(503, "Service Unavailable"), "503 Service Unavailable after 0.3 s"),
            (refused(499, ""), "499 after 0.3 s"),
            (refused(499, "Odd"), "499 \"Odd\" after 0.3 s"),
            (refused(487, ""), "487 Request Terminated after 0.3 s"),
            (refused(407, ""), "challenge never answered: 407 Proxy Authentication Required"),
            (
                changed(refused(401, "Unauthorized"), with_realm),
                "challenge never answered: 401 Unauthorized (realm \"example.com\")",
            ),
            (
                changed(changed(refused(401, "Go away"), with_realm), |c| c.credentials = true),
                "credentials refused: 401 \"Go away\" (realm \"example.com\")",
            ),
            (refused(302, ""), "302 Moved Temporarily, not followed"),
            (
                changed(refused(302, ""), |c| c.redirect_to = Some("sip:bob@example.net".into())),
                "302 Moved Temporarily to sip:bob@example.net, not followed",
            ),
        ];
        for (call, expected) in cases {
            assert_eq!(line_of(&call), expected);
        }
    }

    #[test]
    fn cancelled_calls() {
        let rang = || invite(0, 1).ringing_from(300).cancelled_at(12_300);
        let cases = [
            (rang().refused_at(13_000, 487, ""), "caller cancelled after 12.0 s of ringing"),
            (invite(0, 1).cancelled_at(2_000).refused_at(2_100, 487, ""), "caller cancelled after 2.0 s"),
            (rang(), "caller cancelled after 12.0 s of ringing, no final response seen"),
            (rang().timed_out_at(44_300), "caller cancelled after 12.0 s of ringing, no final response in 32 s"),
            (
                changed(rang().refused_at(13_000, 487, ""), |c| {
                    c.answered_elsewhere = true;
                    c.reasons = vec![reason("SIP", 200, "Call completed elsewhere")];
                }),
                "answered elsewhere after 12.0 s of ringing",
            ),
            (
                changed(rang().refused_at(13_000, 487, ""), |c| c.reasons = vec![reason("SIP", 487, "")]),
                "caller cancelled after 12.0 s of ringing",
            ),
            (
                changed(rang().refused_at(13_000, 487, ""), |c| c.reasons = vec![reason("Q.850", 102, "")]),
                "caller cancelled after 12.0 s of ringing (Q.850 102 Recovery on timer expiry)",
            ),
        ];
        for (call, expected) in cases {
            assert_eq!(line_of(&call), expected);
        }
    }

    #[test]
    fn calls_without_an_end() {
        let seven = |c: &mut CallFact| (c.invites_sent, c.last_invite) = (7, Some(at(31_500)));
        let cases = [
            (changed(invite(0, 1).timed_out_at(32_000), seven), "no response to 7 INVITEs in 31.5 s"),
            (
                changed(invite(0, 1).timed_out_at(32_000), |c| (seven(c), c.icmp = lost(200)).1),
                "no response to 7 INVITEs in 31.5 s (ICMP port unreachable)",
            ),
            (invite(0, 1).timed_out_at(32_000), "no response to the INVITE in 32.0 s"),
            (invite(0, 1), "no response to the INVITE, the capture ended"),
            (
                changed(invite(0, 1).timed_out_at(32_000), |c| c.callee_known = true),
                "no response to the INVITE captured, but later messages show that there was one",
            ),
            (
                changed(invite(0, 1), |c| (c.invites_sent, c.last_invite) = (2, Some(at(500)))),
                "no response to 2 INVITEs in 0.5 s, the capture ended",
            ),
            (invite(0, 1).ringing_from(700).timed_out_at(180_700), "ringing for 3:00 with no answer (timed out)"),
            (invite(0, 1).ringing_from(700), "still ringing when the capture ended"),
            (
                changed(invite(0, 1).ringing_from(700), |c| c.last = at(12_700)),
                "still ringing when the capture ended (12.0 s)",
            ),
            (
                changed(invite(0, 1), |c| (c.code, c.last) = (Some(Code::new(100)), at(5_000))),
                "100 Trying, no final response when the capture ended (5.0 s)",
            ),
            (
                changed(invite(0, 1).timed_out_at(180_000), |c| {
                    (c.code, c.answer) = (Some(Code::new(183)), answer(183, "Announcement"));
                }),
                "183 \"Announcement\", then no answer in 3:00 (timed out)",
            ),
        ];
        for (call, expected) in cases {
            assert_eq!(line_of(&call), expected);
        }
    }

    #[test]
    fn calls_joined_late() {
        let joined = |mut call: CallFact| {
            (call.partial, call.attempt_start) = (true, None);
            call
        };
        let bye = || joined(invite(0, 1).hung_up_at(1_000, Side::Callee));
        let cases = [
            (
                joined(invite(0, 1).answered_at(1_000).hung_up_at(11_000, Side::Callee)),
                "joined after the INVITE: answered, callee hung up after 10.0 s",
            ),
            (
                changed(bye(), |c| c.proof = Some(Proof::CalleeBye)),
                "joined after the INVITE: answer not captured, proved by the callee's BYE, callee hung up",
            ),
            (
                changed(invite(0, 1).hung_up_at(1_000, Side::Caller), |c| c.proof = Some(Proof::Ack)),
                "answer not captured, proved by the caller's ACK, caller hung up",
            ),
            (
                changed(joined(invite(0, 1)), |c| c.code = None),
                "joined after the INVITE: the 1 message captured does not tell how it went",
            ),
            (
                changed(joined(invite(0, 1)), |c| {
                    (c.code, c.messages, c.answer) = (None, 3, answer(183, ""));
                }),
                "joined after the INVITE: the 3 messages captured do not tell how it went, \
                 the last response was 183 Session Progress",
            ),
            (joined(invite(0, 1).refused_at(300, 486, "")), "joined after the INVITE: 486 Busy Here"),
        ];
        for (call, expected) in cases {
            assert_eq!(line_of(&call), expected);
        }
    }

    #[test]
    fn a_strangers_text_is_quoted_to_a_bound() {
        let call = invite(0, 1).refused_at(100, 486, &"é".repeat(70_000));
        assert!(line_of(&call).chars().count() < 200);
    }

    #[test]
    fn registration_lines() {
        let lines: Vec<_> = registrations().iter().map(line_of_registration).collect();
        assert_eq!(
            lines,
            [
                "registered for 3600 s",
                "403 \"Wrong password\"",
                "granted for 60 s, refreshed 2 times, then ran out",
                "asked to register: no response in 32 s",
            ]
        );
        let of = |change: fn(&mut RegistrationFact)| {
            let mut registration = registrations().remove(0);
            change(&mut registration);
            line_of_registration(&registration)
        };
        assert_eq!(of(|r| r.refreshes = 1), "registered for 3600 s, refreshed once");
        assert_eq!(
            of(|r| r.cause = Some(RegistrationCause::Replaced)),
            "registered for 3600 s, then replaced under another Call-ID"
        );
        assert_eq!(
            of(|r| (r.code, r.cause) = (Some(Code::UNREGISTERED), Some(RegistrationCause::Requested))),
            "the client unregistered"
        );
        assert_eq!(
            of(|r| (r.code, r.cause) = (Some(Code::UNREGISTERED), Some(RegistrationCause::None))),
            "asked: no binding"
        );
        assert_eq!(
            of(|r| (r.code, r.answer) = (Some(Code::new(503)), answer(503, ""))),
            "503 Service Unavailable, after it was registered"
        );
        assert_eq!(
            of(|r| (r.code, r.answer) = (Some(Code::UNREGISTERING), answer(100, ""))),
            "asked to unregister: 100 Trying, no final response when the capture ended"
        );
        assert_eq!(of(|r| r.code = None), "what was captured does not tell how it went");
    }
}
