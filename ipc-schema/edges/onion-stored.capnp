@0xb19f767240b0b656;

# onion (caller) → stored (callee), RELAY topology only: the mailbox disk. Queues live on disk, an idle queue costs no memory.
# onion has checked who may do what before it calls; stored checks sizes and quotas. stored never sees a circuit or an address.
# Every method is durable before it answers, and idempotent.

interface MailboxDisk {
  create @0 (receiverQueue :Data, senderQueue :Data, receiverKey :Data) -> (result :CreateResult);
  # By receiverKey: a second call with the same key answers the first one's ids.
  byReceiver @1 (receiverQueue :Data) -> (found :Bool, receiverKey :Data, senderQueue :Data);
  bySender @2 (senderQueue :Data) -> (found :Bool, senderKey :Data, receiverQueue :Data);
  # senderKey is empty until `secure`.
  secure @3 (senderQueue :Data, senderKey :Data) -> (answer :DiskAnswer);
  # First key wins; the same key again is ok; another is `taken`.
  put @4 (senderQueue :Data, putId :Data, envelope :Data) -> (answer :DiskAnswer, id :Data, stored :Bool);
  # `stored` false: this putId was seen before (also after its ack, for the TTL).
  read @5 (receiverQueue :Data, after :Data, max :UInt16) -> (messages :List(Message));
  # Oldest first, those after `after` (empty: from the start).
  ack @6 (receiverQueue :Data, ids :List(Data)) -> (answer :DiskAnswer);
  delete @7 (receiverQueue :Data) -> (answer :DiskAnswer);
  leaveBlob @8 (receiverQueue :Data, blobId :Data, readKey :Data, blob :Data) -> (answer :DiskAnswer);
  # Write-once: other bytes under the same id are `taken`.
  blob @9 (blobId :Data) -> (found :Bool, readKey :Data, boundTo :Data, blob :Data, receiverQueue :Data);
  bindBlob @10 (blobId :Data, senderKey :Data) -> (answer :DiskAnswer);
  # secure+read: binds the blob to the first sender key; another is `taken`.
  dropBlob @11 (blobId :Data) -> (answer :DiskAnswer);
  expire @12 (now :UInt64) -> (removed :UInt32);
  counts @13 () -> (queues :UInt64, messages :UInt64, blobs :UInt64, bytes :UInt64, begunAnew :UInt64);
  # `begunAnew`: when these mailboxes took the place of others that were lost or damaged, milliseconds since 1970; 0: never.

  # Chunks of files lie beside the envelopes of a queue and share nothing with them but its bytes of blobs: neither can fill the other's
  # room, and a reader of the one sees nothing of the other. Every chunk is 66,065 B, and is changed or read behind what else waits.
  putChunk @14 (senderQueue :Data, chunkId :Data, chunk :Data) -> (answer :DiskAnswer, stored :Bool);
  # `stored` false: this chunkId was seen before (also after its ack, for the TTL). Other bytes under an id that lies there are `taken`.
  readChunks @15 (receiverQueue :Data, after :Data, max :UInt16) -> (chunks :List(Chunk));
  # Oldest first, those after the place `after` (empty: from the start); never more than 4.
  namedChunks @16 (receiverQueue :Data, ids :List(Data)) -> (chunks :List(Chunk));
  # Those of at most 4 that lie there.
  ackChunks @17 (receiverQueue :Data, ids :List(Data)) -> (answer :DiskAnswer);
  # Deletes at most 32, and overwrites where they lay.
}

struct CreateResult {
  union {
    ids :group { receiverQueue @0 :Data; senderQueue @1 :Data; }
    answer @2 :DiskAnswer;
  }
}

enum DiskAnswer { ok @0; full @1; noQueue @2; taken @3; diskFull @4; noBlob @5; }

struct Message { id @0 :Data; envelope @1 :Data; }

struct Chunk {
  id @0 :Data;        # 16 B, the sender's
  place @1 :Data;     # 16 B, where it lies in the order of the queue
  chunk @2 :Data;     # 66,065 B
}
