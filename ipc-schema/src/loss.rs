//! What is told where a file was lost that a suite had, by whoever finds it: the supervisor where it is missing or empty, the part
//! that it was granted to where none of it is whole. Each follows "FILE is missing", "is empty" or "is damaged".

/// `netd.state` of a relay.
pub const NETD_STATE: &str = "others would no longer find this relay at its address: put back a copy of netd.state; or, to go on under another address, remove netd.state, network and network.copy and start with --network NAME";

/// `onion.state` of a relay.
pub const ONION_STATE: &str = "without it this would be another relay, and what lies in its mailboxes could not be fetched: put back a copy of onion.state; or, to become a new relay, remove everything in the folder but relay.toml";

/// `onion.state` of a person, who goes on; in `status` for a while.
pub const GUARDS: &str = "onion.state was lost, and with it the choice of first relays, which see this computer's address: others are drawn, and one chance more that a bad one is among them. If you have a copy of onion.state, stop Privatus and put it back";
