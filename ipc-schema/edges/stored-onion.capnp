@0xb42dbf8e3c9c7e32;

# stored (caller) → onion (callee): deposit at, and receive from, mailboxes on relays, each over a circuit of its own.
# onion sees queue ids and sealed envelopes, never names, plaintext or keys: whatever authenticates a command was made by
# keyvault for that circuit's binding. stored assumes that onion may drop, delay or lie, and believes an ack of the peer alone.
# An envelope is 4,096 B, a chunk 66,065 B and a blob ≤ 64 KiB; anything else closes the edge.

interface Carrier {
  watch @0 (watcher :NetworkWatcher) -> ();
  # Calls back at once with the present state, then at each change, until the watcher is dropped.

  pickMailboxes @1 (count :UInt8, avoid :List(Data)) -> (relays :List(Data));
  # Up to `count` usable relay ids of different operators and networks, none of `avoid`. May be fewer, or none: watch and ask again.

  addHints @2 (hints :List(Data)) -> ();
  # Contact points of an invite, for the directory only. Idempotent.

  open @3 (relay :Data, isolation :Data, lane :Lane) -> (result :OpenResult);
  # A circuit G – L2 – M – `relay`. `isolation` (16 B): calls with different keys never share a circuit; the same key and relay get the
  # same circuit. Idempotent while it lives.
}

enum Lane { text @0; bulk @1; call @2; }

interface NetworkWatcher {
  changed @0 (state :NetworkState) -> stream;
}

struct NetworkState {
  stage @0 :Stage;
  relaysKnown @1 :UInt32;
  relaysUsable @2 :UInt32;
  circuits @3 :UInt32;
  guard @4 :Data;           # relay id or empty
  private @5 :Bool;
  networkName @6 :Text;
  clockKnown @7 :Bool;      # the two below are told
  clockOffsetS @8 :Int64;   # seconds that this machine's clock is ahead of the relays' median; below zero: behind
  clockRelays @9 :UInt32;   # relays that were heard
  guardsLost @10 :Bool;     # within the last week the guards were lost with the state file, and others were drawn
}

enum Stage { starting @0; findingRelays @1; buildingRoute @2; connected @3; slow @4; tooFewRelays @5; noRelays @6; guardsUnreachable @7; offline @8; }

struct OpenResult {
  union {
    mailbox :group {
      circuit @0 :Mailbox;
      binding @1 :Data;     # 32 B, what keyvault binds commands to
      route @2 :List(Data); # relay ids from the guard to the asked relay
    }
    error @3 :OpenError;
  }
}

enum OpenError {
  noRelays @0;         # too few usable relays for a path; watch
  unknownRelay @1;     # not in the directory (any more)
  buildFailed @2;      # tried as often as allowed; repeat with back-off
  tooMany @3;          # over circuitsMax: close some
}

interface Mailbox {
  # One open circuit to one relay; dropping the capability closes the circuit. When the circuit dies every pending and later call
  # throws `disconnected`: open anew and repeat; all commands are idempotent.

  create @0 (receiverKey :Data) -> (result :CreateResult);
  # A new queue for that receiver (32 B Ed25519). Idempotent by receiverKey. onion pays the relay's proof of work.

  command @1 (counter :UInt64, auth :Data, command :Command) -> (result :CommandResult);
  # Everything else. `counter` must rise on a circuit; `auth` is keyvault's: a signature (64 B) for what a receiver asks, a MAC (32 B) for
  # what a sender does.
}

struct Command {
  # Ids of queues are 24 B, keys and blob ids 32 B, put and message ids 16 B.
  union {
    secure :group { senderQueue @0 :Data; senderKey @1 :Data; }
    deposit :group { senderQueue @2 :Data; putId @3 :Data; envelope @4 :Data; }
    subscribe :group { receiverQueue @5 :Data; sink @6 :EnvelopeSink; }
    # Pushes what waits, oldest first, then what comes, until the circuit dies. At most `unackedMax` un-acked are pushed.
    acknowledge :group { receiverQueue @7 :Data; messages @8 :List(Data); }
    delete :group { receiverQueue @9 :Data; }
    leaveBlob :group { receiverQueue @10 :Data; blobId @11 :Data; readKey @12 :Data; blob @13 :Data; }
    secureRead :group { blobId @14 :Data; senderKey @15 :Data; }
    dropBlob :group { receiverQueue @16 :Data; blobId @17 :Data; }

    # Chunks of files, on a circuit of lane `bulk`. Ids of chunks are 16 B and the sender's.
    putChunk :group { senderQueue @18 :Data; chunkId @19 :Data; chunk @20 :Data; }
    # At most 16 of them unanswered on a circuit: one more is the caller's fault.
    subscribeChunks :group { receiverQueue @21 :Data; sink @22 :EnvelopeSink; }
    # Pushes the chunks that wait, oldest first, then what comes, until the circuit dies. At most 32 un-acked are pushed.
    fetchChunks :group { receiverQueue @23 :Data; chunks @24 :List(Data); sink @25 :EnvelopeSink; }
    # Those of at most 4 that lie there come to the sink, each before the answer.
    acknowledgeChunks :group { receiverQueue @26 :Data; chunks @27 :List(Data); }
    # At most 32; what is not there is fine.
  }
}

struct CreateResult {
  union {
    created :group { receiverQueue @0 :Data; senderQueue @1 :Data; relayKey @2 :Data; }
    error @3 :Refused;
  }
}

struct CommandResult {
  union {
    done @0 :Void;     # also: was done before
    blob @1 :Data;     # to `secureRead`
    error @2 :Refused;
  }
}

enum Refused {
  # A relay's word: onion cannot know whether it is true.
  full @0;             # quota of the queue: visible state at the sender
  throttled @1;        # try again later
  noQueue @2;          # no such queue (expired, deleted)
  notAuthorised @3;    # wrong key, replay, or secured for another sender
  noBlob @4;
  policy @5;           # relay's policy, or it answered nonsense
  diskFull @6;
}

interface EnvelopeSink {
  waiting @0 (message :Waiting) -> stream;
  chunk @1 (id :Data, chunk :Data) -> stream;
  # stored answers once it has the chunk durably or will never want it. Until then little more is sent: onion holds the relay back.
}

struct Waiting {
  id @0 :Data;         # 16 B, names it in `acknowledge`
  envelope @1 :Data;   # 4,096 B
  senderKey @2 :Data;  # 32 B X25519 that `secure` registered for this queue, as the relay tells it (empty before `secure`).
  # keyvault needs it for the outer layer, whose key it is half of (docs/protocol/envelope.md, "Envelope, version 1"); a lie
  # only makes the envelope unreadable.
}
