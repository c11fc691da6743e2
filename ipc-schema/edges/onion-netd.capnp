@0x98efd730fb84e9d8;

# onion (caller) → netd (callee): links to relays, as streams of cells.
# netd learns relay addresses and cell timing, nothing else. It assumes that onion may be taken over and dials only what it has
# verified itself: a descriptor signed by its relay, of this network, or a bootstrap or hint of its own Grant's kind.
# onion assumes that netd may be taken over and trusts no byte of it: cells are authenticated hop by hop.

interface Links {
  listen @0 (acceptor :Acceptor) -> (identity :Data, addresses :List(Text));
  # Relay only: links that come in are handed to the acceptor. `identity`: 32 B link key (Ed25519). Addresses: confirmed multiaddrs.
  # A client gets an empty identity. Repeating it replaces the acceptor.

  connect @1 (descriptor :Data, sink :CellSink) -> (result :ConnectResult);
  # To a relay by its signed descriptor. An existing link to it is used again (a new sink replaces the old one's future cells).

  bootstrap @2 (index :UInt16, sink :CellSink) -> (result :ConnectResult);
  # To the index-th bootstrap of the Grant, for the directory only.

  hint @3 (hint :Data, sink :CellSink) -> (result :ConnectResult);
  # To a contact point out of an invite, for the directory only; counts among the new destinations of the day.

  shared @4 () -> (bootstraps :UInt16);
  # How many bootstraps were granted. Idempotent.
}

struct ConnectResult {
  union {
    link @0 :Link;
    error @1 :ConnectError;
  }
}

enum ConnectError {
  malformed @0;        # descriptor or hint does not verify
  otherNetwork @1;
  addressRefused @2;   # loopback or private address in the public network
  unreachable @3;      # nobody answers; dial back-off applies
  wrongPeer @4;        # answers with another link key
  tooMany @5;          # limits of links or of new destinations a day
  backingOff @6;       # tried too recently
}

interface Acceptor {
  incoming @0 (link :Link, peer :Data) -> (sink :CellSink);
  # A link that came in; `peer` is its 32 B link key (a client's is fresh for each link).
}

interface Link {
  # Dropping it closes the link once no one else holds it.
  cells @0 (batch :Data) -> stream;
  # 1 to 64 cells of 514 B in order.
  relayKey @1 () -> (peer :Data);
}

interface CellSink {
  cells @0 (batch :Data) -> stream;
  closed @1 (reason :CloseReason);
}

enum CloseReason { peerClosed @0; timedOut @1; misbehaved @2; shuttingDown @3; }
