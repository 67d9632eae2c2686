//! Floods: more Call-IDs than may be held at once. What was there before goes on where it is heard of, everything is
//! told once, and nothing grows with what has passed.

use super::fact::{Fact, RegistrationCause};
use super::lives::line;
use super::{Settings, Tracker};
use crate::codes::Code;
use crate::packet::Place;

const MOST: usize = 100;
const FLOOD: u64 = 5000;

fn bounded() -> Tracker {
    Tracker::with(Settings { max_calls: MOST, max_registrations: MOST, ..Settings::default() })
}

/// Call-IDs and codes of all that is told.
fn told(tracker: &mut Tracker) -> Vec<(Box<str>, Option<Code>)> {
    std::iter::from_fn(|| tracker.poll())
        .map(|fact| match fact {
            Fact::Call(call) => (call.opening.call_id().into(), call.code),
            Fact::Registration(of) => (of.call_id, of.code),
            other => panic!("nobody asked for {other:?}"),
        })
        .collect()
}

#[test]
fn a_flood_of_calls_stays_within_the_bound() {
    let mut tracker = bounded();
    for (frame, text) in (1..).zip(["0 a>b INVITE id=talk", "0 b>a 200 id=talk", "0 a>b ACK id=talk"]) {
        line(text, frame, &mut tracker);
    }
    let mut rows = Vec::new();
    for frame in 4..4 + FLOOD {
        line(&format!("1 x>b INVITE id=flood-{frame} from=F{frame}"), frame, &mut tracker);
        if frame % 50 == 0 {
            line(&format!("1 a>b INFO id=talk cseq={frame} via=i{frame}"), frame, &mut tracker);
        }
        rows.extend(told(&mut tracker));
        assert!(tracker.held() <= (MOST, 0), "after {frame}");
    }
    let first = Place { file: 0, frame: 4 + MOST as u64 - 1 };
    assert_eq!(gave_up(&mut tracker), [("bound_calls".into(), FLOOD + 1 - MOST as u64, first)]);
    assert!(tracker.footprint() <= 8 * MOST + 2048, "{} entries are left", tracker.footprint());
    line("2 a>b BYE id=talk", 4 + FLOOD, &mut tracker);
    tracker.finish(crate::time::Timestamp::from_millis(3000));
    rows.extend(told(&mut tracker));
    rows.sort();
    assert_eq!(rows.len() as u64, FLOOD + 1, "each is told once");
    assert_eq!(rows.last(), Some(&("talk".into(), Some(Code::COMPLETED))), "who is heard of goes on");
}

/// What had to be told before its time: what it was, how many, and the packet that was the first too many.
fn gave_up(tracker: &mut Tracker) -> Vec<(String, u64, Place)> {
    let issues = tracker.take_issues();
    issues.of_file(0).map(|(cause, tally)| (cause.key(), tally.count, tally.first)).collect()
}

#[test]
fn a_flood_of_registrations_stays_within_the_bound() {
    let mut tracker = bounded();
    let mut rows = Vec::new();
    for frame in 1..=FLOOD {
        let rest = format!("id=flood-{frame} from=F{frame} via=r{frame} contact=<sip:alice@10.0.0.1:{frame}>");
        line(&format!("1 x>b REGISTER {rest}"), 2 * frame, &mut tracker);
        line(&format!("1 b>x 200/REGISTER {rest}"), 2 * frame + 1, &mut tracker);
        rows.extend(told(&mut tracker));
        assert!(tracker.held() <= (0, MOST), "after {frame}");
    }
    let first = Place { file: 0, frame: 2 * (MOST as u64 + 1) };
    assert_eq!(gave_up(&mut tracker), [("bound_registrations".into(), FLOOD - MOST as u64, first)]);
    assert!(tracker.footprint() <= 8 * MOST + 2048, "{} entries are left", tracker.footprint());
    tracker.finish(crate::time::Timestamp::from_millis(3000));
    rows.extend(told(&mut tracker));
    assert_eq!(rows.len() as u64, FLOOD, "each is told once");
    assert!(rows.iter().all(|(_, code)| *code == Some(Code::REGISTERED)));
    let last: Vec<_> = rows.iter().rev().take(MOST).rev().map(|(call_id, _)| &**call_id).collect();
    let expected: Vec<_> = (FLOOD + 1 - MOST as u64..=FLOOD).map(|frame| format!("flood-{frame}")).collect();
    assert_eq!(last, expected, "in order of their beginning, whichever slots they took");
}

/// Registrations that are asleep are woken by what comes for them: as many as there are, each goes on.
#[test]
fn who_sleeps_goes_on() {
    go_to_sleep_and_on(|tracker| tracker);
}

/// Likewise where another run goes on.
#[test]
fn who_sleeps_is_carried_over() {
    go_to_sleep_and_on(|tracker| {
        let saved = postcard::to_allocvec(&tracker).unwrap();
        let tracker: Tracker = postcard::from_bytes(&saved).unwrap();
        tracker.resume(Settings::default())
    });
}

/// `hand_on` is given all that is known, now and then.
fn go_to_sleep_and_on(hand_on: impl Fn(Tracker) -> Tracker) {
    let most = 3 * FLOOD;
    let mut tracker = Tracker::new();
    for (cseq, seconds) in [(1, 0), (2, 100)] {
        for number in 0..FLOOD {
            let at = seconds + number / 100;
            let rest = format!("id=r-{number} cseq={cseq} via=r{cseq}-{number} contact=<sip:x@192.0.2.{number}>");
            line(&format!("{at} x>b REGISTER {rest}"), 2 * number + cseq * most, &mut tracker);
            line(&format!("{at} b>x 200/REGISTER {rest}"), 2 * number + cseq * most + 1, &mut tracker);
        }
        tracker = hand_on(tracker);
    }
    // Another Call-ID takes the contact of one over that sleeps, and another lets its own go.
    let rest = "id=other contact=<sip:x@192.0.2.7>";
    line(&format!("200 x>b REGISTER {rest} via=o"), 7 * most, &mut tracker);
    line(&format!("200 b>x 200/REGISTER {rest} via=o"), 7 * most + 1, &mut tracker);
    let rest = "id=r-9 cseq=3 via=l contact=<sip:x@192.0.2.9>;expires=0";
    line(&format!("201 x>b REGISTER {rest}"), 7 * most + 2, &mut tracker);
    line("201 b>x 200/REGISTER id=r-9 cseq=3 via=l", 7 * most + 3, &mut tracker);
    tracker = hand_on(tracker);
    // An answer that comes once more, long after.
    line("202 b>x 200/REGISTER id=r-11 cseq=1 via=r1-11", 7 * most + 4, &mut tracker);
    tracker.finish(crate::time::Timestamp::from_millis(203_000));
    let mut rows = 0;
    while let Some(fact) = tracker.poll() {
        let Fact::Registration(of) = fact else { panic!("nobody asked for {fact:?}") };
        if &*of.call_id == "other" {
            assert_eq!((of.code, of.place.frame), (Some(Code::REGISTERED), 7 * most), "told last");
            assert_eq!(rows, FLOOD);
            continue;
        }
        assert_eq!(of.call_id, format!("r-{rows}").into(), "in order of their beginning");
        let (code, messages, cause) = match rows {
            7 => (Code::REGISTERED, 4, Some(RegistrationCause::Replaced)),
            9 => (Code::UNREGISTERED, 6, Some(RegistrationCause::Requested)),
            11 => (Code::REGISTERED, 5, None),
            _ => (Code::REGISTERED, 4, None),
        };
        assert_eq!((of.code, of.messages, of.cause), (Some(code), messages, cause), "{rows}");
        assert_eq!(of.refreshes, 1, "{rows}");
        rows += 1;
    }
}

/// Bytes of what is there once for each call, and for each of its INVITEs, without their texts: they say how much a
/// million open calls take.
#[test]
fn a_call_is_small() {
    let sizes = [
        ("call with its INVITE transaction", size_of::<super::call::Call>(), 900),
        ("another INVITE transaction", size_of::<super::transaction::InviteTransaction>(), 230),
        ("registration", size_of::<super::registration::Registration>(), 500),
    ];
    for (name, size, most) in sizes {
        assert!(size <= most, "{name}: {size} bytes");
    }
}
