//! Grants: how descriptors reach a child. One datagram on the control socket is one Grant with its descriptors.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use capnp::message::{Builder, ReaderOptions};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::ends::EdgeEnds;
use crate::generated::grant_capnp::{self, grant};
use crate::limits;

/// What one Grant says.
#[derive(Debug)]
pub enum Grant {
    /// One side of an edge: with it go two descriptors, or a local program's connection.
    Edge {
        /// The edge, as in `topology.rs`.
        name: String,
        /// This child calls; else it serves.
        caller: bool,
        /// What this child holds of it.
        ends: EdgeEnds,
    },
    /// An open file.
    File {
        /// Its name in `topology.rs`.
        name: String,
        /// The file.
        file: OwnedFd,
    },
    /// How this suite was started. Comes first.
    Settings(Settings),
    /// Everything that the child needs to start has been granted.
    Ready,
}

/// How the suite was started; the same for all its processes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// RELAY topology instead of CLIENT.
    pub relay: bool,
    /// Name of the private network, empty for the public one.
    pub network_name: String,
    /// Its id (docs/protocol/directory.md, "Descriptor: at most 512 B"); zero for the public one.
    pub network_id: [u8; 32],
    /// Multiaddrs with `/p2p/`.
    pub bootstraps: Vec<String>,
    /// Multiaddrs a relay listens on.
    pub listen: Vec<String>,
    /// No window.
    pub headless: bool,
    /// A new profile: keyvault creates with the granted passphrase.
    pub create_vault: bool,
    /// To the supervisor: start also where a required wall is missing. From it: one is.
    pub without_walls: bool,
    /// From the supervisor: every part's start in this folder was complete once, so that a file which holds nothing was lost.
    pub begun: bool,
    /// stored, in its first life: where the history is lost or damaged, it is put aside and a new one begun.
    pub new_history: bool,
    /// Relay only: most queues to hold.
    pub queues_max: u32,
    /// Relay only: most bytes of mailbox disk.
    pub disk_max_bytes: u64,
    /// Relay only: who runs it, for path diversity.
    pub operator_tag: [u8; 16],
}

impl Settings {
    /// Whether this is a private network.
    #[must_use]
    pub fn private(&self) -> bool {
        self.network_id != [0; 32]
    }
}

/// Why a Grant could not be sent or taken.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// The supervisor closed the control socket: stop gracefully.
    #[error("the control socket is closed")]
    Closed,
    /// The datagram is not a Grant.
    #[error("malformed grant: {0}")]
    Malformed(&'static str),
    /// A descriptor was lost on the way (`MSG_CTRUNC`), which must never go unnoticed.
    #[error("a granted descriptor was lost")]
    DescriptorLost,
    /// The same with a local program's connection: that one is closed, and the child goes on. Whoever opens connections without
    /// end must not be able to end it.
    #[error("a local program's connection was lost")]
    ConnectionLost,
    /// The socket failed.
    #[error("control socket: {0}")]
    Io(#[from] std::io::Error),
}

/// Most descriptors with one Grant: both pipes of an edge.
const DESCRIPTORS_MAX: usize = 2;

/// Sends one Grant. Used by the supervisor.
///
/// # Errors
/// When the child's end is gone or full.
pub fn send(control: BorrowedFd<'_>, grant: &Grant) -> Result<(), GrantError> {
    let mut message = Builder::new_default();
    let mut root = message.init_root::<grant::Builder<'_>>();
    let descriptors = match grant {
        Grant::Edge { name, caller, ends } => {
            let mut edge = root.init_edge();
            edge.set_name(name);
            edge.set_caller(*caller);
            edge.set_outside(ends.outside());
            match ends {
                EdgeEnds::Pipes { read, write } => vec![read.as_fd(), write.as_fd()],
                EdgeEnds::Connection(connection) => vec![connection.socket.as_fd()],
                #[cfg(feature = "simulation")]
                EdgeEnds::Memory(_) => vec![],
            }
        }
        Grant::File { name, file } => {
            root.set_file(name);
            vec![file.as_fd()]
        }
        Grant::Settings(settings) => {
            write_settings(root.init_settings(), settings);
            vec![]
        }
        Grant::Ready => {
            root.set_ready(());
            vec![]
        }
    };
    let bytes = capnp::serialize::write_message_to_words(&message);
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    sendmsg(control, &[IoSlice::new(&bytes)], &mut ancillary, flags)
        .map_err(|error| GrantError::Io(error.into()))?;
    Ok(())
}

fn write_settings(mut out: grant_capnp::grant::settings::Builder<'_>, settings: &Settings) {
    use grant_capnp::grant::settings::Role;
    out.set_role(if settings.relay { Role::Relay } else { Role::Client });
    out.set_network_name(&settings.network_name);
    out.set_network_id(&settings.network_id);
    let mut bootstraps = out.reborrow().init_bootstraps(list_length(settings.bootstraps.len()));
    for (index, address) in (0..).zip(&settings.bootstraps) {
        bootstraps.set(index, address);
    }
    let mut listen = out.reborrow().init_listen(list_length(settings.listen.len()));
    for (index, address) in (0..).zip(&settings.listen) {
        listen.set(index, address);
    }
    out.set_headless(settings.headless);
    out.set_create_vault(settings.create_vault);
    out.set_without_walls(settings.without_walls);
    out.set_begun(settings.begun);
    out.set_new_history(settings.new_history);
    let mut relay = out.init_relay_config();
    relay.set_queues_max(settings.queues_max);
    relay.set_disk_max_bytes(settings.disk_max_bytes);
    relay.set_operator_tag(&settings.operator_tag);
}

fn list_length(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Takes one Grant, or fails with `WouldBlock`: it never waits.
///
/// # Errors
/// See [`GrantError`]; all but `WouldBlock` end the child.
pub fn receive(control: BorrowedFd<'_>) -> Result<Grant, GrantError> {
    let mut bytes = vec![0_u8; limits::GRANT_MAX_BYTES];
    // rustix, because it alone hands descriptors out as owned: nothing here can leak or close twice.
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(
        control,
        &mut [IoSliceMut::new(&mut bytes)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
    )
    .map_err(|error| GrantError::Io(error.into()))?;
    let mut descriptors: Vec<OwnedFd> = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(granted) = message {
            descriptors.extend(granted);
        }
    }
    let (length, flags) = (received.bytes, received.flags);
    let bytes = bytes.get(..length).unwrap_or_default();
    if flags.contains(ReturnFlags::CTRUNC) {
        // Without any, parsing says what it means that they are missing.
        return Err(match parse(bytes, vec![]) {
            Err(GrantError::ConnectionLost) => GrantError::ConnectionLost,
            _ => GrantError::DescriptorLost,
        });
    }
    if flags.contains(ReturnFlags::TRUNC) {
        return Err(GrantError::Malformed("too long"));
    }
    if length == 0 {
        return Err(GrantError::Closed);
    }
    parse(bytes, descriptors)
}

/// Parses one datagram; `descriptors` are what rode with it, as many as its kind has.
///
/// # Errors
/// [`GrantError::Malformed`], with what was wrong; that a descriptor is missing.
pub fn parse(untrusted_bytes: &[u8], descriptors: Vec<OwnedFd>) -> Result<Grant, GrantError> {
    const BROKEN: GrantError = GrantError::Malformed("not a grant");
    let mut options = ReaderOptions::new();
    options
        .traversal_limit_in_words(Some(limits::GRANT_MAX_BYTES / 8))
        .nesting_limit(limits::MESSAGE_NESTING_MAX);
    let mut rest = untrusted_bytes;
    let message = capnp::serialize::read_message_from_flat_slice(&mut rest, options).map_err(|_| BROKEN)?;
    let root = message.get_root::<grant::Reader<'_>>().map_err(|_| BROKEN)?;
    match root.which().map_err(|_| GrantError::Malformed("newer kind"))? {
        grant::Edge(edge) => {
            let edge = edge.map_err(|_| BROKEN)?;
            let ends = if edge.get_outside() { connection(descriptors)? } else { pipes(descriptors)? };
            Ok(Grant::Edge { name: text(edge.get_name())?, caller: edge.get_caller(), ends })
        }
        grant::File(name) => {
            let [file] = exactly(descriptors)?;
            Ok(Grant::File { name: text(name)?, file })
        }
        grant::Settings(settings) => {
            let [] = exactly(descriptors)?;
            Ok(Grant::Settings(read_settings(settings.map_err(|_| BROKEN)?)?))
        }
        grant::Ready(()) => {
            let [] = exactly(descriptors)?;
            Ok(Grant::Ready)
        }
    }
}

fn pipes(descriptors: Vec<OwnedFd>) -> Result<EdgeEnds, GrantError> {
    let [read, write] = exactly(descriptors)?;
    Ok(EdgeEnds::Pipes { read, write })
}

fn connection(descriptors: Vec<OwnedFd>) -> Result<EdgeEnds, GrantError> {
    match exactly::<1>(descriptors) {
        Ok([socket]) => Ok(socket.into()),
        Err(GrantError::DescriptorLost) => Err(GrantError::ConnectionLost),
        Err(error) => Err(error),
    }
}

/// As many as the kind of the Grant has, no less and no more.
fn exactly<const N: usize>(descriptors: Vec<OwnedFd>) -> Result<[OwnedFd; N], GrantError> {
    descriptors.try_into().map_err(|descriptors: Vec<OwnedFd>| {
        if descriptors.len() < N {
            GrantError::DescriptorLost
        } else {
            GrantError::Malformed("more descriptors than its kind has")
        }
    })
}

fn text(field: capnp::Result<capnp::text::Reader<'_>>) -> Result<String, GrantError> {
    field.ok().and_then(|text| text.to_string().ok()).ok_or(GrantError::Malformed("text"))
}

fn fixed<const N: usize>(field: capnp::Result<capnp::data::Reader<'_>>) -> Result<[u8; N], GrantError> {
    field.ok().and_then(|data| data.try_into().ok()).ok_or(GrantError::Malformed("length"))
}

fn texts(field: capnp::Result<capnp::text_list::Reader<'_>>) -> Result<Vec<String>, GrantError> {
    field.map_err(|_| GrantError::Malformed("list"))?.iter().map(text).collect()
}

fn read_settings(settings: grant_capnp::grant::settings::Reader<'_>) -> Result<Settings, GrantError> {
    use grant_capnp::grant::settings::Role;
    let relay = settings.get_relay_config().map_err(|_| GrantError::Malformed("relay"))?;
    Ok(Settings {
        relay: settings.get_role().map_err(|_| GrantError::Malformed("role"))? == Role::Relay,
        network_name: text(settings.get_network_name())?,
        network_id: fixed(settings.get_network_id())?,
        bootstraps: texts(settings.get_bootstraps())?,
        listen: texts(settings.get_listen())?,
        headless: settings.get_headless(),
        create_vault: settings.get_create_vault(),
        without_walls: settings.get_without_walls(),
        begun: settings.get_begun(),
        new_history: settings.get_new_history(),
        queues_max: relay.get_queues_max(),
        disk_max_bytes: relay.get_disk_max_bytes(),
        operator_tag: fixed(relay.get_operator_tag())?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    fn control() -> (OwnedFd, OwnedFd) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
    }

    #[test]
    fn settings_and_descriptors_arrive_as_they_were_sent() {
        let (ours, childs) = control();
        let settings = Settings {
            relay: true,
            network_name: "test".into(),
            network_id: [3; 32],
            bootstraps: vec!["/ip4/127.0.0.1/udp/1/quic-v1".into()],
            listen: vec!["/ip4/0.0.0.0/udp/0/quic-v1".into()],
            headless: true,
            create_vault: true,
            without_walls: true,
            begun: true,
            new_history: true,
            queues_max: 7,
            disk_max_bytes: 8,
            operator_tag: [9; 16],
        };
        send(ours.as_fd(), &Grant::Settings(settings.clone())).unwrap();
        let (ends, neighbours) = EdgeEnds::pipes().unwrap();
        send(ours.as_fd(), &Grant::Edge { name: "onion-netd".into(), caller: true, ends }).unwrap();
        let (socket, program) = control();
        let edge = Grant::Edge { name: "ui-stored".into(), caller: false, ends: socket.into() };
        send(ours.as_fd(), &edge).unwrap();
        send(ours.as_fd(), &Grant::Ready).unwrap();

        assert!(matches!(receive(childs.as_fd()), Ok(Grant::Settings(arrived)) if arrived == settings));
        let Ok(Grant::Edge { name, caller: true, ends: EdgeEnds::Pipes { read, write } }) =
            receive(childs.as_fd())
        else {
            panic!("an edge was sent")
        };
        assert_eq!(name, "onion-netd");
        let EdgeEnds::Pipes { read: theirs, write: back } = neighbours else { panic!("pipes") };
        rustix::io::write(&write, b"x").unwrap();
        assert_eq!(rustix::io::read(&theirs, &mut [0; 4]).unwrap(), 1);
        rustix::io::write(&back, b"xy").unwrap();
        assert_eq!(rustix::io::read(&read, &mut [0; 4]).unwrap(), 2);
        let Ok(Grant::Edge { caller: false, ends: EdgeEnds::Connection(one), .. }) = receive(childs.as_fd())
        else {
            panic!("a connection was sent")
        };
        rustix::io::write(&one.socket, b"xyz").unwrap();
        assert_eq!(rustix::io::read(&program, &mut [0; 4]).unwrap(), 3);
        assert!(matches!(receive(childs.as_fd()), Ok(Grant::Ready)));
        drop(ours);
        assert!(matches!(receive(childs.as_fd()), Err(GrantError::Closed)));
    }

    /// The bytes of a Grant of an edge.
    fn edge_bytes(outside: bool) -> Vec<u8> {
        let mut message = Builder::new_default();
        let mut edge = message.init_root::<grant::Builder<'_>>().init_edge();
        edge.set_name("onion-netd");
        edge.set_outside(outside);
        capnp::serialize::write_message_to_words(&message)
    }

    fn send_with(ours: &OwnedFd, bytes: &[u8], count: usize) {
        let descriptors = vec![ours.as_fd(); count];
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if count > 0 {
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
        }
        sendmsg(ours, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::empty()).unwrap();
    }

    #[test]
    fn a_grant_comes_with_as_many_descriptors_as_its_kind_has() {
        let (ours, childs) = control();
        let mut ready = Builder::new_default();
        ready.init_root::<grant::Builder<'_>>().set_ready(());
        let mut file = Builder::new_default();
        file.init_root::<grant::Builder<'_>>().set_file("vault");
        let bytes = [&ready, &file].map(capnp::serialize::write_message_to_words);
        for (bytes, right) in
            [(&bytes[0], 0), (&bytes[1], 1), (&edge_bytes(true), 1), (&edge_bytes(false), 2)]
        {
            for count in [0, 1, 2, 3, 16] {
                send_with(&ours, bytes, count);
                let granted = receive(childs.as_fd());
                assert_eq!(granted.is_ok(), count == right, "{count} for {right}: {granted:?}");
            }
        }
    }

    #[test]
    fn an_edge_that_lost_its_descriptors_is_told_from_a_connection_that_did() {
        let (ours, childs) = control();
        send_with(&ours, &edge_bytes(false), 1);
        assert!(matches!(receive(childs.as_fd()), Err(GrantError::DescriptorLost)));
        send_with(&ours, &edge_bytes(true), 0);
        assert!(matches!(receive(childs.as_fd()), Err(GrantError::ConnectionLost)));
        // More than there is room for: the kernel drops some and says so.
        send_with(&ours, &edge_bytes(false), 16);
        assert!(matches!(receive(childs.as_fd()), Err(GrantError::DescriptorLost)));
        send_with(&ours, &edge_bytes(true), 16);
        assert!(matches!(receive(childs.as_fd()), Err(GrantError::ConnectionLost)));
    }

    #[test]
    fn no_cut_or_flipped_grant_panics() {
        let mut message = Builder::new_default();
        write_settings(message.init_root::<grant::Builder<'_>>().init_settings(), &Settings::default());
        let bytes = capnp::serialize::write_message_to_words(&message);
        for index in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[index] ^= 0xFF;
            let _ = parse(&altered, vec![]);
            assert!(parse(&bytes[..index], vec![]).is_err(), "cut at {index}");
        }
    }
}
