//! netd: the only sealed process with Internet sockets.

use libc::{AF_INET, AF_INET6, AF_NETLINK, SOCK_DGRAM, SOCK_STREAM};

use super::base::{BASE, NO_FILES};
use super::groups::{OPEN_FILE, THREADS};
use super::{CHILD, EVERY, Ports, Profile};
use crate::call;
use crate::resource::Resource::{Data, Descriptors, FileSize, LockedMemory, Tasks};
use crate::resource::{Limit, limit};
use crate::rule::{Arg, Row, allow, allow_if, bits, is, is_not};
use crate::spawn::CONTROL_FD;

/// The links.
pub static NETD: Profile = Profile {
    name: "netd",
    id: 4,
    groups: &[BASE, NO_FILES, OPEN_FILE, THREADS, SOCKETS, OPTIONS],
    inet: true,
    tcp_bind: Ports::Any,
    tcp_connect: Ports::Any,
    limits: &[EVERY, LIMITS],
    ..CHILD
};

const LIMITS: &[Limit] = &[
    limit(Descriptors, 16_384, "a relay's links over TCP"),
    limit(LockedMemory, 0, "locks nothing"),
    limit(FileSize, 256 << 20, "a log to which a relay's stdout is appended; its own state has 1 KB"),
    limit(Data, 1 << 30, "a relay's links, 64 KB each at most in flight"),
    limit(Tasks, 32, "the loop, the entropy thread, look-ups"),
];

/// The part of a socket type that is the type; the rest are SOCK_CLOEXEC and SOCK_NONBLOCK. Source: linux/net.h.
const TYPE: i64 = 0xf;

/// A socket of exactly this kind. Other protocols (MPTCP, UDP-Lite, SCTP, SMC, L2TP) are other code in the kernel, some of
/// it loaded by the very call.
macro_rules! socket {
    ($family:ident, $kind:ident, $protocol:expr, $reason:expr) => {
        allow_if(
            call!(SYS_socket),
            &[is(0, $family as i64), bits(1, TYPE, $kind as i64), is(2, $protocol as i64)],
            $reason,
        )
    };
}

/// One option of a socket.
macro_rules! option {
    ($call:ident, $level:ident, $name:ident, $reason:expr) => {
        allow_if(call!($call), &[is(1, libc::$level as i64), is(2, libc::$name as i64)], $reason)
    };
}

/// The control socket is its only one with path names: asked to connect, it would tell which are there.
const NOT_BY_PATH: &[Arg] = &[is_not(0, CONTROL_FD as i64)];

const SOCKETS: &[Row] = &[
    socket!(AF_INET, SOCK_DGRAM, libc::IPPROTO_UDP, "QUIC over IPv4"),
    socket!(AF_INET, SOCK_DGRAM, 0, "QUIC over IPv4, as std asks for it"),
    socket!(AF_INET6, SOCK_DGRAM, libc::IPPROTO_UDP, "QUIC over IPv6"),
    socket!(AF_INET6, SOCK_DGRAM, 0, "QUIC over IPv6, as std asks for it"),
    socket!(AF_INET, SOCK_STREAM, libc::IPPROTO_TCP, "TCP over IPv4"),
    socket!(AF_INET, SOCK_STREAM, 0, "TCP over IPv4, as std asks for it"),
    socket!(AF_INET6, SOCK_STREAM, libc::IPPROTO_TCP, "TCP over IPv6"),
    socket!(AF_INET6, SOCK_STREAM, 0, "TCP over IPv6, as std asks for it"),
    socket!(
        AF_NETLINK,
        SOCK_DGRAM,
        libc::NETLINK_ROUTE,
        "libp2p learns of addresses that come and go: where to listen comes with a Grant; without capabilities it only reads"
    ),
    allow_if(call!(SYS_bind), NOT_BY_PATH, "listens, and binds QUIC's socket"),
    allow(call!(SYS_listen), "listens"),
    allow(call!(SYS_accept4), "takes a TCP link"),
    allow_if(call!(SYS_connect), NOT_BY_PATH, "dials"),
    allow(call!(SYS_sendmsg), "QUIC sends a datagram with where it leaves and how large its segments are"),
    allow(call!(SYS_recvmsg), "netlink tells of addresses; QUIC receives where batches do not work"),
    allow(call!(SYS_recvmmsg), "QUIC receives in batches"),
    allow(call!(SYS_uname), "quinn-udp asks for the kernel's version before it uses segmentation offload"),
];

/// Every option that libp2p-tcp 0.45, libp2p-quic 0.14, quinn-udp 0.5, std and mio set or read on Linux, old kernels included: they
/// try the same ones there and live with the answer.
const OPTIONS: &[Row] = &[
    option!(SYS_setsockopt, SOL_SOCKET, SO_REUSEADDR, "std and libp2p-tcp listen"),
    option!(SYS_setsockopt, SOL_SOCKET, SO_REUSEPORT, "libp2p-tcp dials from the port that it listens on"),
    option!(SYS_setsockopt, IPPROTO_TCP, TCP_NODELAY, "libp2p-tcp sends cells at once"),
    option!(SYS_setsockopt, IPPROTO_IPV6, IPV6_V6ONLY, "libp2p listens on IPv6 alone"),
    option!(SYS_setsockopt, IPPROTO_IP, IP_RECVTOS, "quinn-udp: congestion marks"),
    option!(SYS_setsockopt, IPPROTO_IP, IP_PKTINFO, "quinn-udp: which own address was meant"),
    option!(SYS_setsockopt, IPPROTO_IP, IP_MTU_DISCOVER, "quinn-udp: no fragments"),
    option!(SYS_setsockopt, IPPROTO_IPV6, IPV6_RECVTCLASS, "quinn-udp: congestion marks"),
    option!(SYS_setsockopt, IPPROTO_IPV6, IPV6_RECVPKTINFO, "quinn-udp: which own address was meant"),
    option!(SYS_setsockopt, IPPROTO_IPV6, IPV6_MTU_DISCOVER, "quinn-udp: no fragments"),
    option!(SYS_setsockopt, IPPROTO_IPV6, IPV6_DONTFRAG, "quinn-udp: no fragments"),
    option!(SYS_setsockopt, SOL_UDP, UDP_GRO, "quinn-udp: several datagrams in one read"),
    option!(SYS_setsockopt, SOL_UDP, UDP_SEGMENT, "quinn-udp: is segmentation offload there"),
    option!(SYS_getsockopt, IPPROTO_IPV6, IPV6_V6ONLY, "quinn-udp: does this socket take IPv4 as well"),
];
