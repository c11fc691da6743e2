//! Comparing by short string (docs/protocol/identity.md, "Verification"): its three steps, and the person's word on it.

use ipc_schema::edge::stored_keyvault::{ComparisonStep, Shown};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::comparison_runs::{BothNonces, Stage};
use super::limits::MISTAKEN_MAX;
use super::record::PutRecord;
use super::records::{ComparisonRecord, ContactRecord};
use super::unlocked::Vault;
use crate::error::{Thing, VaultError};
use crate::identity::sas::{Initiator, Pair, Responder, ShortString};
use crate::ids::SessionId;
use crate::memory::Secret32;
use crate::store::{Changes, Store};

impl<S: Store> Vault<S> {
    /// Begins a run; gives the commitment for the peer. One that is under way with this contact is given up for it, and stays counted.
    ///
    /// # Errors
    /// `NoSuch(Session)`, `Store`.
    pub fn begin_comparison(
        &mut self,
        session: SessionId,
        rng: &mut impl CryptoRng,
    ) -> Result<ComparisonStep, VaultError> {
        let initiator = Initiator::begin(self.pair(session)?, rng);
        let runs = self.count_run(session)?;
        self.comparisons.put(session, Stage::Began(initiator.secret().clone()));
        Ok(ComparisonStep { told: initiator.commitment(), runs })
    }

    /// Takes the peer's commitment; gives the nonce that answers it. Idempotent by the commitment: another one is another run, and
    /// counted, unless it takes the place of an own one that nobody has answered: both began at once.
    ///
    /// # Errors
    /// `NoSuch(Session)`, `Store`.
    pub fn answer_comparison(
        &mut self,
        session: SessionId,
        untrusted_commitment: [u8; 32],
        rng: &mut impl CryptoRng,
    ) -> Result<ComparisonStep, VaultError> {
        let pair = self.pair(session)?;
        let runs = match self.comparisons.of(session) {
            Some(Stage::Answered(nonce, commitment)) if *commitment == untrusted_commitment => {
                return Ok(ComparisonStep { told: *nonce.expose(), runs: self.runs(session)? });
            }
            // The first message of the same run once more, after its end.
            Some(Stage::Shown(nonces))
                if !nonces.began && pair.commitment(&nonces.theirs) == untrusted_commitment =>
            {
                return Ok(ComparisonStep { told: *nonces.ours.expose(), runs: self.runs(session)? });
            }
            // Nothing of that one was revealed.
            Some(Stage::Began(_)) => self.runs(session)?,
            _ => self.count_run(session)?,
        };
        let responder = Responder::answer(pair, untrusted_commitment, rng);
        let told = responder.nonce();
        let ours = Secret32::take(&mut told.clone());
        self.comparisons.put(session, Stage::Answered(ours, untrusted_commitment));
        Ok(ComparisonStep { told, runs })
    }

    /// Takes the nonce that answers the own commitment; gives the own one for the peer with what to read out. Idempotent by the nonce:
    /// no other one is taken in this run.
    ///
    /// # Errors
    /// `NoSuch(Session)`; `WrongPurpose(Comparison)` if none was begun or another nonce was taken; `Store`.
    pub fn reveal_comparison(
        &mut self,
        session: SessionId,
        untrusted_nonce: [u8; 32],
    ) -> Result<Shown, VaultError> {
        let pair = self.pair(session)?;
        let ours = match self.comparisons.of(session) {
            Some(Stage::Began(nonce)) => Initiator::resume(pair, nonce.clone()).reveal(&untrusted_nonce).0,
            Some(Stage::Shown(nonces)) if nonces.began && nonces.theirs == untrusted_nonce => {
                *nonces.ours.expose()
            }
            _ => return Err(VaultError::WrongPurpose(Thing::Comparison)),
        };
        self.show(session, BothNonces::of(true, ours, untrusted_nonce))
    }

    /// Takes what the peer reveals; gives what to read out. Idempotent by the nonce.
    ///
    /// # Errors
    /// `NotCommittedTo`: the run is over; `NoSuch(Session)`; `WrongPurpose(Comparison)` if none was answered or another nonce was taken;
    /// `Store`.
    pub fn check_comparison(
        &mut self,
        session: SessionId,
        untrusted_nonce: [u8; 32],
    ) -> Result<Shown, VaultError> {
        let pair = self.pair(session)?;
        let ours = match self.comparisons.of(session) {
            Some(Stage::Answered(nonce, commitment)) => {
                let responder = Responder::resume(pair, nonce.clone(), *commitment);
                let ours = responder.nonce();
                if responder.check(&untrusted_nonce).is_err() {
                    self.comparisons.put(session, Stage::Cheated);
                    return Err(VaultError::NotCommittedTo);
                }
                ours
            }
            Some(Stage::Shown(nonces)) if !nonces.began && nonces.theirs == untrusted_nonce => {
                *nonces.ours.expose()
            }
            Some(Stage::Cheated) => return Err(VaultError::NotCommittedTo),
            _ => return Err(VaultError::WrongPurpose(Thing::Comparison)),
        };
        self.show(session, BothNonces::of(false, ours, untrusted_nonce))
    }

    /// The person said that the other side reads out this string, its digits or its words. If it is the one that was shown here the
    /// contact is verified, and the run is over.
    ///
    /// # Errors
    /// `NoSuch(Session)`; `WrongPurpose(Comparison)`: none is shown, or too many others were told; `Mistaken`; `Store`.
    pub fn verify_string(&mut self, session: SessionId, told: &str) -> Result<(), VaultError> {
        let pair = self.pair(session)?;
        let Some(Stage::Shown(nonces)) = self.comparisons.of_mut(session) else {
            return Err(VaultError::WrongPurpose(Thing::Comparison));
        };
        if !is_told(&nonces.string(&pair), told) {
            nonces.mistaken = nonces.mistaken.saturating_add(1);
            if nonces.mistaken >= MISTAKEN_MAX {
                self.comparisons.drop(session);
            }
            return Err(VaultError::Mistaken);
        }
        self.keep_verified(session, true)?;
        self.comparisons.drop(session);
        Ok(())
    }

    /// A repeated step changes nothing: by how many strings the user was mistaken stays counted.
    fn show(&mut self, session: SessionId, nonces: BothNonces) -> Result<Shown, VaultError> {
        let ShortString { digits, words } = nonces.string(&self.pair(session)?);
        let shown = Shown { nonce: *nonces.ours.expose(), digits, words, runs: self.runs(session)? };
        if !matches!(self.comparisons.of(session), Some(Stage::Shown(_))) {
            self.comparisons.put(session, Stage::Shown(nonces));
        }
        Ok(shown)
    }

    fn pair(&self, session: SessionId) -> Result<Pair, VaultError> {
        let contact: ContactRecord = self.require(&session.key(), Thing::Session)?;
        Ok(Pair::of(contact.own.public().id(), contact.peer.id()))
    }

    fn runs(&self, session: SessionId) -> Result<u32, VaultError> {
        Ok(self.load::<ComparisonRecord>(&session.key())?.map_or(0, |record| record.runs))
    }

    /// One more since the contact was last verified; kept, so that nothing makes a second try a first one.
    fn count_run(&mut self, session: SessionId) -> Result<u32, VaultError> {
        let runs = self.runs(session)?.saturating_add(1);
        let mut changes = Changes::default();
        changes.put_record(&session.key(), &ComparisonRecord { runs })?;
        self.store.commit(&changes)?;
        Ok(runs)
    }
}

impl BothNonces {
    fn of(began: bool, mut ours: [u8; 32], theirs: [u8; 32]) -> Self {
        Self { began, ours: Secret32::take(&mut ours), theirs, mistaken: 0 }
    }

    fn string(&self, pair: &Pair) -> ShortString {
        let (first, second) =
            if self.began { (self.ours.expose(), &self.theirs) } else { (&self.theirs, self.ours.expose()) };
        pair.string(first, second)
    }
}

/// Whether these are the string's digits or its words, however they were grouped.
fn is_told(string: &ShortString, told: &str) -> bool {
    let bare = |text: &str| -> String {
        text.chars().filter(|c| !c.is_whitespace() && *c != '-').flat_map(char::to_lowercase).collect()
    };
    let told = bare(told);
    let is = |ours: &str| -> bool { bare(ours).as_bytes().ct_eq(told.as_bytes()).into() };
    is(&string.digits) | is(&string.words.concat())
}
