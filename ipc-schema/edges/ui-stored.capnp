@0x945bd5ed6b6d6b99;

# ui or a local program (caller) → stored (callee): conversations, change-streamed.
# The caller acts as the user: it may read all that is shown and say anything to contacts, and nothing else. stored assumes it may be
# taken over. A view is asked for once and then follows by changes; after either side's restart the caller asks again.
# While locked, and on a desktop profile for local programs until *scripts* are on, every method but `counts` and `state` answers `locked` or `scriptsOff`.

interface Messenger {
  state @0 () -> (access :Access, profileName :Text);
  counts @1 () -> (counts :Counts);

  invite @2 (name :Text) -> (result :InviteResult);
  # Answers once the relay holds the invite (60 s), or with an error. Names are the user's own, unique, ≤ nameMaxBytes. The name of somebody
  # to whom nothing can be delivered any more: who answers takes their place, with another contact id; until then the name has a number.
  invites @3 () -> (invites :List(Invite), error :Refusal);
  cancelInvite @4 (id :Text) -> (error :Refusal);
  accept @5 (link :Text, name :Text) -> (result :AcceptResult);
  # Answers once the reply lies at a relay. Idempotent by link, letter for letter: ui takes it out of what was pasted around it. `name` as in
  # `invite`. The name of somebody whom the user has invited: who made the link takes their place. Of one who is connected, or whose link
  # is being accepted: their program is asked whether this one is theirs as well, and closes it then; the same contact is answered. Until
  # they said, `waiting`; if it is not, `linkNotTheirs`, and nothing is changed.

  contacts @6 () -> (contacts :List(Contact), error :Refusal);
  contact @7 (who :Text, action :ContactAction) -> (contact :Contact, error :Refusal);
  # An empty `who`: what holds for those that have no `receipts`, `typing`, `retention` or `files` of their own. Only these can be set
  # then, and nothing else of the contact that is told means anything.

  send @8 (who :Text, id :Text, text :Text, replyTo :Text) -> (result :SendResult);
  # Durable in the outbox when it answers. An empty id: stored chooses. The same id again answers the first result.
  settled @9 (id :Text, want :Delivery, timeoutMs :UInt32) -> (state :Delivery, error :Refusal);
  # Answers when the state is reached, or failed or expired, or with the present state when the time is over.
  messages @10 (who :Text, limit :UInt32, before :Text, sink :MessageSink, after :Text, around :Text, at :UInt64) -> (error :Refusal);
  # Oldest first, streamed; answers when all were handed over. Of the four that say which at most one, else `conflict`.
  # `before`, `after`: those next to that message. `around`: half before it; it and half after it. `at`: the same around the text that by its
  # sender's clock was written first at or after so many ms since 1970; 1: from the very first. None of them, or nothing so late: the last.

  watch @11 (watcher :Watcher, since :UInt64) -> (seq :UInt64, error :Refusal);
  # Events after `since` (all ones: from now on), then as they come. At least once. A watcher that takes nothing keeps nobody else waiting.
  # Four a connection: where a fifth is asked for the oldest is let go.

  setProfileName @12 (name :Text) -> (error :Refusal);
  markRead @13 (who :Text, upTo :Text) -> (error :Refusal);
  safetyNumber @14 (who :Text) -> (digits :Text, words :List(Text), verified :Bool, error :Refusal, code :Text);
  # `code`: the text of the picture code that the contact scans.
  picture @15 (maxSide :UInt16) -> (job :PictureUpload, error :Refusal);
  # Decodes an untrusted picture in a disposable mediad.
  compareCode @16 (who :Text, code :Text) -> (told :Comparison, error :Refusal);
  # `code`: what was scanned from the contact's screen, untrusted; over linkMaxChars it is none. A match verifies the contact. Idempotent.

  edit @17 (id :Text, text :Text) -> (result :SendResult);
  # Other words for an own text, ≤ editMaxBytes, here and over there; no earlier ones are kept. Durable in the outbox when it answers.
  # Idempotent: the words that it has already change nothing.
  delete @18 (id :Text, both :Bool) -> (error :Refusal);
  # The words are gone here when it answers. `both`: an own text is gone over there as well once they have heard of it, and stays here as
  # `deleted`; without it the row is gone here alone. A text that never left is gone altogether either way. Idempotent.
  react @19 (id :Text, emoji :Text) -> (result :SendResult);
  # One reaction a person a text: another one takes its place, empty takes it back. Idempotent.
  draft @20 (who :Text, set :Bool, text :Text) -> (text :Text, error :Refusal);
  # What was begun to be written to somebody and not sent, ≤ textMaxBytes; empty: nothing. With `set`, `text` takes its place first. It outlives
  # locks and restarts, and nothing clears it but an empty one: whoever sends it does. A call of its own, for `contacts` is asked often. Idempotent.
  search @21 (text :Text, who :Text, limit :UInt32, before :Text, sink :MatchSink) -> (error :Refusal, next :Text);
  # The texts that hold all words of `text`, the newest first, streamed, of one conversation or, where `who` is empty, of all; answers when
  # they were handed over. At most `limit`: 0 is 50, and above searchResultsMax it is that. `before`: only those that came in or were written
  # here before that message; empty: all. Changes nothing; after stored's death the caller asks again.
  # What each call looks at is bounded. Where something is left `next` is the message to go on before, whether or not it is a match of
  # this search; empty: nothing older is left.
  # Words, not operators: nothing that is typed has a meaning but quotation marks, between which words stand side by side as they are
  # written. The last word may be the beginning of one, from two characters on, unless it is in quotation marks that were closed. Case
  # and accents do not count. A word in a script that is written without spaces (and Hangul, the scripts of India, pictures) is found
  # inside others too. No letter, no number, no picture: no match. Over searchMaxBytes or searchWordsMax: `tooLong`.
  info @22 (id :Text) -> (info :Info, error :Refusal);
  # How far a message is, and when it came there.
  retry @23 (id :Text) -> (result :SendResult);
  # An own text that failed or expired is tried once more under the same name on the wire, so that nobody has it twice. Any other is told
  # as it is, and so is one that still cannot be delivered. Idempotent.
  cancel @24 (id :Text) -> (error :Refusal);
  # Takes an own text back that keyvault was not asked to seal yet: gone here, and it was nowhere else. After that: `underWay`.
  forward @25 (id :Text, who :Text, newId :Text) -> (result :SendResult);
  # A new text of the user's with the body of a message; nothing on the wire says that it is another's, or where it stood. An empty
  # newId: stored chooses. The same newId again answers the first result.
  typing @26 (who :Text, on :Bool) -> (error :Refusal);
  # The user writes to somebody, or does no more; to be said again while they write, and told on only where `typing` is on. Nothing is
  # kept of it, and it may be lost without harm. A text that is sent ends it by itself.
  introduce @27 (who :Text, other :Text) -> (error :Refusal);
  # Asks two connected contacts whether they want to meet each other; each is told what the other calls themselves, or else what the user
  # calls them. Durable in the outbox when it answers. While one of these two is under way another is `alreadyOpen`; it ends after 7 days.
  answerIntroduction @28 (id :Text, yes :Bool, name :Text) -> (error :Refusal);
  # `id`: of a message whose note is `introduction`. `name`: what I call them; empty: as told, with a number where somebody has that name.
  # A no is told to nobody. Idempotent.
  compareShort @29 (who :Text, action :ShortAction, waitMs :UInt32) -> (comparison :ShortComparison, error :Refusal);
  # A short string that both see and read to each other, in place of the 60 digits (docs/protocol/identity.md, "Verification"). One at a time
  # with each contact. Both users have to `join`; whoever does first asks the other, whose Contact.comparing is `asked` then. Answers how it
  # is after the action, or where it is `waiting` once that has changed, at the latest after `waitMs`. Each change of state is a contact event.
  # Kept nowhere: a restart of keyvault or stored, on either side, ends it. Each action is idempotent.

  upload @30 (name :Text, size :UInt64, keepMetadata :Bool) -> (job :FileUpload, error :Refusal);
  # Takes in a file that is to be sent: the program that the person started reads it and hands its bytes over, for no part of the suite opens
  # a path or holds a stranger's descriptor. It is kept from then on, sealed, so that the source may change or vanish. `name`: made into one
  # that can be shown (docs/protocol/file.md, "Names"). Unless `keepMetadata` a picture is written anew without what stands beside its pixels.
  # At most uploadsMax at once: `tooMany`. Over fileMaxBytes: `tooLarge`.
  sendFiles @31 (who :Text, id :Text, files :List(Text), caption :Text, replyTo :Text, withMetadata :Bool) -> (result :SendResult);
  # One message with 1 to filesMax files that were taken in, in this order, and the caption, if any, as its words. It goes as a text does;
  # nothing of a file travels before the contact wants it. `id` and its repeating as in `send`. `withMetadata`: the user knows of `carries`;
  # without it a file of that kind is `carriesMetadata`, and nothing is sent. A file is taken by the first message that names it.
  files @32 (who :Text, limit :UInt32, before :Text, sink :FileSink) -> (error :Refusal);
  # Files of one conversation or, where `who` is empty, of all, the newest first, streamed; answers when they were handed over. `limit`: 0 is
  # 50, and above filesToldMax it is that. `before`: older ones than this file; empty: from the newest on.
  file @33 (id :Text, action :FileAction) -> (file :File, error :Refusal);
  # Does something about a file, and tells how it is then. What its state does not allow is `notNow`. Idempotent.
  download @34 (id :Text) -> (job :FileDownload, error :Refusal);
  # Hands out what is here whole: one that came, or an own one. `notHere`: it is not, or not any more.
}

interface FileUpload {
  bytes @0 (chunk :Data) -> stream;       # in order, ≤ uploadChunkMaxBytes each
  finish @1 () -> (file :Text, size :UInt64, carries :Bool, error :Refusal);
  # All bytes were handed over. `file`: for `sendFiles`, within an hour. `size`: as it is now. `carries`: it may say where and with what it was
  # made, and that stays in: a picture that cannot be written anew, a film, a PDF. Fewer or more bytes than were said: `sizeDiffers`, the file
  # changed while it was read. Dropped before this answers: nothing is kept.
}

interface FileDownload {
  next @0 () -> (chunk :Data, last :Bool, error :Refusal);
  # The next bytes, in order, ≤ uploadChunkMaxBytes, each verified as it is read. What is damaged is `fileDamaged`: what came before it is
  # to be thrown away, and only its sender can give it once more.
}

interface FileSink { file @0 (file :File) -> stream; }

enum FileAction {
  look @0;              # nothing: it is told
  accept @1;            # one that they offer is to come
  refuse @2;            # or not: they are told. Also of one that is on its way
  pause @3;             # it rests until `resume`; what the other side pauses only they resume
  resume @4;
  cancel @5;            # no more of it: what came is removed, they are told. Of an own one what is kept here stays for `download`
  retry @6;             # goes on after `failed`, or looks at once whether it can
}

enum FileKind { file @0; picture @1; voice @2; }

enum FileState {
  offered @0;           # nobody has said yes yet: the user where they offer it, they where the user does
  waiting @1;           # both want it, and nothing moves: `reason`
  going @2;
  paused @3;            # `reason` says by whom, or why
  saved @4;             # all of it is where it was to go: here, or with them
  refused @5;           # whom it was offered does not want it
  cancelled @6;         # whoever offered it, or had said yes, wants no more of it
  expired @7;           # the message was never delivered
  failed @8;            # it goes on after `retry`, if at all: `reason`
}

enum FileReason {
  none @0;
  user @1;              # the user wants it so
  them @2;              # they do
  diskFull @3;          # no room here; goes on by itself when there is
  relaysFull @4;        # what lies at their relays is to be fetched by them first
  away @5;              # nothing was heard of them since
  network @6;           # no circuit to their relays, or ours
  damaged @7;           # what is kept of it here is not what was written
  notOffered @8;        # what they send is not what they offered
  spent @9;             # it was sent many times over, and they miss it still
}

struct File {
  id @0 :Text;
  message @1 :Text;     # id of the message that it is of
  contact @2 :Text;
  mine @3 :Bool;        # the user offers it
  name @4 :Text;        # made of theirs unless `mine`, ≤ fileNameMaxBytes
  kind @5 :FileKind;    # the sender's word
  size @6 :UInt64;      # bytes
  state @7 :FileState;
  reason @8 :FileReason;
  done @9 :UInt64;      # bytes that are where they were to go
  rate @10 :UInt64;     # bytes a second, over the last half minute; 0: it stands still or has just begun
  leftS @11 :UInt64;    # seconds at that rate; all ones: nobody knows
  at @12 :UInt64;       # when it was offered, ms since 1970
}

struct ShortAction {
  union {
    look @0 :Void;
    join @1 :Void;        # begins one, or goes on with the one that they began; nothing where one is under way
    same @2 :Text;        # the user says that the contact reads out this: the digits or the words, in any grouping. Only if it is what is shown here
                          # the contact is verified (and what was held goes on); else otherString, and with the third the string is gone
    differ @3 :Void;      # the user says that they read out another one
    stop @4 :Void;        # gives it up, or does not take up what they began
  }
}

enum ShortState {
  none @0;              # nothing since the last start
  asked @1;             # they began: to `join`, or to `stop`
  waiting @2;           # the user joined: for them to join, or for their program
  shown @3;             # the string is there
  over @4;              # `end` says why
}

enum ShortEnd {
  none @0;
  same @1;              # the user said so, and the contact is verified
  different @2;         # the user said so
  stopped @3;           # the user gave it up
  theyStopped @4;       # they did, or their program knows nothing of it (any more)
  timedOut @5;          # nothing came in time
  cheated @6;           # their program revealed what it had not promised: somebody sits between, or it is no honest one
  failed @7;            # keyvault could not do its part
}

struct ShortComparison {
  state @0 :ShortState;
  end @1 :ShortEnd;
  digits @2 :Text;      # 8 in 2 groups; these two where `shown`, else empty
  words @3 :List(Text); # 2
  runs @4 :UInt32;      # begun or answered here since the contact was last verified, with this one: each is one guess of somebody in between,
                        # and where they are many somebody may be trying. 0: not known yet
  endsAt @5 :UInt64;    # ms since 1970: given up then; 0 where nothing is under way
  theirs @6 :ShortEnd;  # what their program says of its user: different, theyStopped, and same, which is told only after the user said so too.
                        # Their word, and no reason to say anything here
}

enum Comparison { match @0; otherPerson @1; notACode @2; newerVersion @3; }

interface PictureUpload {
  bytes @0 (chunk :Data) -> stream;
  finish @1 () -> (width :UInt16, height :UInt16, rgb :Data, error :Refusal);
}

interface MessageSink { message @0 (message :Message) -> stream; }

interface MatchSink { found @0 (match :SearchMatch) -> stream; }

interface Watcher { event @0 (event :Event) -> stream; }

enum Access { open @0; locked @1; scriptsOff @2; }

enum Refusal {
  none @0;
  locked @1;
  scriptsOff @2;
  noSuchContact @3;
  nameTaken @4;
  nameBad @5;
  noSuchMessage @6;
  tooLong @7;
  badId @8;
  network @9;           # not in time: no relay reachable
  linkMalformed @10;
  linkTruncated @11;
  linkAltered @12;
  linkExpired @13;
  linkNewer @14;
  linkOwn @15;
  linkUsed @16;         # someone else opened it, or it was cancelled
  rateLimited @17;
  blocked @18;
  notBuilt @19;
  storage @20;          # disk full; nothing was lost
  conflict @21;         # that id exists with other words
  picture @22;          # not a picture, damaged or too large
  inviteAccepted @23;   # whom it invited is a contact: there is nothing to take back
  noSuchInvite @24;
  waiting @25;          # accepted, goes on by itself
  numberChanged @26;    # the safety number that was compared is not the contact's, or no longer
  nothingWaits @27;     # to `resume`: what is written to the contact goes by itself
  historyLost @28;      # these as in History
  historyDamaged @29;
  historyNewer @30;
  readOnly @31;
  noMemory @32;
  diskFails @33;
  historyInUse @34;
  notYours @35;         # only who wrote a text changes it, or deletes it for both
  badEmoji @36;         # over emojiMaxBytes, or with what cannot be seen
  noteTooLong @37;      # over noteMaxBytes
  notForSelf @38;       # the notes to oneself: nobody is there to be blocked, deleted, compared or invited
  underWay @39;         # the text was sealed, and may be at a relay: it cannot be taken back
  alreadyOpen @40;      # these two were asked whether they want to meet, and have not both answered
  noIntroduction @41;   # there is none of that id, or it is over
  noComparison @42;     # no short string is shown
  otherString @43;      # the short string that is shown is another one
  linkNotTheirs @44;    # the contact under whose name it was given says that it is not theirs, or not open any more
  noSuchFile @45;
  tooLarge @46;         # over fileMaxBytes, or fewer than 1 or more than filesMax files
  sizeDiffers @47;      # the file changed while it was read
  tooMany @48;          # uploads at once
  carriesMetadata @49;  # place or camera may stand in it, and the user has to say that they stay
  notNow @50;           # the file's state does not allow it
  notHere @51;          # not all of the file is here
  fileDamaged @52;      # what is kept of it is not what was written
  secondOpener @53;     # who opened an invitation second is not taken in: only an invitation of their own says who they are
}

struct Counts {
  outbox @0 :UInt32;    # texts that no relay holds yet
  atRelay @1 :UInt32;   # texts at a relay, not yet acked by the peer
  mailboxes @2 :UInt32; # own receive queues
  full @3 :UInt32;      # peer queues that are full
  unread @4 :UInt32;
  proofAgeMs @5 :UInt64; # age of the last sign of life from a relay or peer, all ones: none since the network was lost
  stage @6 :Text;       # of the network, as in `status`; empty: not known here
  clockKnown @7 :Bool;  # these three as in stored-onion.capnp
  clockOffsetS @8 :Int64;
  clockRelays @9 :UInt32;
  history @10 :History;
}

# How `store.db` is. What cannot be done then is answered with the same word; what can still be read is answered.
enum History {
  locked @0;            # not before the passphrase
  ok @1;
  lost @2;              # store.db is missing or empty, and was there before. Nothing is answered
  damaged @3;           # bytes of it are not what was written. What can be read is; nothing is changed
  newer @4;             # a later version wrote it. Nothing is answered
  readOnly @5;          # the disk cannot be written. What is there is read
  full @6;              # the disk is full. What is there is read; goes on by itself
  fails @7;             # the disk gives errors; tried again by itself
  noMemory @8;          # tried again by itself
  inUse @9;             # another process holds it; tried again by itself
}

struct InviteResult {
  union {
    invite @0 :Invite;
    error @1 :Refusal;
  }
}

struct Invite {
  id @0 :Text;
  link @1 :Text;
  name @2 :Text;
  expires @3 :UInt64;
  state @4 :InviteState;
  contact @5 :Text;         # whom it invites: a name may change, or be another's by now
  enum InviteState { placing @0; waiting @1; accepted @2; openedTwice @3; expired @4; cancelled @5; }
}

struct AcceptResult {
  union {
    contact @0 :Contact;
    error @1 :Refusal;
  }
}

struct Contact {
  id @0 :Text;
  name @1 :Text;
  state @2 :ContactState;
  verified @3 :Bool;
  route @4 :Text;       # "onion"; empty for notes to oneself
  unread @5 :UInt32;    # a conversation that was marked unread counts as 1 where nothing in it is
  lastAt @6 :UInt64;
  theirName @7 :Text;   # what they call themselves; untrusted
  lastText @8 :Text;    # untrusted, cut at 120 characters
  notice @9 :Notice;
  held @10 :Bool;       # what is written to them waits for `resume`: a copy of their device may be what reads it
  pinned @11 :Bool;     # stands before all that are not
  mutedUntil @12 :UInt64; # ms since 1970; 0: not muted, all ones: for ever. One that lies over 366 d ahead is over: a clock was wrong
  note @13 :Text;       # the user's own, ≤ noteMaxBytes
  hasDraft @14 :Bool;   # as `draft` tells it
  firstUnread @15 :Text; # id of the oldest text of theirs that was not read; empty: none
  receipts @16 :Bool;   # they are told when the user has read what they wrote
  typing @17 :Bool;     # they see that the user is writing
  isTyping @18 :Bool;   # they are writing now, as they say
  timerS @19 :UInt32;   # texts written from now on disappear after so many seconds; 0: never
  comparing @20 :ShortState; # as `compareShort` tells it
  retentionS @21 :UInt32; # what was said with them is deleted on this computer, and on no other, once it is so many seconds old; 0: never
  files @22 :UInt64;    # files that they offer come by themselves up to so many bytes; 0: none
}

enum Notice {
  none @0;
  repairing @1;         # the session broke and is being opened anew: nothing is lost, and nothing to do
  inviteAgain @2;       # it cannot be: the two have to meet again
}

enum ContactState {
  invited @0;
  pending @1;
  connected @2;
  blocked @3;
  oneself @4;           # notes to oneself: texts are *delivered* at once and go nowhere. Found as `self` where nobody has that name, and made
                        # when something is first to be kept there
}

struct ContactAction {
  union {
    show @0 :Void;
    rename @1 :Text;
    block @2 :Bool;
    delete @3 :Void;
    accept @4 :Void;      # always `secondOpener`
    decline @5 :Void;     # the user has seen that their invitation was opened twice
    verify @6 :Text;      # the digits of the safety number that was compared; empty: taken back. Compared: also `resume`
    resume @7 :Void;      # what is held goes on
    pin @8 :Bool;
    mute @9 :UInt64;      # until, ms since 1970; 0: no longer, all ones: for ever. At most 366 d: a later end is taken for that
    note @10 :Text;       # takes the place of the one there is; empty: none
    unread @11 :Void;     # the conversation counts as unread until anything of it is marked read
    receipts @12 :Bool;   # these two as in Contact. A contact that was given one keeps it, whatever holds for the others
    typing @13 :Bool;
    timer @14 :UInt32;    # texts that either of the two writes from now on disappear after so many seconds; 0: never. At most 366 d: a
                          # longer time is taken for that. The contact hears of it. Idempotent
    retention @15 :UInt32; # as in Contact; at most 3640 d, a longer time is taken for that. A contact that was given one keeps it, and notes to
                          # oneself have none but their own. Nobody hears of it. What is older goes soon after, a few texts at a time
    files @16 :UInt64;    # as in Contact. What is set for all holds for those whose safety number was compared, and a contact's own in any case
  }
}

struct SendResult {
  union {
    message @0 :Message;
    error @1 :Refusal;
  }
}

enum Delivery { queued @0; relayed @1; delivered @2; read @3; failed @4; expired @5; }

struct Message {
  id @0 :Text;
  contact @1 :Text;
  mine @2 :Bool;
  sentAt @3 :UInt64;
  receivedAt @4 :UInt64;  # 0: not (for own texts)
  body @5 :Text;
  state @6 :Delivery;
  replyTo @7 :Text;
  edited @8 :Bool;
  route @9 :List(Data);   # relay ids of the path that carried it, newest try; own texts only
  note @10 :Note;
  gap @11 :Bool;          # what the sender said just before is missing
  held @13 :Bool;         # queued, and leaves only after `resume`
  position @12 :Int64;    # rises along the conversation; of a text that comes late it lies between others
  reactions @14 :List(Reaction); # one of each of the two at most
  deleted @15 :Bool;      # for both, by who wrote it: the body is empty
  reason @16 :Reason;     # why it does not go on
  expiresAt @17 :UInt64;  # relayed: it is given up then, unless it is acked before; else 0
  disappearsAt @18 :UInt64; # it is gone here then, ms since 1970; of a text of theirs that was not read at the latest. 0: not, or not before it
                          # is at a relay
  timerS @19 :UInt32;     # a timerChanged line: what it was set to. A text: how long it lives, s; 0: for ever
  introduces @20 :Text;   # of a note that is about somebody else: their name, as it was told; untrusted
  files @21 :List(File);  # the message's, in their order
}

struct Reaction {
  mine @0 :Bool;
  emoji @1 :Text;         # untrusted unless `mine`
}

# Why an own text failed, or is still queued, as far as it is known here.
enum Reason {
  none @0;
  inviteAgain @1;      # failed: the session cannot be opened anew, or the invitation has expired
  queueFull @2;        # queued: all of the contact's queues are full
  gone @3;             # failed: no relay has a queue of the contact any more
}

# Of a text that was tried again the times are those of the last try. Times are ms since 1970; 0: not, or not known.
struct Info {
  id @0 :Text;
  contact @1 :Text;
  mine @2 :Bool;
  state @3 :Delivery;
  reason @4 :Reason;
  queuedAt @5 :UInt64;
  relayedAt @6 :UInt64;    # every part of it was at a relay
  expiresAt @7 :UInt64;    # as in Message
  deliveredAt @8 :UInt64;
  readAt @9 :UInt64;
  failedAt @10 :UInt64;    # or expired
  receivedAt @11 :UInt64;  # of what they wrote
  sentAt @12 :UInt64;      # by the sender's clock
  route @13 :List(Data);   # as in Message
  parts @14 :UInt16;       # 0: not an own text
  partsRelayed @15 :UInt16; # at a relay, or acked
}

enum Note {
  none @0;             # a text
  olderCopyHere @1;    # told by the program: an older copy of this profile was used
  olderCopyThere @2;   # the same, of the contact's
  reopened @3;         # the session was opened anew
  reopenedAgain @4;    # it was again, within a day
  textsWait @5;        # what is written to the contact waits for `resume`
  timerChanged @6;     # one of the two set how long texts live: the user if `mine`
  introduction @7;     # they want the user to meet `introduces`: to `answerIntroduction`
  introduced @8;       # nothing is to be done: the user said yes, or introduces the two, or got to know the contact by `introduces`
  introductionOver @9; # nothing came of it
  newer @10;            # they sent what only a later version can show, which is kept for it
  stringsDiffer @11;    # a short string was compared and was another one over there, or not made as promised: somebody may sit between
  onePerson @12;        # what came of a link that the user gave under their name, or they of the user's
}

struct Event {
  seq @0 :UInt64;
  at @1 :UInt64;
  union {
    message @2 :Message;
    delivery :group { id @3 :Text; contact @4 :Text; state @5 :Delivery; }
    contact @6 :Contact;
    network @7 :Text;      # stage, as in `status`
    gone :group { id @8 :Text; contact @9 :Text; } # a message that is not there any more
    typing :group { who @10 :Text; on @11 :Bool; } # a contact writes, or does no more. Kept nowhere: told to whoever watches then, with
                           # the number of the event before it
    file @12 :File;        # stands otherwise; how far it came meanwhile is told to whoever asks
  }
}

struct SearchMatch {
  id @0 :Text;
  contact @1 :Text;
  mine @2 :Bool;
  sentAt @3 :UInt64;
  body @4 :Text;        # whole; untrusted unless mine
  context @5 :Text;     # the part of the body around what was found first in it, ≤ contextMaxChars; its beginning where that stands too far in
  hits @6 :List(Span);  # where in `context` what was looked for stands, in order, apart from each other: told beside the text, which could forge
                        # any mark in it. Whole characters; ≤ hitsMax
}

struct Span { from @0 :UInt16; to @1 :UInt16; }   # bytes of UTF-8: the first, and the first that is not of it
