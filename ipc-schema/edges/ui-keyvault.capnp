@0xb168882020ea4d80;

# ui or a local program (caller) → keyvault (callee). Unlocking and what needs the passphrase anew.
# keyvault assumes nothing of the caller but that it holds the socket. The caller may assume that a passphrase is not
# kept longer than its use. Guessing is slowed by Argon2id; one attempt runs at a time. After five wrong passphrases in a row,
# on whatever call and over restarts, a next one must wait: 1, 2, 4 … 60 s; until then every call with a passphrase answers
# `wait` without trying it, and how long. The right one ends that. ui has a count and turns of its own. Connections of local
# programs share one count; who of them was told to wait holds the turn after those who waited before it, as long as it stays
# connected and comes within 10 s of its time (docs/protocol/vault-file.md, "Tries"). The duress passphrase does what it does
# on every call that takes a passphrase, and is then the right one.
# A slot call may be repeated when its answer was lost, but for `addPassphrase` and `addRecovery`: those may then have taken a
# slot, which `slots` shows and `removeSlot` frees.

interface Unlock {
  state @0 () -> (locked :Bool, vault :VaultState, screenLocked :Bool);
  # Idempotent; answers also while locked. `damaged` and not locked: what can be read is open, nothing can be changed.

  create @1 (passphrase :Data) -> (result :UnlockResult);
  # A new vault in an empty file; refused when one is there. Repeating it after a crash: `unlock` tells.

  unlock @2 (passphrase :Data) -> (verdict :Verdict);
  # Idempotent while unlocked (the passphrase is still checked). Ends a screen lock. Takes a recovery key's words too.

  lock @3 () -> ();
  # Full lock: keyvault drops all keys and exits 2; the supervisor starts a locked one. The answer may be lost.
  # Idempotent: one that holds no keys goes on as it is.

  setScripts @4 (passphrase :Data, on :Bool) -> (verdict :Verdict);
  # Whether local programs may use a desktop profile. Needs the passphrase.

  screenLock @5 () -> ();
  # The window is to show nothing until `unlock` was right: stored serves it no more than counts. Delivery goes on. Idempotent;
  # while locked it does nothing that the lock does not do.

  slots @6 (passphrase :Data) -> (slots :List(SlotKind), verdict :Verdict);
  # What each of the 8 slots is. Idempotent.

  addPassphrase @7 (passphrase :Data, new :Data, duress :Bool) -> (slot :UInt8, verdict :Verdict);
  # Into a free slot. Not idempotent: see above.

  addRecovery @8 (passphrase :Data) -> (slot :UInt8, words :Text, verdict :Verdict);
  # 24 words (BIP-39, English) that open the vault like a passphrase. Told this once. Not idempotent: see above.

  changeSlot @9 (passphrase :Data, slot :UInt8, new :Data) -> (verdict :Verdict);
  # Another passphrase in a slot in use. A recovery key is removed and added instead. Repeated after a lost answer it says
  # `taken`, or `wrongPassphrase` where it changed the slot of `passphrase`.

  removeSlot @10 (passphrase :Data, slot :UInt8) -> (verdict :Verdict);
  # Refused for the last passphrase. Repeated after a lost answer it says `noSuchSlot`.

  turn @11 () -> (wait :UInt16);
  # Whole seconds until this caller may try a passphrase; 0: now, and for 10 s nobody else may. Who must wait takes its place by
  # asking, and keeps it: asked every second or so, it never comes too late. Idempotent; shorter whenever somebody before it left.
}

struct Verdict {
  word @0 :UnlockResult;
  wait @1 :UInt16;   # whole seconds, at least 1, with `wait` alone; else 0
}

enum SlotKind { empty @0; passphrase @1; recovery @2; duress @3; }

enum VaultState { ok @0; locked @1; damaged @2; newer @3; missing @4; }

enum UnlockResult {
  ok @0;
  wrongPassphrase @1;
  damaged @2;
  newer @3;          # format of a later version
  missing @4;        # nothing to unlock: create first
  exists @5;         # create: there is one already
  tooShort @6;       # create: empty passphrase
  wait @7;           # too many wrong passphrases: nothing was tried, see above
  storage @8;        # file could not be written
  taken @9;          # the new passphrase opens a slot already
  slotsFull @10;     # all 8 are in use
  noSuchSlot @11;    # not in use, or not of a kind that this can be done with
  lastPassphrase @12; # removing it would lock everybody out
  noMemory @13;      # too little memory to try the passphrase: nothing was tried
  unassigned @14;    # the new passphrase has a character that Unicode has not assigned yet
}
