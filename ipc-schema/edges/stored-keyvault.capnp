@0xcb60ab87daf340a6;

# stored (caller) → keyvault (callee).
# stored decides delivery and holds no private key; it names sessions, queues and purposes by ids, and keyvault does the
# one thing that belongs to that purpose. keyvault assumes that stored may be taken over: no call signs or decrypts
# bytes of the caller's choice. stored may assume that an answer is durable: keyvault persists before it answers.
# Every method is idempotent by an id that the caller chose; when keyvault dies midway the caller repeats the call.
# A list or Data over its limit (limits.rs) closes the edge.

interface Gate {
  # The bootstrap: all that can be had while locked.
  open @0 () -> (unlocked :Unlocked);
  # Parks until the vault is unlocked, then answers. A lock ends keyvault, and with it every capability of this edge.

  standing @1 (seen :UInt64) -> (now :UInt64, screenLocked :Bool, vault :UInt32);
  # Parks while `now`, an opaque number, would be `seen`; 0 always answers. `screenLocked`: the window is to be served nothing but
  # counts. `vault` grows when another vault took the place of the one that was open: the Vault of an earlier `open` is dead,
  # and stored asks anew. Idempotent.

  wiped @2 () -> ();
  # What `Unlocked.wipe` ordered is done: it is not ordered again. Idempotent.
}

struct Unlocked {
  vault @0 :Vault;
  storeKey @1 :Data;
  # 32 B, the SQLCipher key of `store.db`.
  scripts @2 :Bool;
  # Local programs may use the sockets of a desktop profile (the flag lives in the vault).
  decoyKey @3 :Data;
  # 32 B, the SQLCipher key of `decoy.db`, which stored makes where it is missing, and writes to at each `open`.
  wipe @4 :Bool;
  # Before anything else, and in place: what `decoy.db` holds is written over `store.db` (unless `storeKey` does not open it any more:
  # then it was), `blobs/` and `*.old` go, decoy.db is made anew under `decoyKey`; then `wiped`. Said at each `open` until then.
  known @5 :Bool;
  # The vault has keys of contacts or queues, so there was a history: where `store.db` is missing it was lost.
}

interface Vault {
  beginInvite @0 (invite :UInt64, relay :Data) -> (result :BeginResult);
  # A fresh identity and a receive queue for a one-time invite. Counts as one new contact. Idempotent by `invite`.

  finishInvite @1 (invite :UInt64, created :Created, hints :List(Data)) -> (result :FinishInviteResult);
  # `created` is what the relay answered to `create`. Idempotent: the same link and blob again.

  cancelInvite @2 (invite :UInt64) -> ();
  # Drops the keys of an invite; unknown ids are fine. Idempotent.

  openInvite @3 (accept :UInt64, link :Text) -> (result :OpenInviteResult);
  # Parses a link and fixes the sender key that this side will use, durably, before anything is read. Idempotent by `accept`.

  acceptInvite @4 (accept :UInt64, blob :Data, receiveQueues :List(UInt64), outbox :UInt64, content :Data) -> (result :AcceptResult);
  # PQXDH against the bundle in `blob`; the first message carries `content` (≤ firstContentMax) and offers `receiveQueues`.
  # Idempotent by `accept`: the same session, the same bytes, until forget(outbox).

  beginReceiveQueue @5 (receiveQueue :UInt64, relay :Data) -> (result :BeginResult);
  # Keys for a new receive queue on `relay`. Idempotent by `receiveQueue`.

  finishReceiveQueue @6 (receiveQueue :UInt64, created :Created) -> (ok :Bool);
  # False: no such receive queue. Idempotent.

  sealEnvelope @7 (session :UInt64, outbox :UInt64, content :Data, offer :List(UInt64)) -> (result :SealResult);
  # One ratchet message, sealed once for each of the peer's queues, offering the own receive queues in `offer`.
  # Idempotent by `outbox` until it is forgotten; `content` must be the same bytes then.

  openEnvelope @8 (receiveQueue :UInt64, envelope :Data, senderKey :Data) -> (result :OpenResult);
  # `senderKey`: 32 B, what came with the envelope (Waiting.senderKey): the outer layer's key needs it, it is not in the envelope.
  # `receiveQueue` is the own receive queue that it came from (an invite's queue has the invite's id). Idempotent by the
  # SHA-256 of the inner block until that is forgotten; Duplicate for 30 days after.

  forget @9 (outbox :List(UInt64), opened :List(Data)) -> ();
  # stored has these durably: drop the kept answers. Idempotent.

  sign @10 (purpose :Purpose) -> (result :SignResult);
  # Authenticates one mailbox command, bound to relay, queue, circuit and counter. Not idempotent in bytes, harmless to repeat.

  session @11 (session :UInt64) -> (result :SessionResult);
  # Safety number and verification state. Idempotent.

  removeSession @12 (session :UInt64) -> ();
  # Drops every key of a contact. Idempotent.

  repairSession @13 (session :UInt64, outbox :UInt64, content :Data, offer :List(UInt64)) -> (result :SealResult);
  # Opens a session anew with the peer's repair bundle; `content` (≤ firstContentMax - 5) rides in the first message, sealed once for
  # each of the peer's queues. Once in ten minutes for each session, whichever side began: else rateLimited. inviteAgain: there is
  # nothing (any more) to do it with. What was sealed before and is not acked has to be sealed again. Idempotent by `outbox`.

  setVerified @14 (session :UInt64, digits :Text) -> (result :DoneResult);
  # The user compared this safety number, or (empty) takes it back. numberChanged: the contact has another one by now. Idempotent.

  verificationCode @15 (session :UInt64) -> (result :CodeResult);
  # The text of the QR code to show to the contact. Idempotent.

  compareCode @16 (session :UInt64, code :Text) -> (result :ComparisonResult);
  # Compares what was scanned; a match verifies the contact. Idempotent.

  # The short string (docs/protocol/identity.md, "Verification"). A run is named by its session, and nothing of it outlives keyvault or
  # is in its file but how many there were: a nonce that came back with an old copy would be known. 16 are under way at once.
  beginComparison @17 (session :UInt64) -> (result :StepResult);
  # The commitment for the peer. Each call is another run, and counted; one that was under way with this contact is over.

  answerComparison @18 (session :UInt64, commitment :Data) -> (result :StepResult);
  # The other side: the nonce that answers it. Idempotent by the commitment; another one is another run, and counted, unless it takes the
  # place of an own one that nobody has answered: both began at once.

  revealComparison @19 (session :UInt64, nonce :Data) -> (result :ShownResult);
  # Who began: takes what answers. Idempotent by the nonce: no other one is taken in this run.

  checkComparison @20 (session :UInt64, nonce :Data) -> (result :ShownResult);
  # The other side: takes what was revealed. notCommittedTo: it is not what was promised, and the run is over. Idempotent.

  verifyString @21 (session :UInt64, told :Text) -> (result :DoneResult);
  # The user says that this, the digits or the words in any grouping, is what the other side reads out. Only if it is what is shown here
  # the contact is verified; the run is over then, and with the third other string.
}

struct Created {
  receiverQueue @0 :Data;   # 24 B
  senderQueue @1 :Data;     # 24 B
  relayKey @2 :Data;        # 32 B X25519, made by the relay for this queue
}

enum VaultError {
  noSuchId @0;              # stored forgot, or keyvault never heard of it
  rateLimited @1;           # over 10 new contacts an hour: try again later
  tooManyOpen @2;           # 512 un-forgotten answers: forget first
  tooLong @3;               # content over its limit
  badContent @4;            # same outbox id, other content
  storage @5;               # the vault file could not be written; nothing changed
  relayMismatch @6;         # the relay's answer does not fit
  noQueue @7;               # the session has no peer queue yet
  bug @8;
  inviteAgain @9;           # nothing is left to open the session anew with: the two have to invite each other again
  numberChanged @10;        # the safety number that was compared is not the contact's
  noComparison @11;         # no run is that far
  notCommittedTo @12;       # somebody sits between, or the peer cheats: the user is to be told
  otherString @13;          # the short string that is shown is another one
}

struct BeginResult { union { authKey @0 :Data; error @1 :VaultError; } }
# authKey: 32 B Ed25519, the receiver key that goes into `create`.

struct FinishInviteResult {
  union {
    invite :group {
      link @0 :Text;
      blobId @1 :Data;      # 32 B
      readKey @2 :Data;     # 32 B, left with the relay; authenticates `secure+read`
      blob @3 :Data;        # encrypted bundle, ≤ blobMax
      expires @4 :UInt64;   # ms since 1970
    }
    error @5 :VaultError;
  }
}

struct OpenInviteResult {
  union {
    invite :group {
      relay @0 :Data;       # 32 B relay id
      blobId @1 :Data;
      senderKey @2 :Data;   # 32 B X25519, goes into `secure+read`
      hints @3 :List(Data);
      expires @4 :UInt64;
    }
    refused @5 :InviteRefusal;
    error @6 :VaultError;
  }
}

enum InviteRefusal { malformed @0; truncated @1; altered @2; expired @3; newerVersion @4; own @5; used @6; }

struct PeerQueue {
  relay @0 :Data;           # 32 B relay id
  queue @1 :Data;           # 24 B sender queue id
  number @2 :UInt64;        # keyvault's id of this peer queue, used in `sign`
  senderKey @3 :Data;       # 32 B X25519, registered by `secure`
}

struct Envelope {
  peerQueue @0 :UInt64;
  putId @1 :Data;           # 16 B
  bytes @2 :Data;           # 4,096 B
}

struct AcceptResult {
  union {
    accepted :group {
      session @0 :UInt64;
      peerQueues @1 :List(PeerQueue);
      envelopes @2 :List(Envelope);
    }
    refused @3 :InviteRefusal;
    error @4 :VaultError;
  }
}

struct SealResult { union { envelopes @0 :List(Envelope); error @1 :VaultError; } }

struct OpenResult {
  union {
    message :group {
      session @0 :UInt64;
      content @1 :Data;
      inner @2 :Data;                   # 32 B, the id for `forget`
      peerQueues @3 :List(PeerQueue);   # all that the peer has offered so far, when this message changed them
      first @4 :Bool;                   # this message opened the session (an invite was accepted)
      repaired @11 :Bool;               # the peer opened the session anew: what is not acked has to be sealed again
      repairWanted @12 :Bool;           # the message is good, but repairSession is due
    }
    duplicate @5 :Data;                 # inner hash; ack it
    unreadable @6 :Void;                # ack at the mailbox, never to the peer
    openedTwice @7 :Void;               # a second acceptance of a one-time invite; stays unaccepted
    peerRolledBack @8 :UInt64;          # session; ack at the mailbox, never to the peer; repairSession is due
    error @9 :VaultError;
    outOfStep @10 :UInt64;
    # session: the peer made it, with keys that are not here (any more). Ack at the mailbox, never to the peer. If nothing of the
    # peer can be read for a while, repairSession is due.
  }
}

struct Purpose {
  relay @0 :Data;           # 32 B
  binding @1 :Data;         # 32 B circuit binding
  counter @2 :UInt64;       # strictly rising on one circuit
  union {
    subscribe @3 :UInt64;   # own receive queue
    acknowledge :group { receiveQueue @4 :UInt64; messages @5 :List(Data); }
    delete @6 :UInt64;      # own receive queue
    leaveBlob :group { invite @7 :UInt64; }
    # The invite's blob, which keyvault itself made: it knows id, read key and hash.
    dropBlob @8 :UInt64;    # invite
    secure @9 :UInt64;      # peer queue
    deposit :group { peerQueue @10 :UInt64; putId @11 :Data; envelopeHash @12 :Data; }
    secureRead @13 :UInt64; # accept id
    putChunk :group { peerQueue @14 :UInt64; chunkId @15 :Data; chunkHash @16 :Data; }
    # A chunk of a file, sealed by stored under the file's own key: keyvault sees neither. Ids 16 B, the hash SHA-256.
    subscribeChunks @17 :UInt64;   # own receive queue
    fetchChunks :group { receiveQueue @18 :UInt64; chunks @19 :List(Data); }         # at most 4 ids
    acknowledgeChunks :group { receiveQueue @20 :UInt64; chunks @21 :List(Data); }   # at most 32 ids
  }
}

struct SignResult { union { auth @0 :Data; error @1 :VaultError; } }
# auth: 64 B Ed25519 for the receiver's commands, 32 B HMAC for the sender's and for `secure+read`.

struct SessionResult {
  union {
    session :group {
      digits @0 :Text;      # 60 digits in 12 groups
      words @1 :List(Text); # 8
      verified @2 :Bool;
    }
    error @3 :VaultError;
  }
}

struct DoneResult { union { done @0 :Void; error @1 :VaultError; } }

struct CodeResult { union { code @0 :Text; error @1 :VaultError; } }

enum Comparison { match @0; otherPerson @1; notACode @2; newerVersion @3; }

struct ComparisonResult { union { told @0 :Comparison; error @1 :VaultError; } }

struct StepResult {
  union {
    step :group {
      told @0 :Data;        # 32 B for the peer: the commitment or the nonce
      runs @1 :UInt32;      # since the contact was last verified, with this one: a second try is seen
    }
    error @2 :VaultError;
  }
}

struct ShownResult {
  union {
    shown :group {
      nonce @0 :Data;       # 32 B, the own: who began sends it
      digits @1 :Text;      # 8 in 2 groups
      words @2 :List(Text); # 2
      runs @3 :UInt32;      # as in StepResult
    }
    error @4 :VaultError;
  }
}
