//! A call as its user agents and proxies see it: keeps tags, branches, CSeq and Via stacks as RFC 3261 says. Knows nothing
//! of packets.

use std::collections::BTreeMap;

use super::net::{Host, Over, Scenario};

/// Who of the two does something in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Caller,
    Callee,
}

impl Scenario {
    /// A call (or registration) along these hosts: caller, any proxies, callee. Its Call-ID is `id@example.com`.
    pub(crate) fn call(&self, id: &str, path: &[Host]) -> Call {
        assert!(path.len() >= 2, "a call needs two ends");
        let leg = self.number();
        let hops = path.windows(2).map(|pair| Hop { from: pair[0], to: pair[1], leg }).collect::<Vec<_>>();
        Call {
            call_id: format!("{id}@example.com"),
            from: "sip:alice@example.com".to_owned(),
            to: "sip:bob@example.com".to_owned(),
            from_tag: format!("caller{}", leg),
            to_tag: format!("callee{}", leg),
            media: None,
            over: Over::Udp,
            on: 0..hops.len(),
            hops,
            cseq: [0, 0],
            requests: BTreeMap::new(),
            final_code: None,
            headers: Vec::new(),
            net: self.clone(),
        }
    }
}

#[derive(Clone, Copy)]
struct Hop {
    from: Host,
    to: Host,
    /// Tells the branches of a fork apart.
    leg: u32,
}

/// What a response needs to know of its request.
#[derive(Clone)]
struct Request {
    side: Side,
    cseq: u32,
    /// Its Via values on each hop, topmost first.
    vias: Vec<Vec<String>>,
}

/// One call, or one registration.
///
/// Each message is sent over all hops of the path in turn. [`Call::fork`] gives another branch of the same call,
/// [`Call::on`] the same call on some of its hops only (what a proxy says for itself).
#[derive(Clone)]
pub(crate) struct Call {
    /// As sent.
    pub(crate) call_id: String,
    /// URI of the caller (the address-of-record of a registration).
    pub(crate) from: String,
    /// URI of the callee.
    pub(crate) to: String,
    pub(crate) from_tag: String,
    /// Sent in every response but 100, and in requests inside the dialog.
    pub(crate) to_tag: String,
    pub(crate) over: Over,
    /// Whose session description the INVITE carries, where that is not the caller's: a B2BUA hands it on.
    pub(crate) media: Option<Host>,
    hops: Vec<Hop>,
    on: std::ops::Range<usize>,
    /// Last CSeq number used by the caller, by the callee.
    cseq: [u32; 2],
    /// The latest request of each method.
    requests: BTreeMap<&'static str, Request>,
    /// The latest final response to an INVITE.
    final_code: Option<u16>,
    /// For the next message only.
    headers: Vec<String>,
    net: Scenario,
}

impl Call {
    /// Carries the call over TCP (or back over UDP) from here on.
    pub(crate) fn over(&mut self, over: Over) -> &mut Self {
        self.over = over;
        self
    }

    /// Adds a header line to the next message (on every hop of it).
    pub(crate) fn header(&mut self, line: &str) -> &mut Self {
        self.headers.push(line.to_owned());
        self
    }

    /// The same call, but messages go over these hops only (0 is the caller's).
    pub(crate) fn on(&self, hops: std::ops::Range<usize>) -> Self {
        Self { on: hops, headers: Vec::new(), ..self.clone() }
    }

    /// Another branch of the last proxy of the path, to `callee`, with its own Via branch and To tag. Its messages are
    /// seen on that last hop only: what the proxy makes of them is said by the call itself.
    pub(crate) fn fork(&self, callee: Host) -> Self {
        assert!(self.hops.len() >= 2, "only a proxy forks");
        let leg = self.net.number();
        let mut fork = self.on(self.hops.len() - 1..self.hops.len());
        let last = fork.hops.last_mut().expect("two hops at least");
        (last.to, last.leg) = (callee, leg);
        fork.to_tag = format!("callee{leg}");
        // A branch that is forked after the INVITE went out shares its CSeq number.
        fork.cseq[0] = self.cseq[0].saturating_sub(1);
        fork
    }

    /// From here on the call goes along these hosts: a redirection that is followed, another target.
    pub(crate) fn reroute(&mut self, path: &[Host]) -> &mut Self {
        let leg = self.hops[0].leg;
        self.hops = path.windows(2).map(|pair| Hop { from: pair[0], to: pair[1], leg }).collect();
        self.on = 0..self.hops.len();
        self
    }

    /// The initial INVITE: next CSeq number, no To tag. Said again it is a new attempt of the same call.
    pub(crate) fn invite(&mut self) -> &mut Self {
        self.final_code = None;
        self.request(Side::Caller, "INVITE", false)
    }

    /// A re-INVITE of either side.
    pub(crate) fn reinvite(&mut self, side: Side) -> &mut Self {
        self.request(side, "INVITE", true)
    }

    /// A response to the latest INVITE.
    pub(crate) fn respond(&mut self, code: u16, phrase: &str) -> &mut Self {
        self.respond_to("INVITE", code, phrase)
    }

    /// 200 to the latest INVITE.
    pub(crate) fn answer(&mut self) -> &mut Self {
        self.respond(200, "OK")
    }

    /// ACK of whatever final response the latest INVITE got: end to end with a branch of its own after a 2xx, hop by
    /// hop with the INVITE's branch otherwise (RFC 3261 17.1.1.3).
    pub(crate) fn ack(&mut self) -> &mut Self {
        let Request { side, cseq, vias } = self.requests["INVITE"].clone();
        if self.final_code.is_some_and(|code| code < 300) {
            return self.send_request(side, "ACK", cseq, true, None);
        }
        let top = vias.into_iter().map(|vias| vias.into_iter().take(1).collect()).collect();
        self.send_request(side, "ACK", cseq, true, Some(top))
    }

    /// CANCEL of the latest INVITE, hop by hop with its branch (RFC 3261 9.1).
    pub(crate) fn cancel(&mut self) -> &mut Self {
        let Request { side, cseq, vias } = self.requests["INVITE"].clone();
        let top = vias.into_iter().map(|vias| vias.into_iter().take(1).collect()).collect();
        self.send_request(side, "CANCEL", cseq, false, Some(top))
    }

    /// A BYE; its response is a matter of its own.
    pub(crate) fn bye(&mut self, side: Side) -> &mut Self {
        self.request(side, "BYE", true)
    }

    /// BYE and its 200.
    pub(crate) fn hang_up(&mut self, side: Side) -> &mut Self {
        self.bye(side).respond_to("BYE", 200, "OK")
    }

    /// REGISTER of the caller's address-of-record at the other end, under this Call-ID.
    pub(crate) fn register(&mut self, expires: u32) -> &mut Self {
        self.header(&format!("Expires: {expires}")).request(Side::Caller, "REGISTER", false)
    }

    /// The 200 to a REGISTER that grants this many seconds.
    pub(crate) fn grant(&mut self, expires: u32) -> &mut Self {
        let contact = format!("Contact: {};expires={expires}", contact(self.hops[0].from));
        self.header(&contact).respond_to("REGISTER", 200, "OK")
    }

    /// Any request with the next CSeq number of that side; `in_dialog` gives it the other side's tag.
    pub(crate) fn request(&mut self, side: Side, method: &'static str, in_dialog: bool) -> &mut Self {
        let cseq = &mut self.cseq[side as usize];
        *cseq += 1;
        let cseq = *cseq;
        self.send_request(side, method, cseq, in_dialog, None)
    }

    /// A response to the latest request of this method, from its receiver back along the path.
    pub(crate) fn respond_to(&mut self, method: &'static str, code: u16, phrase: &str) -> &mut Self {
        let Request { side, cseq, vias } = self.requests[method].clone();
        if method == "INVITE" && code >= 200 {
            self.final_code = Some(code);
        }
        let mut head = self.head(side, method, cseq, code > 100);
        let invite = method == "INVITE";
        if code < 300 && code > 100 && invite {
            let answering = if side == Side::Caller { self.hops[self.hops.len() - 1].to } else { self.hops[0].from };
            head.push(format!("Contact: {}", contact(answering)));
        }
        let body = (invite && code == 200).then(|| sdp(self.hops[self.hops.len() - 1].to));
        let hops = self.on.clone();
        // Back from the receiver: a request of the caller climbs the hops, its response descends them.
        let order: Vec<usize> = if side == Side::Caller { hops.rev().collect() } else { hops.collect() };
        for hop in order {
            let (src, dst) = self.ends(hop, side);
            self.put(dst, src, &format!("SIP/2.0 {code} {phrase}"), &vias[hop], &head, body.as_deref());
        }
        self.headers.clear();
        self
    }

    /// `vias`: those of another request, for what goes by its branch; else each hop adds a Via and branch of its own.
    fn send_request(
        &mut self,
        side: Side,
        method: &'static str,
        cseq: u32,
        in_dialog: bool,
        vias: Option<Vec<Vec<String>>>,
    ) -> &mut Self {
        let count = self.hops.len();
        let order: Vec<usize> = if side == Side::Caller { (0..count).collect() } else { (0..count).rev().collect() };
        let vias = vias.unwrap_or_else(|| {
            let (mut stack, mut vias) = (Vec::new(), vec![Vec::new(); count]);
            for &hop in &order {
                let transport = if self.over == Over::Udp { "UDP" } else { "TCP" };
                let (sender, leg) = (self.ends(hop, side).0, self.hops[hop].leg);
                stack.insert(
                    0,
                    format!("SIP/2.0/{transport} {sender};branch=z9hG4bK{leg}-{side:?}-{method}-{cseq}-{hop}"),
                );
                vias[hop].clone_from(&stack);
            }
            vias
        });
        let mut head = self.head(side, method, cseq, in_dialog);
        head.push("Max-Forwards: 70".to_owned());
        if matches!(method, "INVITE" | "UPDATE" | "REGISTER") {
            let own = if side == Side::Caller { self.hops[0].from } else { self.hops[count - 1].to };
            head.push(format!("Contact: {}", contact(own)));
        }
        let body = (method == "INVITE").then(|| sdp(self.media.unwrap_or(self.hops[0].from)));
        let uri = match (method, side) {
            ("REGISTER", _) => "sip:example.com",
            (_, Side::Caller) => &self.to,
            (_, Side::Callee) => &self.from,
        };
        let line = format!("{method} {uri} SIP/2.0");
        for hop in order.into_iter().filter(|hop| self.on.contains(hop)) {
            let (src, dst) = self.ends(hop, side);
            self.put(src, dst, &line, &vias[hop], &head, body.as_deref());
        }
        self.headers.clear();
        self.requests.insert(method, Request { side, cseq, vias });
        self
    }

    /// Sender and receiver of a request of this side on this hop.
    fn ends(&self, hop: usize, side: Side) -> (Host, Host) {
        let Hop { from, to, .. } = self.hops[hop];
        if side == Side::Caller { (from, to) } else { (to, from) }
    }

    /// The headers that a request and its responses share; `tagged`: the tag of the request's receiver is known.
    fn head(&self, side: Side, method: &str, cseq: u32, tagged: bool) -> Vec<String> {
        let callee = if method == "REGISTER" { &self.from } else { &self.to };
        let caller = format!("<{}>;tag={}", self.from, self.from_tag);
        let callee = format!("<{callee}>{}", if tagged { format!(";tag={}", self.to_tag) } else { String::new() });
        let (from, to) = if side == Side::Caller { (caller, callee) } else { (callee, caller) };
        vec![
            format!("From: {from}"),
            format!("To: {to}"),
            format!("Call-ID: {}", self.call_id),
            format!("CSeq: {cseq} {method}"),
        ]
    }

    fn put(&self, src: Host, dst: Host, line: &str, vias: &[String], head: &[String], body: Option<&str>) {
        let mut text = format!("{line}\r\n");
        for via in vias {
            text.push_str(&format!("Via: {via}\r\n"));
        }
        for header in head.iter().chain(&self.headers) {
            text.push_str(&format!("{header}\r\n"));
        }
        if body.is_some() {
            text.push_str("Content-Type: application/sdp\r\n");
        }
        let body = body.unwrap_or_default();
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
        self.net.send_bytes(src, dst, self.over, text.as_bytes());
    }
}

fn contact(host: Host) -> String {
    format!("<sip:{host}>")
}

fn sdp(host: Host) -> String {
    let (ip, family) = (host.ip(), if host.is_ipv4() { "IP4" } else { "IP6" });
    format!("v=0\r\no=- 1 1 IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n")
}
