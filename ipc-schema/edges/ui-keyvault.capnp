@0xb168882020ea4d80;

# ui or a local program (caller) → keyvault (callee). Unlocking and what needs the passphrase anew.
# keyvault assumes nothing of the caller but that it holds the socket. The caller may assume that a passphrase is not
# kept longer than its use. Guessing is slowed by Argon2id; one attempt runs at a time.

interface Unlock {
  state @0 () -> (locked :Bool, vault :VaultState);
  # Idempotent; answers also while locked.

  create @1 (passphrase :Data) -> (result :UnlockResult);
  # A new vault in an empty file; refused when one is there. Repeating it after a crash: `unlock` tells.

  unlock @2 (passphrase :Data) -> (result :UnlockResult);
  # Idempotent while unlocked (the passphrase is still checked).

  lock @3 () -> ();
  # Full lock: keyvault drops all keys and exits 2; the supervisor starts a locked one. The answer may be lost.

  setScripts @4 (passphrase :Data, on :Bool) -> (result :UnlockResult);
  # Whether local programs may use a desktop profile. Needs the passphrase.
}

enum VaultState { ok @0; locked @1; damaged @2; newer @3; missing @4; }

enum UnlockResult {
  ok @0;
  wrongPassphrase @1;
  damaged @2;
  newer @3;          # format of a later version
  missing @4;        # nothing to unlock: create first
  exists @5;         # create: there is one already
  tooShort @6;       # create: empty passphrase
  busy @7;           # another attempt is running
  storage @8;        # file could not be written
}
