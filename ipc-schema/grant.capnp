@0xb205725c84258a5b;

# What the supervisor tells a child over its control socket (descriptor 3, SOCK_SEQPACKET): one datagram is one Grant.
# With `settings` and `ready` rides no descriptor, with `file` one, with `edge` two, or one if it is `outside`; any other number
# is malformed. Boot and restart are the same path. The supervisor writes these and its end is shut for reading: what a child sends
# there fails (EPIPE), so that no descriptor can be left in flight. A child that cannot parse one exits 1.

struct Grant {
  union {
    edge @0 :Edge;
    # One side of an edge: the end of a pipe to read from, then the end of another to write to, both O_NONBLOCK. No descriptor can
    # cross a pipe. A second Grant of the same edge replaces the first: the other side was restarted.
    # For `outside = true` the one descriptor is a connection of a local program, accepted and passed on unread; there may be many.
    # One that is lost on the way (the child has no descriptor left) is closed and forgotten; any other lost one ends the child.
    file @1 :Text;
    # An open file or folder by the name that topology.rs gives it ("vault", "report", "passphrase", "stdout", "state").
    settings @2 :Settings;
    # Sent once, first.
    ready @3 :Void;
    # All that this child needs to start has been sent.
  }

  struct Edge {
    name @0 :Text;      # "stored-keyvault"
    caller @1 :Bool;    # true: this child calls; false: it serves
    outside @2 :Bool;   # true: the peer is a local program (uid checked by the supervisor)
  }

  struct Settings {
    role @0 :Role;
    networkName @1 :Text;
    # Empty: the public network.
    networkId @2 :Data;
    # 32 B: SHA-256("privatus/network/v1" ‖ name ‖ 0 ‖ secret), all zero for the public network.
    bootstraps @3 :List(Text);
    # Multiaddrs with /p2p/; netd alone uses them.
    listen @4 :List(Text);
    # Relay only.
    headless @5 :Bool;
    createVault @6 :Bool;
    # keyvault: a passphrase was granted and the folder is new: create instead of unlock.
    relayConfig @7 :RelayConfig;
    withoutWalls @8 :Bool;
    # To the supervisor: start also where a required wall is missing. From it: one is.
    begun @9 :Bool;
    # From the supervisor: every part's start in this folder was complete once. A file of a part that holds nothing was lost, and
    # is not new.
    newHistory @10 :Bool;
    # stored, in its first life: where the history is lost or damaged, put it aside and begin a new one.

    enum Role { client @0; relay @1; }
  }

  struct RelayConfig {
    queuesMax @0 :UInt32;
    diskMaxBytes @1 :UInt64;
    operatorTag @2 :Data;    # 16 B
  }
}
