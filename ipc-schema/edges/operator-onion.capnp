@0x80451e544a136f89;

# A local program of the same user (caller) → onion (callee): `privatus status` and `privatus relay status|metrics`.
# Counts only: no address, no queue id, no relay a person talks to but the own guard.

using Onion = import "stored-onion.capnp";

interface Operator {
  network @0 () -> (state :Onion.NetworkState);
  relay @1 () -> (isRelay :Bool, metrics :RelayMetrics);
}

struct RelayMetrics {
  circuits @0 :UInt64;
  cellsForwarded @1 :UInt64;
  queues @2 :UInt64;
  messages @3 :UInt64;
  blobs @4 :UInt64;
  diskBytes @5 :UInt64;
  links @6 :UInt64;
  draining @7 :Bool;
  begunAnew @8 :UInt64;  # as in onion-stored.capnp
}
