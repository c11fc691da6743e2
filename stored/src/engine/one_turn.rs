//! A turn with one contact and nothing around it, for tests of what one flow alone does.

use ipc_schema::Timestamp;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::turn::Turn;
use crate::ids::ContactId;
use crate::store::{ContactState, Store, StoreKey};

pub(super) const ANN: ContactId = ContactId(1);
pub(super) const NOW: Timestamp = Timestamp(1_800_000_000_000);

pub(super) fn turn(folder: &tempfile::TempDir) -> Turn {
    let store = Store::open(&folder.path().join("store.db"), &StoreKey::new([7; 32])).unwrap();
    store.add_contact(ANN, "ann", ContactState::Connected, NOW).unwrap();
    let mut turn = Turn::new(store, Box::new(ChaCha20Rng::seed_from_u64(1)));
    turn.now = NOW;
    turn
}
