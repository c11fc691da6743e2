//! The key of stored's database: random, and sealed under the epoch's key, so that an older header put back, with the passphrase of
//! then, does not give it. It lies twice behind the tries, and is overwritten there with each new epoch; among the records it would not
//! do, for redb leaves there what earlier epochs' keys open.

use std::os::unix::fs::FileExt;

use rand_core::CryptoRng;

use super::disk;
use super::error::{VaultFileError, io};
use super::layout::{COPIES_BYTES, FORMAT, MAGIC};
use super::locked::of_store;
use super::sealed_store::{EPOCH, OLDER, STORE, SealedStore};
use super::state::StoreKeyAt;
use crate::codec::{Malformed, Reader};
use crate::kdf::{self, NONCE_BYTES};
use crate::memory::Secret32;
use crate::store::StoreError;

/// Where both blocks lie: behind the counts of tries, in sectors of their own.
const BLOCKS_AT: [u64; 2] = [COPIES_BYTES + 1_024, COPIES_BYTES + 2_048];
/// nonce 24 ‖ tag 16 ‖ sealed 32.
const BLOCK_BYTES: usize = 72;

impl<R: CryptoRng> SealedStore<R> {
    /// Finds the key, and puts it back where it is missing. Where it is in neither place it stays what follows from the root, which
    /// opens nothing: the history cannot be read then.
    pub(super) fn find_store_key(&mut self) -> Result<(), StoreError> {
        // Without a state there is no epoch's key either.
        let Ok(mut state) = self.state() else { return Ok(()) };
        let found = BLOCKS_AT.map(|at| self.store_key_in(at).ok());
        let is_whole = found.iter().all(Option::is_some);
        let key = match (&state.store_key, found.into_iter().flatten().next()) {
            (StoreKeyAt::Apart, Some(key)) => key,
            (StoreKeyAt::Apart, None) => return Ok(()),
            (StoreKeyAt::Here(key), _) => key.clone(),
            (StoreKeyAt::Root, _) => self.keys.copy(STORE),
        };
        self.keys.set(STORE, &key);
        let is_apart = matches!(state.store_key, StoreKeyAt::Apart);
        if self.is_read_only() || (is_apart && is_whole) {
            return Ok(());
        }
        self.write_store_key().map_err(of_store)?;
        if is_apart {
            return Ok(());
        }
        // Last: until the header says so, what it says otherwise holds.
        state.store_key = StoreKeyAt::Apart;
        self.write_state(&state).map_err(of_store)
    }

    /// Seals the key under the epoch's as it is now: to be done before a header drops the one that it is sealed under.
    pub(super) fn write_store_key(&mut self) -> Result<(), VaultFileError> {
        for at in BLOCKS_AT {
            let mut body = *self.keys.key(STORE);
            let mut nonce = [0; NONCE_BYTES];
            self.rng.fill_bytes(&mut nonce);
            let key = sealing_key(self.keys.key(EPOCH));
            let tag = kdf::seal_random(&key, &nonce, &associated(), &mut body);
            let block = [nonce.as_slice(), &tag, &body].concat();
            disk::write(&self.vault.file, &block, at).map_err(io("writing"))?;
            disk::sync(&self.vault.file).map_err(io("syncing"))?;
        }
        Ok(())
    }

    /// What a block holds, under either epoch's key.
    fn store_key_in(&self, at: u64) -> Result<Secret32, Malformed> {
        let mut block = [0; BLOCK_BYTES];
        self.vault.file.read_exact_at(&mut block, at).map_err(|_| Malformed)?;
        let places = [Some(EPOCH), self.older.map(|_| OLDER)];
        let open = |place| open(self.keys.key(place), &block).ok();
        places.into_iter().flatten().find_map(open).ok_or(Malformed)
    }
}

fn open(epoch_key: &[u8; 32], untrusted_block: &[u8; BLOCK_BYTES]) -> Result<Secret32, Malformed> {
    let mut reader = Reader::new(untrusted_block);
    let (nonce, tag) = (reader.array()?, reader.array()?);
    let mut key: Secret32 = reader.secret()?;
    kdf::open_random(&sealing_key(epoch_key), &nonce, &associated(), key.expose_mut(), &tag)
        .map_err(|_| Malformed)?;
    Ok(key)
}

fn sealing_key(epoch_key: &[u8; 32]) -> Secret32 {
    Secret32::take(&mut kdf::mac_under(epoch_key, &[b"privatus/vault/store key/v1"]))
}

fn associated() -> Vec<u8> {
    [MAGIC.as_slice(), &FORMAT.to_be_bytes(), b"store key"].concat()
}
