//! netd: the only sealed process with Internet sockets.

use libc::{AF_INET, AF_INET6, AF_NETLINK, SOCK_DGRAM, SOCK_STREAM};

use super::base::{BASE, NO_FILES};
use super::groups::{OPEN_FILE, THREADS};
use super::{CHILD, Ports, Profile};
use crate::call;
use crate::rule::{Row, allow, allow_if, bits, is};

/// The links.
pub static NETD: Profile = Profile {
    name: "netd",
    id: 4,
    groups: &[BASE, NO_FILES, OPEN_FILE, THREADS, SOCKETS],
    inet: true,
    tcp_bind: Ports::Any,
    tcp_connect: Ports::Any,
    // A relay's links.
    descriptors: 16_384,
    ..CHILD
};

/// The part of a socket type that is the type; the rest are SOCK_CLOEXEC and SOCK_NONBLOCK. Source: linux/net.h.
const TYPE: i64 = 0xf;

const SOCKETS: &[Row] = &[
    allow_if(call!(SYS_socket), &[is(0, AF_INET as i64), bits(1, TYPE, SOCK_DGRAM as i64)], "QUIC over IPv4"),
    allow_if(
        call!(SYS_socket),
        &[is(0, AF_INET6 as i64), bits(1, TYPE, SOCK_DGRAM as i64)],
        "QUIC over IPv6",
    ),
    allow_if(call!(SYS_socket), &[is(0, AF_INET as i64), bits(1, TYPE, SOCK_STREAM as i64)], "TCP over IPv4"),
    allow_if(
        call!(SYS_socket),
        &[is(0, AF_INET6 as i64), bits(1, TYPE, SOCK_STREAM as i64)],
        "TCP over IPv6",
    ),
    allow_if(
        call!(SYS_socket),
        &[is(0, AF_NETLINK as i64), is(2, libc::NETLINK_ROUTE as i64)],
        "libp2p learns of addresses that come and go; without capabilities it only reads",
    ),
    allow(call!(SYS_bind), "listens, and binds QUIC's socket"),
    allow(call!(SYS_listen), "listens"),
    allow(call!(SYS_accept4), "takes a TCP link"),
    allow(call!(SYS_connect), "dials"),
    allow(call!(SYS_setsockopt), "segmentation offload, buffers, ECN, reuse"),
    allow(call!(SYS_getsockopt), "dial errors, the path's MTU"),
    allow(call!(SYS_sendmsg), "QUIC sends a datagram with where it leaves and how large its segments are"),
    allow(call!(SYS_recvmsg), "netlink tells of addresses; QUIC receives where batches do not work"),
    allow(call!(SYS_sendmmsg), "QUIC sends in batches"),
    allow(call!(SYS_recvmmsg), "QUIC receives in batches"),
    allow(call!(SYS_uname), "quinn-udp asks for the kernel's version before it uses segmentation offload"),
];
