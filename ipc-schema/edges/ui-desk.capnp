@0x94e294f04cd562f4;

# ui (caller) → desk (callee): the session bus, in a process of its own. desk shows counts, never text or names.
# Not built yet: no process serves this edge.

interface Desk {
  notify @0 (unread :UInt32) -> ();
  # Replaces the one notification. Idempotent.
}
