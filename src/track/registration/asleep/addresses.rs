//! How the addresses of a registration are written: its parties are named after each other, and servers are few.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use memchr::memchr;

use super::Flags;
use super::flow::{self, In, Out, Short};
use crate::event::{Path, Transport};
use crate::track::registration::{Registration, Shared};
use crate::track::transaction::Digest;

pub(super) const TRANSPORTS: [Transport; 6] =
    [Transport::Udp, Transport::Tcp, Transport::Tls, Transport::Sctp, Transport::Ws, Transport::Wss];

pub(super) fn write_transport(transport: Transport, out: &mut Out<'_>) {
    out.byte(TRANSPORTS.iter().position(|of| *of == transport).unwrap_or_default() as u8);
}

pub(super) fn read_transport(from: &mut In<'_>) -> Option<Transport> {
    TRANSPORTS.get(usize::from(from.byte()?)).copied()
}

pub(super) fn write_address(address: SocketAddr, out: &mut Out<'_>) {
    match address.ip() {
        IpAddr::V4(ip) => out.bytes(&[&[4][..], &ip.octets()].concat()),
        IpAddr::V6(ip) => out.bytes(&[&[6][..], &ip.octets()].concat()),
    }
    out.bytes(&address.port().to_le_bytes());
}

pub(super) fn read_address(from: &mut In<'_>) -> Option<SocketAddr> {
    let ip: IpAddr = match from.byte()? {
        4 => Ipv4Addr::from(from.chunk::<4>()?).into(),
        _ => Ipv6Addr::from(from.chunk::<16>()?).into(),
    };
    Some(SocketAddr::new(ip, u16::from_le_bytes(from.chunk()?)))
}

/// More servers than these are written out each time.
const MOST_SERVERS: usize = 64;

pub(super) fn write_path(path: &Path, shared: &mut Shared, flags: &mut Flags, out: &mut Out<'_>) {
    flags.set(Flags::V6, path.src.is_ipv6());
    match path.src.ip() {
        IpAddr::V4(ip) => out.bytes(&ip.octets()),
        IpAddr::V6(ip) => out.bytes(&ip.octets()),
    }
    flags.set(Flags::PORT_5060, path.src.port() == 5060);
    if path.src.port() != 5060 {
        out.bytes(&path.src.port().to_le_bytes());
    }
    let server = (path.dst, path.transport);
    match shared.servers.iter().position(|known| *known == server) {
        Some(server) => out.byte(server as u8),
        None if shared.servers.len() < MOST_SERVERS => {
            out.byte(shared.servers.len() as u8);
            shared.servers.push(server);
        }
        None => {
            out.byte(u8::MAX);
            write_address(path.dst, out);
            write_transport(path.transport, out);
        }
    }
}

pub(super) fn read_path(shared: &Shared, flags: Flags, from: &mut In<'_>) -> Option<Path> {
    let ip: IpAddr = if flags.has(Flags::V6) {
        Ipv6Addr::from(from.chunk::<16>()?).into()
    } else {
        Ipv4Addr::from(from.chunk::<4>()?).into()
    };
    let port = if flags.has(Flags::PORT_5060) { 5060 } else { u16::from_le_bytes(from.chunk()?) };
    let (dst, transport) = match from.byte()? {
        u8::MAX => (read_address(from)?, read_transport(from)?),
        server => *shared.servers.get(usize::from(server))?,
    };
    Some(Path { src: SocketAddr::new(ip, port), dst, transport })
}

/// `sip:` and the user, and the host.
pub(super) fn split_address(text: &str) -> Option<(&str, &str)> {
    let address = text.strip_prefix("sip:")?;
    let at = memchr(b'@', address.as_bytes())?;
    let (user, host) = (address.get(..at)?, address.get(at + 1..)?);
    (user.len() < 128 && !host.is_empty()).then_some((user, host))
}

/// What follows this.
pub(super) fn behind<'t>(text: &'t str, part: &[u8]) -> Option<&'t str> {
    // What is stripped off is ASCII, so what is left is text again.
    text.get(text.as_bytes().strip_prefix(part).map(|rest| text.len() - rest.len())?..)
}

/// What follows the client's address in the host of a URI, and whether that is behind its port.
pub(super) fn behind_client<'t>(host: &'t str, client: &Short, path: &Path) -> Option<(bool, &'t str)> {
    let rest = match path.src {
        SocketAddr::V4(_) => behind(host, client.bytes())?,
        SocketAddr::V6(_) => behind(host.strip_prefix('[')?, client.bytes())?.strip_prefix(']')?,
    };
    let behind_port = behind(rest, Short::port(path.src.port()).bytes());
    Some((behind_port.is_some(), behind_port.unwrap_or(rest)))
}

pub(super) fn write_addresses(
    of: &Registration,
    client: &Short,
    digest: &Digest,
    shared: &mut Shared,
    flags: &mut Flags,
    out: &mut Out<'_>,
) {
    let Registration { aor, contact, registrar, has_contact, path, .. } = of;
    flags.set(Flags::AOR_AS_SENT, aor.as_sent);
    let mut user = None;
    if let Some((of_aor, host)) = split_address(&aor.text) {
        let of_registrar = registrar.as_ref().is_some_and(|registrar| **shared.texts.says(registrar) == *host);
        let number = if of_registrar { None } else { shared.hosts.number(digest, host) };
        if of_registrar || number.is_some() {
            flags.set(Flags::AOR_SPLIT, true);
            flags.set(Flags::AOR_OF_REGISTRAR, of_registrar);
            flow::write_number_of_phone(of_aor.as_bytes(), out);
            number.into_iter().for_each(|number| out.number(number.into()));
            user = Some(of_aor);
        }
    }
    if user.is_none() {
        out.text(aor.text.as_bytes());
    }
    if !aor.as_sent {
        out.bytes(&aor.key(digest).to_le_bytes());
    }
    flags.set(Flags::HAS_CONTACT, *has_contact);
    if !has_contact {
        return;
    }
    flags.set(Flags::CONTACT_AS_SENT, contact.as_sent);
    let own = user.and_then(|user| contact.text.strip_prefix("sip:")?.strip_prefix(user)?.strip_prefix('@'));
    let own = own.and_then(|host| behind_client(host, client, path));
    flags.set(Flags::CONTACT_OF_CLIENT, own.is_some());
    flags.set(Flags::CONTACT_PORT, own.is_some_and(|(with_port, _)| with_port));
    out.text(own.map_or(contact.text.as_str(), |(_, rest)| rest).as_bytes());
    if !contact.as_sent {
        out.bytes(&contact.key(digest).to_le_bytes());
    }
}

/// Where an address is known to be written as it is compared, its digest is taken at once, by `digest`.
pub(super) fn read_addresses(
    into: &mut Registration,
    client: &Short,
    digest: Option<&Digest>,
    shared: &Shared,
    flags: Flags,
    from: &mut In<'_>,
) -> Option<()> {
    let Registration { aor, contact, registrar, path, .. } = into;
    let mut text = std::mem::take(&mut aor.text).into_bytes();
    let (mut user, mut of_phone) = (0..0, false);
    if flags.has(Flags::AOR_SPLIT) {
        text.extend_from_slice(b"sip:");
        of_phone = flow::read_number_of_phone(&mut text, from)?;
        user = 4..text.len();
        text.push(b'@');
        text.extend_from_slice(if flags.has(Flags::AOR_OF_REGISTRAR) {
            shared.texts.says(registrar.as_ref()?).as_bytes()
        } else {
            shared.hosts.numbered(from.number32()?)?.as_bytes()
        });
    } else {
        text.extend_from_slice(from.text()?);
    }
    aor.text = String::from_utf8(text).ok()?;
    aor.as_sent = flags.has(Flags::AOR_AS_SENT);
    aor.key = if aor.as_sent {
        let is_usual = of_phone
            && flags.has(Flags::AOR_OF_REGISTRAR)
            && registrar.as_ref().is_some_and(|registrar| shared.is_bare(registrar));
        digest.filter(|_| is_usual).map(|digest| digest.of(aor.text.as_bytes()))
    } else {
        Some(u64::from_le_bytes(from.chunk()?))
    };
    into.has_contact = flags.has(Flags::HAS_CONTACT);
    if !into.has_contact {
        return Some(());
    }
    let mut text = std::mem::take(&mut contact.text).into_bytes();
    if flags.has(Flags::CONTACT_OF_CLIENT) {
        text.extend_from_slice(b"sip:");
        text.extend_from_slice(aor.text.as_bytes().get(user)?);
        text.push(b'@');
        match path.src {
            SocketAddr::V4(_) => text.extend_from_slice(client.bytes()),
            SocketAddr::V6(_) => [b"[", client.bytes(), b"]"].into_iter().for_each(|part| text.extend_from_slice(part)),
        }
        if flags.has(Flags::CONTACT_PORT) {
            text.extend_from_slice(Short::port(path.src.port()).bytes());
        }
    }
    let rest = from.text()?;
    text.extend_from_slice(rest);
    contact.text = String::from_utf8(text).ok()?;
    contact.as_sent = flags.has(Flags::CONTACT_AS_SENT);
    contact.key = if contact.as_sent {
        let is_usual = of_phone
            && flags.has(Flags::CONTACT_OF_CLIENT)
            && flags.has(Flags::CONTACT_PORT)
            && rest.is_empty()
            && !flags.has(Flags::V6);
        digest.filter(|_| is_usual).map(|digest| digest.of(contact.text.as_bytes()))
    } else {
        Some(u64::from_le_bytes(from.chunk()?))
    };
    Some(())
}
