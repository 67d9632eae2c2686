//! The catalogue: every status and state code, what it means and where it is defined, in one table. Knows nothing of
//! messages, calls or captures, nor of what the wire wrote beside a code.

use std::fmt;

/// A SIP status code (100 to 699, known to the catalogue or not) or a state code of VQManager's list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct Code(u16);

impl Code {
    /// The code of this number; whether it is known is for [`entry`](Self::entry) to say.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// 1xx: the request is being worked on (RFC 3261 21.1).
    pub const fn is_provisional(self) -> bool {
        matches!(self.0, 100..=199)
    }

    /// 2xx (RFC 3261 21.2).
    pub const fn is_success(self) -> bool {
        matches!(self.0, 200..=299)
    }

    /// 2xx to 6xx: no other response follows (RFC 3261 7.2).
    pub const fn is_final(self) -> bool {
        matches!(self.0, 200..=699)
    }

    /// 401 or 407: try again with credentials (RFC 3261 22).
    pub const fn is_challenge(self) -> bool {
        matches!(self, Self::UNAUTHORIZED | Self::PROXY_AUTHENTICATION_REQUIRED)
    }

    /// What the catalogue knows of this very number.
    pub fn entry(self) -> Option<&'static Entry> {
        // Asked for every message and every step of a row.
        let index = match STATUSES.get(usize::from(self.0)) {
            Some(index) => usize::from(*index),
            None => CATALOGUE.binary_search_by_key(&self, |entry| entry.code).ok()?,
        };
        CATALOGUE.get(index)
    }

    /// The catalogue's name, which need not be the phrase on the wire; `None` for a number that it does not hold.
    pub fn name(self) -> Option<&'static str> {
        self.entry().map(|entry| entry.name)
    }

    /// The class, also of a status code that the catalogue does not hold: it counts as the x00 of its class
    /// (RFC 3261 8.1.3.2). Every number outside 100 to 699 is a state.
    pub const fn class(self) -> Class {
        match self.0 / 100 {
            1 => Class::Provisional,
            2 => Class::Success,
            3 => Class::Redirection,
            4 => Class::ClientError,
            5 => Class::ServerError,
            6 => Class::GlobalFailure,
            _ => Class::State,
        }
    }

    /// How a call or registration that stands at this code is doing. No timer is asked: whether an unfinished attempt
    /// has run out of time is for the tracker to say.
    pub fn category(self) -> Category {
        self.entry().map_or_else(|| self.class().category(), |entry| entry.category)
    }
}

/// A code of the catalogue shows its constant, `BUSY_HERE(486)`; any other its number, `Code(699)`.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", self.constant().unwrap_or("Code"), self.0)
    }
}

/// The number, padded as the format asks.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// How a call or registration is doing, in the terms of VQManager's call lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Asked for, not decided yet.
    Attempting,
    /// Answered, or registered.
    Active,
    /// Answered and ended, or unregistered.
    Completed,
    /// Ended without an answer, or not registered.
    Unsuccessful,
    /// Not followed to its end.
    Unmonitored,
}

impl Category {
    /// Every category, in the order in which totals list them.
    pub const ALL: [Self; 5] = [Self::Attempting, Self::Active, Self::Completed, Self::Unsuccessful, Self::Unmonitored];

    /// The name that machine-readable output carries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Attempting => "attempting",
            Self::Active => "active",
            Self::Completed => "completed",
            Self::Unsuccessful => "unsuccessful",
            Self::Unmonitored => "unmonitored",
        }
    }
}

/// The class of a code: the first digit of a status code (RFC 3261 7.2), or a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// 3xx.
    Redirection,
    /// 4xx.
    ClientError,
    /// 5xx.
    ServerError,
    /// 6xx.
    GlobalFailure,
    /// No status code: where a call or registration stands, in VQManager's numbers.
    State,
}

impl Class {
    /// The name that machine-readable output carries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provisional => "provisional",
            Self::Success => "success",
            Self::Redirection => "redirection",
            Self::ClientError => "client error",
            Self::ServerError => "server error",
            Self::GlobalFailure => "global failure",
            Self::State => "state",
        }
    }

    /// The category of the class's codes. State codes name their own in the table; of a state that is not there nothing
    /// is known.
    const fn category(self) -> Category {
        match self {
            Self::Provisional => Category::Attempting,
            Self::Success => Category::Active,
            Self::Redirection | Self::ClientError | Self::ServerError | Self::GlobalFailure => Category::Unsuccessful,
            Self::State => Category::Unmonitored,
        }
    }
}

/// What the catalogue knows of one code.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// The code.
    pub code: Code,
    /// IANA's name; RFC 2543's for what IANA does not list, VQManager's for a state.
    pub name: &'static str,
    /// VQManager's name, where it is written otherwise.
    pub vqmanager_name: Option<&'static str>,
    /// RFC 3261's class, which for 200 and 3xx is not where VQManager files them.
    pub class: Class,
    /// How a call or registration that stands at this code is doing.
    pub category: Category,
    /// One sentence: what it says, and the usual cause.
    pub meaning: &'static str,
    /// The RFC and section that define it; for a state, VQManager's list and the section behind it.
    pub reference: &'static str,
    /// The Q.850 cause that a gateway sends to the telephone network for it (RFC 3398 8.2.6.1).
    pub q850: Option<u16>,
}

macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

macro_rules! category {
    ($code:expr,) => {
        $code.class().category()
    };
    ($code:expr, $category:ident) => {
        Category::$category
    };
}

/// Turns the table into the constants of [`Code`], their names for `Debug`, and [`CATALOGUE`].
macro_rules! catalogue {
    ($(
        $number:literal $constant:ident $name:literal
        $(vqmanager $vqmanager:literal)? $(is $category:ident)? in $reference:literal $(q850 $cause:literal)?:
        $meaning:literal;
    )*) => {
        impl Code {
            $(
                #[doc = concat!($number, " ", $name, " (", $reference, ").")]
                pub const $constant: Self = Self($number);
            )*

            const fn constant(self) -> Option<&'static str> {
                match self {
                    $(Self::$constant => Some(stringify!($constant)),)*
                    _ => None,
                }
            }
        }

        /// Every code that is known, in the order of the numbers.
        pub static CATALOGUE: &[Entry] = &[$(
            Entry {
                code: Code::$constant,
                name: $name,
                vqmanager_name: optional!($($vqmanager)?),
                class: Code::$constant.class(),
                category: category!(Code::$constant, $($category)?),
                meaning: $meaning,
                reference: $reference,
                q850: optional!($($cause)?),
            },
        )*];
    };
}

/// Where in the catalogue each status code stands; none of the catalogue where it holds none.
static STATUSES: [u8; 700] = {
    assert!(CATALOGUE.len() < u8::MAX as usize);
    let (mut places, mut index) = ([u8::MAX; 700], 0);
    while index < CATALOGUE.len() {
        let number = CATALOGUE[index].code.0 as usize;
        if number < places.len() {
            places[number] = index as u8;
        }
        index += 1;
    }
    places
};

// The status codes are those of IANA's registry (75, as of January 2026) and three of RFC 2543 that VQManager lists.
// The Q.850 causes are those of a call from SIP into ISUP. 488 and 606 have none: there the Warning header decides.
catalogue! {
    // 1xx: provisional
    100 TRYING "Trying" in "RFC 3261 21.1.1":
        "The next hop has the request and is working on it; whether the callee was reached is not known yet.";
    180 RINGING "Ringing" in "RFC 3261 21.1.2":
        "The callee's phone is ringing; the caller hears local ringback unless early media arrives.";
    181 CALL_IS_BEING_FORWARDED "Call Is Being Forwarded" vqmanager "Call being forwarded" in "RFC 3261 21.1.3":
        "The callee's side diverts the call to another destination, such as voicemail or a forwarding number.";
    182 QUEUED "Queued" in "RFC 3261 21.1.4":
        "The callee cannot take the call now, and it waits in a queue, as at a call centre, instead of failing.";
    183 SESSION_PROGRESS "Session Progress" vqmanager "Session progress" in "RFC 3261 21.1.5":
        "The call moves on without saying how; with SDP, early media such as gateway ringback or an announcement.";
    199 EARLY_DIALOG_TERMINATED "Early Dialog Terminated" in "RFC 6228 6":
        "One branch of a forked call has ended while others may still be answered; the call itself goes on.";

    // 2xx: success
    200 OK "OK" in "RFC 3261 21.2.1":
        "The request succeeded: an INVITE is answered, a REGISTER granted, a BYE or CANCEL accepted.";
    202 ACCEPTED "Accepted (Deprecated)" in "RFC 6665 8.3.1":
        "Taken for later processing, mostly of a REFER or SUBSCRIBE; today's senders answer 200 instead.";
    204 NO_NOTIFICATION "No Notification" in "RFC 5839 7.1":
        "A subscription is refreshed and nothing has changed, so no NOTIFY follows; it never answers a call.";

    // 3xx: redirection
    300 MULTIPLE_CHOICES "Multiple Choices" vqmanager "Multiple choices" in "RFC 3261 21.3.1":
        "Several addresses could serve the callee, and the caller's side is to choose one of those offered.";
    301 MOVED_PERMANENTLY "Moved Permanently" vqmanager "Moved permanently" in "RFC 3261 21.3.2":
        "The callee has moved for good to the address in Contact; dial plan or directory is out of date.";
    302 MOVED_TEMPORARILY "Moved Temporarily" vqmanager "Moved temporarily" in "RFC 3261 21.3.3":
        "For now the call belongs at the address in Contact: call forwarding, or a redirect server's routing.";
    303 SEE_OTHER "See Other" vqmanager "See other" in "RFC 2543 (obsolete)":
        "A leftover of HTTP that RFC 3261 dropped: try another address; only very old software sends it.";
    305 USE_PROXY "Use Proxy" vqmanager "Use proxy" in "RFC 3261 21.3.4":
        "The callee takes calls only through the proxy named in Contact, and the request went around it.";
    380 ALTERNATIVE_SERVICE "Alternative Service" vqmanager "Alternative service" in "RFC 3261 21.3.5":
        "The call failed, but the body names another service to try; IMS networks send it for emergency calls.";

    // 4xx: client error
    400 BAD_REQUEST "Bad Request" vqmanager "Bad request" in "RFC 3261 21.4.1" q850 41:
        "The receiver cannot make sense of the request: broken syntax or a missing header; the phrase may say which.";
    401 UNAUTHORIZED "Unauthorized" in "RFC 3261 21.4.2" q850 21:
        "A registrar or user agent asks for credentials; where this is the end, they were missing or refused.";
    402 PAYMENT_REQUIRED "Payment Required" vqmanager "Payment required" in "RFC 3261 21.4.3" q850 21:
        "Reserved for charging; where it is seen, a prepaid platform says that the account has no credit left.";
    403 FORBIDDEN "Forbidden" in "RFC 3261 21.4.4" q850 21:
        "Understood but refused, and credentials do not help: barred destination, unknown source, or policy.";
    404 NOT_FOUND "Not Found" vqmanager "Not found" in "RFC 3261 21.4.5" q850 1:
        "No such user or number in that domain, or the domain is not served here: misdialled, or no route for it.";
    405 METHOD_NOT_ALLOWED "Method Not Allowed" vqmanager "Method not allowed" in "RFC 3261 21.4.6" q850 63:
        "The method is known but not permitted at this address; the Allow header lists those that are.";
    406 NOT_ACCEPTABLE "Not Acceptable" vqmanager "Not acceptable" in "RFC 3261 21.4.7" q850 79:
        "The receiver could only reply with a body of a type that the request's Accept header rules out.";
    407 PROXY_AUTHENTICATION_REQUIRED "Proxy Authentication Required" vqmanager "Proxy authentication required"
        in "RFC 3261 21.4.8" q850 21:
        "A proxy asks for credentials; where this is the end, they were missing or refused.";
    408 REQUEST_TIMEOUT "Request Timeout" vqmanager "Request timeout" in "RFC 3261 21.4.9" q850 102:
        "Nothing came back in time from further on: the callee or a server on the way is down or unreachable.";
    409 CONFLICT "Conflict" in "RFC 2543 7.4.10":
        "Dropped by RFC 3261: a registration contradicts what the server already holds for that address.";
    410 GONE "Gone" in "RFC 3261 21.4.10" q850 22:
        "The user or number was here once, is gone for good, and has left no forwarding address.";
    411 LENGTH_REQUIRED "Length Required" vqmanager "Length required" in "RFC 2543 7.4.12":
        "Dropped by RFC 3261: the server refuses a body that comes without a Content-Length header.";
    412 CONDITIONAL_REQUEST_FAILED "Conditional Request Failed" in "RFC 3903 11.2.1":
        "A PUBLISH refers to state that the server no longer holds; the client has to publish it anew.";
    413 REQUEST_ENTITY_TOO_LARGE "Request Entity Too Large" vqmanager "Request entity too large"
        in "RFC 3261 21.4.11" q850 127:
        "The body is larger than the server takes, for example a long MESSAGE or an SDP with many candidates.";
    414 REQUEST_URI_TOO_LONG "Request-URI Too Long" vqmanager "Request URL too large" in "RFC 3261 21.4.12" q850 127:
        "The Request-URI is longer than the server takes: piled-up parameters, or rewritten by hop after hop.";
    415 UNSUPPORTED_MEDIA_TYPE "Unsupported Media Type" vqmanager "Unsupported media type"
        in "RFC 3261 21.4.13" q850 79:
        "The body's type or encoding is not understood: often multipart, ISUP, or DTMF in an INFO.";
    416 UNSUPPORTED_URI_SCHEME "Unsupported URI Scheme" in "RFC 3261 21.4.14" q850 127:
        "The Request-URI's scheme is not routed here: often tel: at a sip-only server, or sips: without TLS.";
    417 UNKNOWN_RESOURCE_PRIORITY "Unknown Resource-Priority" in "RFC 4412 12.4":
        "The caller demands a priority whose namespace or value the server does not know.";
    420 BAD_EXTENSION "Bad Extension" vqmanager "Bad extension" in "RFC 3261 21.4.15" q850 127:
        "An option in Require or Proxy-Require is not supported; the Unsupported header names it.";
    421 EXTENSION_REQUIRED "Extension Required" in "RFC 3261 21.4.16" q850 127:
        "The receiver insists on an extension, such as 100rel or timer, that the request did not offer.";
    422 SESSION_INTERVAL_TOO_SMALL "Session Interval Too Small" in "RFC 4028 6":
        "The session timer asked for is below the receiver's minimum; the next try should use its Min-SE.";
    423 INTERVAL_TOO_BRIEF "Interval Too Brief" in "RFC 3261 21.4.17" q850 127:
        "The lifetime asked for is too short; the next try should ask for Min-Expires or more.";
    424 BAD_LOCATION_INFORMATION "Bad Location Information" in "RFC 6442 4.3":
        "The caller's location is malformed, not good enough, or cannot be fetched; mostly in emergency calls.";
    425 BAD_ALERT_MESSAGE "Bad Alert Message" in "RFC 8876 5.1":
        "The emergency alert that the request should carry is missing or too damaged to act on.";
    428 USE_IDENTITY_HEADER "Use Identity Header" in "RFC 8224 6.2.2":
        "The receiver takes only calls with a signed caller identity (STIR), and there was no Identity header.";
    429 PROVIDE_REFERRER_IDENTITY "Provide Referrer Identity" in "RFC 3892 5":
        "The target of a transfer wants proof of who asked for it: a signed Referred-By token.";
    430 FLOW_FAILED "Flow Failed" in "RFC 5626 11.5":
        "The edge proxy's connection to the phone is gone, and the home proxy should try another one.";
    433 ANONYMITY_DISALLOWED "Anonymity Disallowed" in "RFC 5079 5":
        "The callee takes no anonymous calls; the caller may try again with the number shown.";
    436 BAD_IDENTITY_INFO "Bad Identity Info" in "RFC 8224 6.2.2":
        "The certificate that the Identity header points to could not be fetched, so nothing was verified.";
    437 UNSUPPORTED_CREDENTIAL "Unsupported Credential" in "RFC 8224 6.2.2":
        "The certificate behind the caller's identity is of an untrusted issuer or an unsupported kind.";
    438 INVALID_IDENTITY_HEADER "Invalid Identity Header" in "RFC 8224 6.2.2":
        "The signature of the caller's identity does not fit the request, often since a hop rewrote a number.";
    439 FIRST_HOP_LACKS_OUTBOUND_SUPPORT "First Hop Lacks Outbound Support" in "RFC 5626 11.6":
        "The phone registered with outbound flows, but the first proxy on its way does not support them.";
    440 MAX_BREADTH_EXCEEDED "Max-Breadth Exceeded" in "RFC 5393 6.2":
        "Forking would take more branches than Max-Breadth leaves: a very wide hunt group, or a forking loop.";
    469 BAD_INFO_PACKAGE "Bad Info Package" in "RFC 6086 11.6":
        "An INFO uses a package that the receiver has not agreed to; its Recv-Info header lists those it takes.";
    470 CONSENT_NEEDED "Consent Needed" in "RFC 5360 5.9.2":
        "A relay has no permission from some recipients to forward the request to them.";
    480 TEMPORARILY_UNAVAILABLE "Temporarily Unavailable" vqmanager "Temporarily not available"
        in "RFC 3261 21.4.18" q850 18:
        "The callee is known but not to be had now: not registered, do-not-disturb, or it rang without answer.";
    481 CALL_OR_TRANSACTION_DOES_NOT_EXIST "Call/Transaction Does Not Exist"
        vqmanager "Cell Leg or Transaction Does Not Exist" in "RFC 3261 21.4.19" q850 41:
        "The request fits no call that the receiver knows: it has restarted, hung up already, or a tag was changed.";
    482 LOOP_DETECTED "Loop Detected" in "RFC 3261 21.4.20" q850 25:
        "A proxy saw the request come back to it: two routes or two call forwardings point at each other.";
    483 TOO_MANY_HOPS "Too Many Hops" in "RFC 3261 21.4.21" q850 25:
        "Max-Forwards has run down to zero: nearly always a routing loop, else it started too low.";
    484 ADDRESS_INCOMPLETE "Address Incomplete" in "RFC 3261 21.4.22" q850 28:
        "The number is too short or not in the format expected; in overlap dialling, more digits are awaited.";
    485 AMBIGUOUS "Ambiguous" in "RFC 3261 21.4.23" q850 1:
        "The address fits more than one user, and the server will not choose; Contact may list them.";
    486 BUSY_HERE "Busy Here" in "RFC 3261 21.4.24" q850 17:
        "The callee's device was reached and takes no further call: engaged, call limit, or rejected by hand.";
    487 REQUEST_TERMINATED "Request Terminated" in "RFC 3261 21.4.25":
        "The INVITE was given up before an answer: the caller hung up, or a proxy stopped the search.";
    488 NOT_ACCEPTABLE_HERE "Not Acceptable Here" in "RFC 3261 21.4.26":
        "The media offered do not suit this device: no common codec, SRTP or T.38 refused; see Warning.";
    489 BAD_EVENT "Bad Event" in "RFC 6665 8.3.2":
        "A SUBSCRIBE, NOTIFY or PUBLISH is about an event package that the receiver does not support.";
    491 REQUEST_PENDING "Request Pending" in "RFC 3261 21.4.27":
        "Both sides changed the session at once; each waits a moment and tries again, and the call goes on.";
    493 UNDECIPHERABLE "Undecipherable" in "RFC 3261 21.4.28":
        "The body is encrypted with S/MIME, and the receiver has no key that opens it.";
    494 SECURITY_AGREEMENT_REQUIRED "Security Agreement Required" in "RFC 3329 2.3.1":
        "A security mechanism from the Security-Server header must be agreed on first; usual in IMS registration.";

    // 5xx: server error
    500 SERVER_INTERNAL_ERROR "Server Internal Error" vqmanager "Internal server error" in "RFC 3261 21.5.1" q850 41:
        "The server failed by its own fault, such as a script error or an exhausted resource; its log knows more.";
    501 NOT_IMPLEMENTED "Not Implemented" vqmanager "Not implemented" in "RFC 3261 21.5.2" q850 79:
        "The server does not know the method at all, or a gateway lacks the service that the call asks for.";
    502 BAD_GATEWAY "Bad Gateway" vqmanager "Bad gateway" in "RFC 3261 21.5.3" q850 38:
        "A proxy or gateway got a useless reply from beyond it, often a telephone network that is out of order.";
    503 SERVICE_UNAVAILABLE "Service Unavailable" vqmanager "Service unavailable" in "RFC 3261 21.5.4" q850 41:
        "Overload, maintenance, or no trunk free; another server may do better, or this one after Retry-After.";
    504 SERVER_TIME_OUT "Server Time-out" vqmanager "Gateway time-out" in "RFC 3261 21.5.5" q850 102:
        "The server waited in vain for another one that it needs, such as DNS, ENUM, a database or the next hop.";
    505 VERSION_NOT_SUPPORTED "Version Not Supported" vqmanager "Version not supported" in "RFC 3261 21.5.6" q850 127:
        "The request's SIP version is refused; as there is only 2.0 in use, suspect a damaged request line.";
    513 MESSAGE_TOO_LARGE "Message Too Large" in "RFC 3261 21.5.7" q850 127:
        "The whole request is larger than the server takes, often for its many Via, Route and SDP lines.";
    555 PUSH_NOTIFICATION_SERVICE_NOT_SUPPORTED "Push Notification Service Not Supported" in "RFC 8599 8.1":
        "The registrar does not work with the push service that the phone's Contact names.";
    580 PRECONDITION_FAILURE "Precondition Failure" in "RFC 3312 8":
        "Resources that the SDP wants reserved before the phone rings cannot be had; mostly in IMS networks.";

    // 6xx: global failure
    600 BUSY_EVERYWHERE "Busy Everywhere" vqmanager "Busy everywhere" in "RFC 3261 21.6.1" q850 17:
        "The callee is busy on every device, so there is no point in trying another one.";
    603 DECLINE "Decline" in "RFC 3261 21.6.2" q850 21:
        "The callee refuses the call outright, as by the reject key; some networks say so of calls they block.";
    604 DOES_NOT_EXIST_ANYWHERE "Does Not Exist Anywhere" vqmanager "Does not exist anywhere"
        in "RFC 3261 21.6.3" q850 1:
        "The server knows for certain that there is no such user or number anywhere.";
    606 NOT_ACCEPTABLE_ANYWHERE "Not Acceptable" vqmanager "Not acceptable" in "RFC 3261 21.6.4":
        "The callee would talk, but none of its devices takes the media, bandwidth or addresses offered; see Warning.";
    607 UNWANTED "Unwanted" in "RFC 8197 4":
        "The person called marked the call as unwanted, and the network may block the caller from now on.";
    608 REJECTED "Rejected" in "RFC 8688 3":
        "A call-blocking service on the way refused the call unheard; Call-Info says where to complain.";

    // States
    999 ACTIVE "Active" is Active in "VQManager SIP codes; RFC 3261 13.2.2.4":
        "The callee answered and nobody has hung up yet: the call outlasts the capture, or its BYE was missed.";
    1000 COMPLETED "Completed" is Completed in "VQManager SIP codes; RFC 3261 15.1":
        "The call was answered, and one side ended it with a BYE.";
    1010 REGISTERING "Registering" is Attempting in "VQManager SIP codes; RFC 3261 10.2":
        "A REGISTER asks for a binding and has no final response yet: the registrar is slow or out of reach.";
    1011 REGISTERED "Registered" is Active in "VQManager SIP codes; RFC 3261 10.3":
        "The registrar granted the binding, and its lifetime has not run out.";
    1012 UNREGISTERING "UnRegistering" is Attempting in "VQManager SIP codes; RFC 3261 10.2.2":
        "A REGISTER takes the binding back and has no final response yet.";
    1013 UNREGISTERED "UnRegistered" is Completed in "VQManager SIP codes; RFC 3261 10.2.2":
        "There is no binding any more: the client took it back, or did not refresh it in time.";
    2002 INVITE "Invite" is Attempting in "VQManager SIP codes; RFC 3261 13.2.1":
        "The INVITE is out and nothing has come back: the far end is down, filtered, or was not captured.";
    2004 CANCEL "Cancel" is Attempting in "VQManager SIP codes; RFC 3261 9.1":
        "The caller gave up with a CANCEL, and the INVITE's final response is still missing.";
    8000 UNMONITORED_BY_USER "Marked as Unmonitored By User" is Unmonitored in "VQManager SIP codes":
        "The user took the call out of monitoring, so its end says nothing of the service.";
    8001 UNMONITORED_SERVER_RESTART "Unmonitored due to Server Restart" is Unmonitored in "VQManager SIP codes":
        "The call was active when the analyzer itself was interrupted, so its end may have been missed.";
    8002 UNMONITORED_SNIFFER_RESTART "Unmonitored due to Sniffer Restart" is Unmonitored in "VQManager SIP codes":
        "The call was active when the capture was restarted or paused, so its end may have been missed.";
    8003 UNMONITORED_NO_MEDIA "Unmonitored due to no media transmission" is Unmonitored in "VQManager SIP codes":
        "Answered, but no media was ever captured and signalling fell silent: the BYE was missed or never sent.";
    8004 UNMONITORED_LICENSING "Unmonitored due to licensing" is Unmonitored in "VQManager SIP codes":
        "The call began while as many calls as the licence allows were in progress, so it was not followed.";
    8100 MEDIA_STOPPED "Media Transmission Stopped" is Completed in "VQManager SIP codes":
        "Media flowed and then stopped for good without a BYE: a device or network failed, or the BYE was missed.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The status codes on VQManager's page.
    const VQMANAGER: [u16; 45] = [
        100, 180, 181, 182, 183, 200, 300, 301, 302, 303, 305, 380, 400, 401, 402, 403, 404, 405, 406, 407, 408, 409,
        410, 411, 413, 414, 415, 420, 480, 481, 482, 483, 484, 485, 486, 500, 501, 502, 503, 504, 505, 600, 603, 604,
        606,
    ];

    /// IANA's "Response Codes" registry.
    const IANA: [u16; 75] = [
        100, 180, 181, 182, 183, 199, 200, 202, 204, 300, 301, 302, 305, 380, 400, 401, 402, 403, 404, 405, 406, 407,
        408, 410, 412, 413, 414, 415, 416, 417, 420, 421, 422, 423, 424, 425, 428, 429, 430, 433, 436, 437, 438, 439,
        440, 469, 470, 480, 481, 482, 483, 484, 485, 486, 487, 488, 489, 491, 493, 494, 500, 501, 502, 503, 504, 505,
        513, 555, 580, 600, 603, 604, 606, 607, 608,
    ];

    /// Those that VQManager lists and IANA does not.
    const HERITAGE: [u16; 3] = [303, 409, 411];

    /// VQManager's own codes.
    const STATES: [u16; 14] = [999, 1000, 1010, 1011, 1012, 1013, 2002, 2004, 8000, 8001, 8002, 8003, 8004, 8100];

    fn numbers(wanted: impl Fn(&Entry) -> bool) -> BTreeSet<u16> {
        CATALOGUE.iter().filter(|entry| wanted(entry)).map(|entry| entry.code.get()).collect()
    }

    fn entry(number: u16) -> &'static Entry {
        Code::new(number).entry().unwrap_or_else(|| panic!("{number} is not in the catalogue"))
    }

    #[test]
    fn sorted_and_unique() {
        for pair in CATALOGUE.windows(2) {
            assert!(pair[0].code < pair[1].code, "{} stands before {}", pair[0].code, pair[1].code);
        }
    }

    #[test]
    fn holds_both_lists_and_the_states_and_nothing_else() {
        let expected: BTreeSet<u16> = IANA.into_iter().chain(VQMANAGER).chain(STATES).collect();
        assert_eq!(numbers(|_| true), expected);
        assert_eq!(CATALOGUE.len(), IANA.len() + HERITAGE.len() + STATES.len());
        let heritage: Vec<u16> = VQMANAGER.into_iter().filter(|number| !IANA.contains(number)).collect();
        assert_eq!(heritage, HERITAGE);
        assert!(HERITAGE.into_iter().all(|number| entry(number).reference.starts_with("RFC 2543 ")));
    }

    #[test]
    fn counts_per_class_are_those_of_the_registry() {
        let cases = [
            (Class::Provisional, 6, "provisional"),
            (Class::Success, 3, "success"),
            (Class::Redirection, 5, "redirection"),
            (Class::ClientError, 46, "client error"),
            (Class::ServerError, 9, "server error"),
            (Class::GlobalFailure, 6, "global failure"),
            (Class::State, 0, "state"),
        ];
        for (class, count, name) in cases {
            assert_eq!(numbers(|e| e.class == class && IANA.contains(&e.code.get())).len(), count, "{name}");
            assert_eq!(class.name(), name);
        }
        assert_eq!(numbers(|entry| entry.class == Class::State), STATES.into_iter().collect());
    }

    #[test]
    fn finds_what_a_plain_reading_finds() {
        for code in (0..=u16::MAX).map(Code::new) {
            assert_eq!(code.entry(), CATALOGUE.iter().find(|entry| entry.code == code), "{code}");
        }
    }

    #[test]
    fn class_of_a_number_known_or_not() {
        let cases = [
            (0, Class::State),
            (99, Class::State),
            (100, Class::Provisional),
            (150, Class::Provisional),
            (199, Class::Provisional),
            (200, Class::Success),
            (299, Class::Success),
            (399, Class::Redirection),
            (499, Class::ClientError),
            (599, Class::ServerError),
            (699, Class::GlobalFailure),
            (700, Class::State),
            (999, Class::State),
            (8100, Class::State),
            (u16::MAX, Class::State),
        ];
        for (number, class) in cases {
            assert_eq!(Code::new(number).class(), class, "{number}");
        }
        for entry in CATALOGUE {
            assert_eq!(entry.class, entry.code.class(), "{}", entry.code);
        }
    }

    #[test]
    fn category_of_a_number_known_or_not() {
        let cases: &[(Category, &str, &[u16])] = &[
            (Category::Attempting, "attempting", &[100, 150, 180, 199, 1010, 1012, 2002, 2004]),
            (Category::Active, "active", &[200, 202, 204, 299, 999, 1011]),
            (Category::Completed, "completed", &[1000, 1013, 8100]),
            (Category::Unsuccessful, "unsuccessful", &[300, 303, 401, 407, 487, 499, 500, 603, 608, 699]),
            (Category::Unmonitored, "unmonitored", &[8000, 8001, 8002, 8003, 8004, 700, 8005]),
        ];
        for &(category, name, codes) in cases {
            assert_eq!(category.name(), name);
            for &number in codes {
                assert_eq!(Code::new(number).category(), category, "{number}");
            }
        }
        for entry in CATALOGUE {
            assert_eq!(entry.category, entry.code.category(), "{}", entry.code);
        }
        assert_eq!(Category::ALL.len(), cases.len());
    }

    #[test]
    fn predicates_hold_at_their_edges() {
        // number, provisional, success, final, challenge
        let cases = [
            (99, false, false, false, false),
            (100, true, false, false, false),
            (199, true, false, false, false),
            (200, false, true, true, false),
            (299, false, true, true, false),
            (300, false, false, true, false),
            (401, false, false, true, true),
            (407, false, false, true, true),
            (494, false, false, true, false),
            (699, false, false, true, false),
            (700, false, false, false, false),
            (999, false, false, false, false),
            (2002, false, false, false, false),
        ];
        for (number, provisional, success, last, challenge) in cases {
            let code = Code::new(number);
            let got = (code.is_provisional(), code.is_success(), code.is_final(), code.is_challenge());
            assert_eq!(got, (provisional, success, last, challenge), "{number}");
        }
    }

    #[test]
    fn meanings_are_one_sentence_each_and_their_own() {
        let mut seen = BTreeSet::new();
        for Entry { code, meaning, .. } in CATALOGUE {
            assert!((40..=110).contains(&meaning.chars().count()), "{code}: {} long", meaning.chars().count());
            assert!(meaning.starts_with(char::is_uppercase), "{code}: {meaning}");
            let body = meaning.strip_suffix('.').unwrap_or_else(|| panic!("{code}: no full stop"));
            assert!(!body.contains(". ") && !body.ends_with('.'), "{code}: more than one sentence");
            assert!(seen.insert(meaning), "{code}: said of another code");
        }
    }

    #[test]
    fn references_name_an_rfc_and_a_section() {
        fn is_section(text: &str) -> bool {
            text.split('.').all(|part| part.parse::<u8>().is_ok_and(|number| number > 0))
        }
        fn is_rfc(text: &str) -> bool {
            text.strip_prefix("RFC ")
                .and_then(|rest| rest.split_once(' '))
                .is_some_and(|(rfc, section)| rfc.parse::<u16>().is_ok_and(|rfc| rfc >= 2543) && is_section(section))
        }
        for Entry { code, reference, class, .. } in CATALOGUE {
            let sound = match reference.strip_prefix("VQManager SIP codes") {
                Some(rest) => {
                    *class == Class::State && (rest.is_empty() || rest.strip_prefix("; ").is_some_and(is_rfc))
                }
                None => *class != Class::State && (is_rfc(reference) || *reference == "RFC 2543 (obsolete)"),
            };
            assert!(sound, "{code}: {reference}");
        }
    }

    #[test]
    fn sections_of_rfc_3261_count_up_with_the_codes() {
        let sections: Vec<(u8, u8)> = CATALOGUE
            .iter()
            .filter_map(|entry| entry.reference.strip_prefix("RFC 3261 21."))
            .map(|section| section.split_once('.').expect("class and place"))
            .map(|(class, place)| (class.parse().expect("class"), place.parse().expect("place")))
            .collect();
        let expected: Vec<(u8, u8)> = [(1, 5), (2, 1), (3, 5), (4, 28), (5, 7), (6, 4)]
            .into_iter()
            .flat_map(|(class, count)| (1..=count).map(move |place| (class, place)))
            .collect();
        assert_eq!(sections, expected);
    }

    #[test]
    fn vqmanager_names_stand_only_where_they_differ() {
        for Entry { code, name, vqmanager_name, .. } in CATALOGUE {
            if let Some(other) = vqmanager_name {
                assert!(VQMANAGER.contains(&code.get()), "{code} is not on the page");
                assert_ne!(other, name, "{code}");
            }
        }
        let cases = [
            (181, Some("Call being forwarded")),
            (302, Some("Moved temporarily")),
            (409, None),
            (414, Some("Request URL too large")),
            (481, Some("Cell Leg or Transaction Does Not Exist")),
            (486, None),
            (487, None),
            (504, Some("Gateway time-out")),
            (2002, None),
        ];
        for (number, name) in cases {
            assert_eq!(entry(number).vqmanager_name, name, "{number}");
        }
    }

    #[test]
    fn q850_causes_are_those_of_rfc_3398() {
        let cases: &[(u16, &[u16])] = &[
            (1, &[404, 485, 604]),
            (17, &[486, 600]),
            (18, &[480]),
            (21, &[401, 402, 403, 407, 603]),
            (22, &[410]),
            (25, &[482, 483]),
            (28, &[484]),
            (38, &[502]),
            (41, &[400, 481, 500, 503]),
            (63, &[405]),
            (79, &[406, 415, 501]),
            (102, &[408, 504]),
            (127, &[413, 414, 416, 420, 421, 423, 505, 513]),
        ];
        for &(cause, codes) in cases {
            assert_eq!(numbers(|entry| entry.q850 == Some(cause)), codes.iter().copied().collect(), "cause {cause}");
        }
        let mapped: usize = cases.iter().map(|(_, codes)| codes.len()).sum();
        assert_eq!(numbers(|entry| entry.q850.is_some()).len(), mapped);
        assert!(CATALOGUE.iter().filter_map(|entry| entry.q850).all(|cause| (1..=127).contains(&cause)));
    }

    #[test]
    fn names_and_how_codes_print() {
        let cases = [
            (Code::RINGING, Some("Ringing"), "180", "RINGING(180)"),
            (Code::OK, Some("OK"), "200", "OK(200)"),
            (Code::new(486), Some("Busy Here"), "486", "BUSY_HERE(486)"),
            (Code::INVITE, Some("Invite"), "2002", "INVITE(2002)"),
            (Code::MEDIA_STOPPED, Some("Media Transmission Stopped"), "8100", "MEDIA_STOPPED(8100)"),
            (Code::new(699), None, "699", "Code(699)"),
        ];
        for (code, name, shown, debug) in cases {
            assert_eq!(code.name(), name, "{code}");
            assert_eq!(code.to_string(), shown);
            assert_eq!(format!("{code:?}"), debug);
        }
        assert_eq!(format!("{:>5}", Code::OK), "  200");
    }
}
