@0xd1f0c6a58b7e4203;

# What one message says, end to end (docs/protocol/envelope.md, "Frame"): the plaintext that stored hands to keyvault for sealing
# and gets back from opening. The writer is the peer, who may be hostile: everything is bounded again when it is read
# (src/content/decode.rs).
# One unpacked, single-segment Cap'n Proto message, at most contentMax bytes. Fields are only ever added.
#
# A kind that a reader does not know is acked, kept, and shown as "needs a newer version"; so is a step of an introduction or a meeting.

struct Content {
  version @0 :UInt8;
  # 1. A higher one is kept like an unknown kind.

  id @1 :Data;
  # 16 B random. The same content sealed again has the same id: receivers deduplicate by it.

  chain @2 :UInt64;
  # When this sender began to number, ms since 1970. A sender that lost its numbers begins a later chain.

  sequence @3 :UInt64;
  # Counted from 1 along the chain. A content that is not `numbered` says here the last number that was used.

  numbered @4 :Bool;
  # False for what may be lost without harm: receipts, typing, keep-alives, canaries.

  previous @5 :Data;
  # SHA-256 of the bytes of the content numbered one lower (of `sequence` itself when not numbered); empty before the first.

  sentAt @6 :UInt64;
  # The sender's clock, ms since 1970. Untrusted.

  acks @7 :Acks;
  # What this sender has durably received from the reader; null when nothing is to be said.

  union {
    text @8 :TextPart;
    edit @9 :Edit;
    delete @10 :Reference;
    reaction @11 :Reaction;
    reply @12 :TextPart;
    # A text whose replyTo is set.
    receipt @13 :Receipt;
    typing @14 :Bool;
    fileOffer @15 :FileOffer;
    groupMessage @16 :Data;
    # An MLS message.
    callSignal @17 :Data;
    deviceList @18 :Data;
    # Signed, as keyvault made it.
    profile @19 :Profile;
    queueChange @20 :Void;
    # The queues themselves ride in keyvault's part of the frame; this makes it a content that is acked.
    gapRequest @21 :List(Range);
    sessionRepair @22 :Data;
    ratchetKeepAlive @23 :Void;
    canary @24 :Data;
    # 16 B, comes back to its sender.
    directorySketch @25 :Sketch;
    introduction @26 :Introduction;
    timerChange @27 :UInt32;
    # Never written: it could not say which of two changes is the later.
    leafAttestation @28 :Data;
    timer @29 :Timer;
    fileAnswer @30 :FileAnswer;
    fileChunks @31 :FileChunks;
    comparison @32 :Comparison;
    meeting @33 :Meeting;
  }

  struct Acks {
    chain @0 :UInt64;
    upTo @1 :UInt64;
    # Every number up to this one was received,
    missing @2 :List(Range);
    # but these.
    hash @3 :Data;
    # SHA-256 of the content numbered `upTo` that was received; empty: not known any more.
    beforeGaps @4 :Data;
    # The first 8 B of the hash of the content before each of `missing`, zeroes where there is none: 8 B for each of them, or
    # nothing at all. By these and `hash` the reader of the acks sees that all of it is what it has sent.
  }

  struct Range {
    first @0 :UInt64;
    last @1 :UInt64;
  }

  struct TextPart {
    message @0 :Data;
    # 16 B, names the whole text; the same in each part.
    part @1 :UInt16;
    # 0 up.
    parts @2 :UInt16;
    # 1 up.
    body @3 :Text;
    replyTo @4 :Data;
    # `message` of another text, 16 B, or empty. In part 0.
    lifeS @5 :UInt32;
    # It disappears so many seconds after it was sent, or read; 0: never. At most 366 d: a longer life is taken for that. The same in each part.
  }

  struct Timer {
    # What texts that are written from now on are to have as their life.
    seconds @0 :UInt32;
    # As lifeS.
    version @1 :UInt64;
    # One more than that of the timer in whose place it stands. Of two timers the one with the higher version holds, of two with the same
    # the shorter: whatever comes first, both sides end with the same.
  }

  struct Edit {
    message @0 :Data;
    # Of the text. Only its author edits or deletes it.
    part @1 :UInt16;
    parts @2 :UInt16;
    body @3 :Text;
    name @4 :Data;
    # 16 B, names this edit; the same in each part. Of two edits of a text the one holds whose part 0 has the later chain and sequence.
  }

  struct Reference {
    message @0 :Data;
  }

  struct Reaction {
    message @0 :Data;
    emoji @1 :Text;
    # At most 64 B, one reaction a person a text: the one with the latest chain and sequence. Empty: taken back.
  }

  struct Receipt {
    readUpTo @0 :Data;
    # `message` of the last text that was read, or empty: the receipt carries acks only.
  }

  struct FileOffer {
    # One file of a message: one of its parts. A message with files has at most filesMax of them, and they are its first parts; its words,
    # if it has any, are texts behind them, with the same `message` and `parts`.
    file @0 :Data;
    # 16 B, names the file; no other file of this sender's has it.
    name @1 :Text;
    # At most fileNameMaxBytes; the reader makes one of it that can be shown (docs/protocol/file.md, "Names").
    sizeBytes @2 :UInt64;
    # At most fileMaxBytes.
    key @3 :Data;
    # 32 B random.
    root @4 :Data;
    # BLAKE3 of the file, 32 B.
    message @5 :Data;
    # 16 B, names the whole message; as in TextPart, and so are the next four.
    part @6 :UInt16;
    parts @7 :UInt16;
    replyTo @8 :Data;
    lifeS @9 :UInt32;
    kind @10 :FileKind;
    previewWidth @11 :UInt8;
    # Of `preview`, pixels; 0: there is none.
    preview @12 :Data;
    # Of a picture: its rows, 3 B RGB a pixel, at most previewMaxPixels. So nobody decodes a stranger's picture to see what is offered.
  }

  enum FileKind {
    file @0;
    # Also what the reader does not know.
    picture @1;
    voice @2;
  }

  struct FileAnswer {
    # What one of the two wants of a file from now on. Of one person's answers the one with the latest chain and sequence holds, but
    # for `stop` and `done`, which are the last.
    file @0 :Data;
    word @1 :FileWord;
  }

  enum FileWord {
    go @0;
    # The reader of the offer: send it, or go on. Its sender, who said so by offering: go on.
    pause @1;
    stop @2;
    # The reader: no, or no more. The sender: it is not to be had any more.
    done @3;
    # The reader: all of it is here.
  }

  struct FileChunks {
    # Which chunks are here. Takes no number: a later one covers it.
    file @0 :Data;
    upTo @1 :UInt32;
    # Every chunk up to this number is durable,
    missing @2 :List(Range);
    # but these, at most chunkGapsMax.
    again @3 :UInt32;
    # Those that are missing did not come in time: relays do not have them any more, lost them, or never had them. They are to be left again
    # under this round, which is drawn anew for each asking; 0: nothing is asked for.
  }

  struct Profile {
    name @0 :Text;
    # What this sender calls themselves.
  }

  struct Sketch {
    day @0 :UInt32;
    lowest @1 :Data;
    # 64 x 4 B.
  }

  struct Introduction {
    name @0 :Text;
    # Of the other one, as the introducer tells it, at most nameMaxBytes: in both asks.
    link @1 :Text;
    # To the invite of the one to that of the other, at most linkMaxChars: in `yes` where a link was asked for, and in `link`.
    id @2 :Data;
    # 16 B, names what is between the introducer and one of the two; the other half has another.
    step @3 :Step;
  }

  enum Step {
    askForLink @0;
    # Introducer: do you want to meet them? If so, make an invite for them.
    ask @1;
    # The same, and they make the invite.
    yes @2;
    # I do. A no is not said.
    link @3;
    # Introducer: both do, and this is their invite.
  }
  struct Comparison {
    # A short string is compared (docs/protocol/identity.md, "Verification"). Never numbered: it is for now, and told again while it is not
    # answered.
    commitment @0 :Data;
    # 32 B, of who began: names the run in each of its steps.
    union {
      begin @1 :Void;
      answer @2 :Data;
      # 32 B, the nonce of who answers.
      reveal @3 :Data;
      # 32 B, the nonce of who began.
      end @4 :End;
    }
  }

  enum End {
    # Why the sender goes on no more. Their word, which decides nothing at the reader's.
    stopped @0;
    # Given up, or not known here: a program that died in the middle.
    different @1;
    # Their person said so.
    same @2;
  }

  struct Meeting {
    id @0 :Data;
    # 16 B: names a question and its answer; of `here` the secret of which `there` shows that it was heard.
    step @1 :MeetingStep;
    proof @2 :Data;
    # Of `isItYours`, `itIs` and `there` 32 B (docs/protocol/content.md, "Meeting again"), else empty.
  }

  enum MeetingStep {
    isItYours @0;
    # I was given a link as one to you, whom I know already.
    itIs @1;
    itIsNot @2;
    here @3;
    # Said in the session that is to end.
    there @4;
    # Said in the session that stays: whoever reads there, reads here.
  }
}
