//! How many, how often and how long.

use std::time::Duration;

/// New contacts or identities within [`NEW_CONTACTS_WITHIN`]: more than a person makes, far fewer than a taken-over stored
/// would want (docs/threat-model.md, "stored: history").
pub const NEW_CONTACTS_MAX: usize = 10;
/// See [`NEW_CONTACTS_MAX`].
pub const NEW_CONTACTS_WITHIN: Duration = Duration::from_secs(60 * 60);
/// Answers kept until the caller forgets them (docs/architecture.md, "Crash rules"): a full mailbox queue.
pub const KEPT_MAX: usize = 512;
/// How long a forgotten envelope is still told as a duplicate.
pub const DUPLICATE_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// An invite's life (docs/protocol/identity.md, "Invite link").
pub const INVITE_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long an expired invite's keys still serve a first message that was sent in time: a mailbox's TTL
/// (docs/protocol/mailbox.md, "What the commands do").
pub const INVITE_GRACE: Duration = Duration::from_secs(21 * 24 * 60 * 60);
/// Queues of one peer: R = 2, twice while a rotation overlaps (docs/protocol/envelope.md, "Frame").
pub const PEER_QUEUES_MAX: usize = 4;
/// Own receive queues that are offered to nobody: what stored makes for many contacts at once waits for their next messages. The oldest
/// make room.
pub const UNOFFERED_MAX: usize = 256;
/// Own receive queues that were offered to one peer: eight rotations. The oldest goes.
pub const RECEIVE_QUEUES_MAX: usize = 16;
/// Opened invites of others that wait to be accepted.
pub const ACCEPTS_MAX: usize = 64;
/// Comparisons by short string that are under way: a person reads to one contact at a time. The oldest goes.
pub const COMPARISONS_MAX: usize = 16;
/// Other strings than the one that is shown which are taken for a slip; with this many a run is over.
pub const MISTAKEN_MAX: u32 = 3;

/// Strangers that may come through own addresses within [`NEW_CONTACTS_WITHIN`], counted apart from contacts that the user makes, so
/// that strangers cannot keep the user from making any.
pub const VISITORS_MAX: usize = 30;
/// Who came through own addresses and was not removed. A session with its keys takes some 12 kB.
pub const VISITORS_KEPT_MAX: usize = 1_000;
/// How often an address gets new keys (docs/protocol/pqxdh.md, "How long keys live").
pub const ADDRESS_RENEWED: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How long what was published may be used: a week, and a day in which to publish the next.
pub const ADDRESS_VALID: Duration = Duration::from_secs(8 * 24 * 60 * 60);
/// How long an envelope may lie at a relay (docs/protocol/mailbox.md, "What the commands do").
pub const HELD_AT_RELAY: Duration = Duration::from_secs(21 * 24 * 60 * 60);
/// A session is opened anew once in this time, counted apart from new contacts
/// (docs/protocol/pqxdh.md, "Repair: a session is opened anew").
pub const REPAIR_EVERY: Duration = Duration::from_secs(10 * 60);
/// Of a peer so many repairs are taken within [`REPAIRS_WITHIN`]: one in ten minutes, and a few more at once where an old copy was put
/// back more than once. Each costs an agreement, and a former ratchet.
pub const REPAIRS_TAKEN: usize = 3;
/// See [`REPAIRS_TAKEN`].
pub const REPAIRS_WITHIN: Duration = Duration::from_secs(30 * 60);
/// Agreements that are made with one repair bundle; then it is used up. Each is remembered as long as its keys live.
pub const REPAIRS_A_KEY: usize = 32;
/// How often a peer is handed a new repair bundle (docs/protocol/pqxdh.md, "How long keys live").
pub const REPAIR_RENEWED: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// How much longer the private part of one is kept once the peer has a newer one
/// (docs/protocol/pqxdh.md, "How long keys live").
pub const REPAIR_KEPT: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How long a repair bundle may be used where no newer one comes: a year of silence, then the two invite each other again.
pub const REPAIR_VALID: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How long the ratchet before a repair still opens what was under way: as long as that may lie at a relay.
pub const FORMER_KEPT: Duration = HELD_AT_RELAY;
