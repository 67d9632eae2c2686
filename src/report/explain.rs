//! Why a record has its code, in words: each message, what it did, and by which rule of which RFC. Knows nothing of how it
//! is laid out, and takes the rules as tracking applied them.

use crate::codes::{Category, Code};
use crate::packet::Place;
use crate::report::reason::unheard;
use crate::report::row::{CallRow, RegistrationRow, Row, Source, digits_of, source_of};
use crate::time::{Rfc3339, Timestamp};
use crate::track::explain::{Explanation, Note, Rule};
use crate::track::fact::Step;

/// One message, timer or mark, ready to print.
#[derive(Clone, Debug)]
pub struct Line {
    /// When, with the precision of the capture that shows it.
    pub time: Rfc3339,
    /// The capture that shows it, as the user named it.
    pub file: Box<str>,
    /// Its frame; `None` for what is no packet.
    pub frame: Option<u64>,
    /// Sender and receiver; empty for what is no packet.
    pub way: String,
    /// What it was, as sent: a renderer makes it harmless for where it writes.
    pub what: String,
    /// `2002 → 180`, or the code that stays.
    pub code: String,
    /// What was made of it and where that is written.
    pub why: String,
}

/// The lines of one explanation in order, given the rows of its Call-ID.
#[must_use]
pub fn lines(explanation: &Explanation, rows: &[Row], sources: &[Source]) -> Vec<Line> {
    let mut timed: Vec<(Timestamp, Line)> =
        explanation.notes.iter().map(|note| (note.at, line_of_note(note, sources))).collect();
    let noted = |step: &Step| {
        let is_it = |note: &Note| note.place == step.place && note.at == step.at && note.after == Some(step.code);
        explanation.notes.iter().any(is_it)
    };
    // Beyond the last note there are messages that are not noted: their steps would look like timers.
    let until = explanation.notes.last().filter(|_| explanation.left_out > 0).map(|note| note.at);
    for row in rows {
        let (steps, timeout) = match row {
            Row::Call(row) => (&row.fact.timeline, timeout_of_call(row)),
            Row::Registration(row) => (&row.fact.timeline, timeout_of_registration(row)),
            Row::Transaction(_) | Row::Stream(_) => continue,
        };
        for (index, step) in steps.iter().enumerate().filter(|(_, step)| !noted(step)) {
            if until.is_some_and(|until| step.at > until) && step.code.category() != Category::Unmonitored {
                continue;
            }
            let before = index.checked_sub(1).and_then(|before| steps.get(before)).map(|step| step.code);
            timed.push((
                step.at,
                line_of_time(step.at, step.place, (before, Some(step.code)), why_of_step(step.code), sources),
            ));
        }
        if let Some((at, place, code, why)) = timeout {
            timed.push((at, line_of_time(at, place, (code, code), why, sources)));
        }
    }
    // Stable: what the captures show in another order within one moment stays as it is.
    timed.sort_by_key(|(at, _)| *at);
    timed.into_iter().map(|(_, line)| line).collect()
}

/// The code that a row ends with: its number, its name, what it means and where it is defined.
#[must_use]
pub fn ending(row: &Row) -> Option<String> {
    let code = match row {
        Row::Call(row) => row.code()?,
        Row::Registration(row) => row.code()?,
        Row::Transaction(_) | Row::Stream(_) => return None,
    };
    Some(match Code::new(code).entry() {
        Some(entry) => format!("{code} {}: {} ({})", entry.name, entry.meaning, entry.reference),
        None => format!("{code}: not in the catalogue; it counts as the x00 of its class (RFC 3261 8.1.3.2)"),
    })
}

/// What was heard of a call, where anything was or should have been: the caller's figures before the callee's.
#[must_use]
pub fn heard(row: &Row) -> Option<String> {
    let Row::Call(row) = row else { return None };
    let media = row.media().map(|media| format!("RTP from caller/callee: {media}"));
    let unheard = row.fact.audio.and_then(unheard).map(str::to_owned);
    let told: Vec<_> = media.into_iter().chain(unheard).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// Whether a row has this Call-ID.
#[must_use]
pub fn is_of(row: &Row, call_id: &str) -> bool {
    match row {
        Row::Call(row) => row.call_id() == call_id,
        Row::Registration(row) => row.call_id() == call_id,
        Row::Transaction(_) | Row::Stream(_) => false,
    }
}

fn line_of_note(note: &Note, sources: &[Source]) -> Line {
    let source = source_of(sources, note.place);
    let (words, reference) = words(note.rule);
    Line {
        time: note.at.rfc3339(digits_of(source)),
        file: source.map_or_else(Box::default, |source| source.name.clone()),
        frame: Some(note.place.frame),
        way: format!("{} → {}", note.path.src, note.path.dst),
        what: note.what.to_string(),
        code: change(note.before, note.after),
        why: told(words, reference),
    }
}

fn line_of_time(
    at: Timestamp,
    place: Place,
    (before, after): (Option<Code>, Option<Code>),
    (words, reference): (&str, &str),
    sources: &[Source],
) -> Line {
    let source = source_of(sources, place);
    Line {
        time: at.rfc3339(digits_of(source)),
        file: source.map_or_else(Box::default, |source| source.name.clone()),
        frame: None,
        way: String::new(),
        what: String::new(),
        code: change(before, after),
        why: told(words, reference),
    }
}

fn change(before: Option<Code>, after: Option<Code>) -> String {
    match (before, after) {
        (None, None) => "-".to_owned(),
        (None, Some(after)) => format!("→ {after}"),
        (Some(before), Some(after)) if before == after => after.to_string(),
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (Some(before), None) => before.to_string(),
    }
}

fn told(words: &str, reference: &str) -> String {
    if reference.is_empty() { words.to_owned() } else { format!("{words} ({reference})") }
}

/// What no message brought about: a mark, a silence, a lifetime, the timer of a branch.
fn why_of_step(code: Code) -> (&'static str, &'static str) {
    match code {
        Code::UNMONITORED_BY_USER => ("marked as unmonitored by the user", ""),
        Code::UNMONITORED_SERVER_RESTART => ("active when the server restarted, and never resumed", ""),
        Code::UNMONITORED_SNIFFER_RESTART => ("active when the sniffer restarted, and never resumed", ""),
        Code::UNMONITORED_NO_MEDIA => ("answered, but no media and no signalling for the signalling timeout", ""),
        Code::UNMONITORED_LICENSING => ("it began while the limit of calls was reached", ""),
        Code::MEDIA_STOPPED => ("no media and no signalling for the media timeout", ""),
        Code::UNREGISTERED => ("the granted lifetime ran out", "RFC 3261 10.3"),
        _ => ("the last branch's timer ran out: the best final response of the others counts", "RFC 3261 16.7, 16.8"),
    }
}

/// When and why a call was given up, where it was.
type Timeout = (Timestamp, Place, Option<Code>, (&'static str, &'static str));

fn timeout_of_call(row: &CallRow) -> Option<Timeout> {
    let step = row.fact.timeline.last()?;
    let why = match row.fact.code {
        Some(Code::INVITE) => ("no response to the INVITE for 32 s: timer B", "RFC 3261 17.1.1.2"),
        Some(Code::CANCEL) => ("no final response for 32 s after the CANCEL: cancelled", "RFC 3261 9.1"),
        _ => ("no final response for 180 s of ringing: timer C", "RFC 3261 16.6 step 11"),
    };
    row.fact.ended.filter(|_| row.fact.timed_out).map(|at| (at, step.place, row.fact.code, why))
}

fn timeout_of_registration(row: &RegistrationRow) -> Option<Timeout> {
    let pending = |step: &Step| matches!(step.code, Code::REGISTERING | Code::UNREGISTERING);
    // Of what is still asked for, only timer F makes a failure.
    let failed = row.fact.category == Some(Category::Unsuccessful);
    let step = row.fact.timeline.last().filter(pending).filter(|_| failed)?;
    let at = step.at.after(std::time::Duration::from_secs(32));
    Some((at, step.place, Some(step.code), ("no final response for 32 s: timer F", "RFC 3261 17.1.2.2")))
}

/// A rule in words, and where it is written.
#[rustfmt::skip]
const fn words(rule: Rule) -> (&'static str, &'static str) {
    match rule {
        Rule::Duplicate => ("ignored: the same packet was captured before", ""),
        Rule::Retransmission => ("ignored: sent again on the same hop", "RFC 3261 17"),
        Rule::Straggler => ("ignored: a straggler of a call that was closed before", "RFC 3261 17"),
        Rule::NoCall => ("ignored: it belongs to no call and no registration", ""),
        Rule::Icmp => ("evidence, no message: it moves nothing", "RFC 792, RFC 4443"),
        Rule::MarkStands => ("ignored: the code that was set stands, whatever the wire says after it", ""),
        Rule::FirstInvite => ("an INVITE without a To tag opens the call", "RFC 3261 13.2.1"),
        Rule::Credentials => ("another attempt after the challenge", "RFC 3261 22.2"),
        Rule::RedirectFollowed => ("another attempt: the caller follows the redirection", "RFC 3261 8.1.3.4"),
        Rule::NextAttempt => ("another attempt: the same call with a higher CSeq", "RFC 3261 8.1.3.5"),
        Rule::Failover => ("another target, as all before it have failed: what they said no longer counts", "RFC 3261 16.6"),
        Rule::Branch => ("another branch or way of this attempt: all that are equally near to the caller decide together", "RFC 3261 16.7"),
        Rule::FartherHop => ("ignored: another hop, farther from the caller, who is told by the nearest one", "RFC 3261 16.7 step 9"),
        Rule::NearerHop => ("a hop nearer to the caller: what others were told does not count", "RFC 3261 16.7 step 9"),
        Rule::EarlierBranch => ("ignored: of a branch or way that does not decide", "RFC 3261 16.7 step 6"),
        Rule::EarlierAttempt => ("ignored: late message of an earlier attempt, as its CSeq says", "RFC 3261 17.1.3"),
        Rule::Reinvite => ("ignored: a re-INVITE changes the session, not the call", "RFC 3261 14"),
        Rule::AnswerToReinvite => ("ignored: it answers a re-INVITE, not the call", "RFC 3261 14.1"),
        Rule::AckToReinvite => ("ignored: it acknowledges the answer to a re-INVITE", "RFC 3261 14.1"),
        Rule::JoinedInside => ("the capture joins late: only an answered call has this", "RFC 3261 12.2"),
        Rule::Provisional => ("a provisional response on the hop that decides", "RFC 3261 13.2.2.1"),
        Rule::SameProvisional => ("a provisional response that says what stands already", "RFC 3261 13.2.2.1"),
        Rule::LateTrying => ("ignored: 100 is the next hop's alone and says less than what came before", "RFC 3261 8.2.6.1"),
        Rule::LateProvisional => ("ignored: a provisional response after the final one", "RFC 3261 17.1.1.2"),
        Rule::ProvisionalAfterCancel => ("ignored: a provisional response does not undo the CANCEL that it crosses", "RFC 3261 9.1"),
        Rule::Answer => ("a 2xx on the hop that decides: answered", "RFC 3261 13.2.2.4"),
        Rule::AnotherAnswer => ("answered already: another 2xx changes nothing", "RFC 3261 13.2.2.4"),
        Rule::Challenge => ("challenged: final, unless another attempt follows with credentials", "RFC 3261 22.2"),
        Rule::Redirection => ("redirected: final, unless another attempt follows it", "RFC 3261 13.2.2.2"),
        Rule::Failure => ("the final response on the hop that decides ends the attempt", "RFC 3261 13.2.2.3"),
        Rule::BestOfBranches => ("of the final responses of all branches the best counts: 6xx, else the lowest class", "RFC 3261 16.7 step 6"),
        Rule::BranchWaits => ("ignored for now: another branch is still waited for", "RFC 3261 16.7 step 6"),
        Rule::LosingBranch => ("ignored: a losing branch, the call was answered on another", "RFC 3261 16.7 step 10"),
        Rule::SecondFinal => ("ignored: this transaction had its final response before", "RFC 3261 17.1.1.2"),
        Rule::Ack => ("acknowledges the 2xx and changes nothing", "RFC 3261 13.2.2.4"),
        Rule::AckToFailure => ("acknowledges the final response hop by hop and changes nothing", "RFC 3261 17.1.1.3"),
        Rule::ProvingAck => ("an ACK with a branch of its own follows a 2xx, which was not captured: answered", "RFC 3261 13.2.2.4"),
        Rule::Cancel => ("the caller takes the INVITE back; the final response will tell", "RFC 3261 9.1"),
        Rule::CancelElsewhere => ("ignored: it cancels no INVITE of the hop that decides", "RFC 3261 16.7 step 10"),
        Rule::CancelLate => ("ignored: too late, the final response was there before it", "RFC 3261 9.1"),
        Rule::CancelOfBranch => ("ignored: a branch is cancelled, which does not take back the call", "RFC 3261 16.7 step 10"),
        Rule::CancelResponse => ("ignored: it answers the CANCEL, not the INVITE", "RFC 3261 9.2"),
        Rule::Bye => ("hangs up the last dialog", "RFC 3261 15.1"),
        Rule::ProvingBye => ("the callee hangs up, so it had answered: the 2xx was not captured", "RFC 3261 15"),
        Rule::OtherDialogUp => ("ends nothing by itself: another dialog of the call is up, or this one was ended or challenged", "RFC 3261 15"),
        Rule::EarlyBye => ("ignored: it ends an early dialog, not the call", "RFC 3261 15"),
        Rule::ByeAgain => ("ignored: the call was hung up before", "RFC 3261 15.1"),
        Rule::ByeChallenged => ("the BYE was challenged and so has ended nothing yet", "RFC 3261 22.2"),
        Rule::ProvingByeResponse => ("it answers a BYE that was not captured: hung up", "RFC 3261 15.1.2"),
        Rule::ByeResponse => ("ignored: a BYE ends the dialog, however it is answered", "RFC 3261 15.1.1"),
        Rule::Prack => ("ignored: PRACK acknowledges a provisional response and answers nothing", "RFC 3262 4"),
        Rule::Update => ("ignored: UPDATE changes the session, not the call", "RFC 3311 5"),
        Rule::Info => ("ignored: INFO is for the application, not for the call", "RFC 6086 4"),
        Rule::InDialog => ("ignored: a transaction inside the dialog does not touch the call", "RFC 3261 12.2"),
        Rule::Register => ("a REGISTER asks for a binding", "RFC 3261 10.2.1"),
        Rule::Unregister => ("a REGISTER with lifetime 0 removes", "RFC 3261 10.2.2"),
        Rule::Granted => ("a 2xx grants the binding", "RFC 3261 10.3"),
        Rule::Removed => ("a 2xx, after which nothing is bound", "RFC 3261 10.3"),
        Rule::RegisterChallenged => ("challenged: final, unless another REGISTER follows with credentials", "RFC 3261 22.2"),
        Rule::RegisterRefused => ("the final response refuses it", "RFC 3261 10.3"),
        Rule::RegisterProvisional => ("ignored: a provisional response grants nothing", "RFC 3261 10.3"),
        Rule::RegisterElsewhere => ("ignored: it changes nothing on the hop that decides", "RFC 3261 10.3"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn what_was_heard_is_told_where_there_is_something_to_tell() {
        let told: Vec<_> = samples::rows().iter().filter_map(heard).collect();
        let one_way = "RTP from caller/callee: 15596/- =x\x1b[31m\u{202e}\"\n; no audio from the callee";
        assert_eq!(told, ["RTP from caller/callee: 6691/6797 PCMU, lost 9/0, MOS 4.41/4.41", one_way]);
    }
}
