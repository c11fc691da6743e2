//! Comparing who somebody is: the verified state, the code for a camera, and the short authentication string.

use rand_core::CryptoRng;

use super::record::{PutRecord, Record};
use super::records::ContactRecord;
use super::unlocked::Vault;
use crate::codec::{Malformed, Reader, Writer};
use crate::error::{Thing, VaultError};
use crate::identity::sas::{Initiator, Pair, Responder, ShortString};
use crate::identity::{self, Comparison};
use crate::ids::SessionId;
use crate::memory::Secret32;
use crate::store::{Changes, Store, Table};

/// How far a comparison by short string is.
enum Stage {
    /// The own nonce.
    Began(Secret32),
    /// The own nonce, and the peer's commitment.
    Answered(Secret32, [u8; 32]),
    /// Both nonces are known; repeating the last step gives the same.
    Shown { began: bool, ours: Secret32, theirs: [u8; 32] },
    /// The peer revealed what it had not committed to.
    Cheated,
}

/// The newest comparison of one contact.
pub(super) struct ComparisonRecord {
    /// Runs since the contact was last verified, this one included.
    runs: u32,
    stage: Stage,
}

impl Record for ComparisonRecord {
    const TABLE: Table = Table::Comparison;

    fn write(&self, writer: &mut Writer) -> Result<(), Malformed> {
        writer.u32(self.runs);
        match &self.stage {
            Stage::Began(nonce) => writer.u8(1).put(nonce.expose()),
            Stage::Answered(nonce, commitment) => writer.u8(2).put(nonce.expose()).put(commitment),
            Stage::Shown { began, ours, theirs } => writer.u8(3).flag(*began).put(ours.expose()).put(theirs),
            Stage::Cheated => writer.u8(4),
        };
        Ok(())
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let runs = reader.u32()?;
        let stage = match reader.u8()? {
            1 => Stage::Began(reader.secret()?),
            2 => Stage::Answered(reader.secret()?, reader.array()?),
            3 => Stage::Shown { began: reader.flag()?, ours: reader.secret()?, theirs: reader.array()? },
            4 => Stage::Cheated,
            _ => return Err(Malformed),
        };
        Ok(Self { runs, stage })
    }
}

/// A short string with how many runs there were: a second try is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What the two read to each other.
    pub string: ShortString,
    /// 1: the first since the contact was last verified.
    pub runs: u32,
}

impl<S: Store> Vault<S> {
    /// Keeps that the user compared the safety number with these digits, or takes it back (`None`). Idempotent.
    ///
    /// # Errors
    /// `NoSuch(Session)`; `NumberChanged`: the digits that were seen are not the contact's, or no longer; `Store`.
    pub fn set_verified(&mut self, session: SessionId, digits: Option<&str>) -> Result<(), VaultError> {
        if let Some(digits) = digits
            && digits != self.safety_number(session)?.digits
        {
            return Err(VaultError::NumberChanged);
        }
        self.keep_verified(session, digits.is_some())
    }

    fn keep_verified(&mut self, session: SessionId, verified: bool) -> Result<(), VaultError> {
        let mut contact: ContactRecord = self.require(&session.key(), Thing::Session)?;
        let mut changes = Changes::default();
        if contact.verified != verified {
            contact.verified = verified;
            changes.put_record(&session.key(), &contact)?;
        }
        // Runs are counted from here on: those before it led to this.
        if verified && self.load::<ComparisonRecord>(&session.key())?.is_some() {
            changes.delete(ComparisonRecord::TABLE, &session.key());
        }
        if changes.is_empty() { Ok(()) } else { Ok(self.store.commit(&changes)?) }
    }

    /// The text of the code that this side shows to the contact.
    ///
    /// # Errors
    /// `NoSuch(Session)`, `Store`.
    pub fn verification_code(&self, session: SessionId) -> Result<String, VaultError> {
        let contact: ContactRecord = self.require(&session.key(), Thing::Session)?;
        Ok(identity::code(&contact.own.public().id(), &contact.peer.id()))
    }

    /// Compares a code that the contact showed; a match verifies the contact. Idempotent.
    ///
    /// # Errors
    /// `NoSuch(Session)`, `Store`.
    pub fn compare_code(
        &mut self,
        session: SessionId,
        untrusted_text: &str,
    ) -> Result<Comparison, VaultError> {
        let contact: ContactRecord = self.require(&session.key(), Thing::Session)?;
        let told = identity::compare(&contact.own.public().id(), &contact.peer.id(), untrusted_text);
        if told == Comparison::Match {
            self.keep_verified(session, true)?;
        }
        Ok(told)
    }

    /// Begins to compare by short string; gives the commitment for the peer. The same again while the peer has not answered. A run that
    /// the peer began and did not finish is given up for it, and stays counted.
    ///
    /// # Errors
    /// `NoSuch(Session)`, `Store`.
    pub fn begin_comparison(
        &mut self,
        session: SessionId,
        rng: &mut impl CryptoRng,
    ) -> Result<[u8; 32], VaultError> {
        let (pair, before) = self.comparison(session)?;
        let runs = before.as_ref().map_or(0, |record| record.runs);
        if let Some(Stage::Began(nonce)) = before.map(|record| record.stage) {
            return Ok(pair.commitment(nonce.expose()));
        }
        let initiator = Initiator::begin(pair, rng);
        let commitment = initiator.commitment();
        let stage = Stage::Began(initiator.secret().clone());
        self.keep_comparison(session, runs.saturating_add(1), stage)?;
        Ok(commitment)
    }

    /// Takes the peer's commitment; gives the nonce that answers it. Idempotent by the commitment: another one is another run, and
    /// counted. Where both began at once the lower commitment goes on.
    ///
    /// # Errors
    /// `NoSuch(Session)`; `WrongPurpose(Comparison)` if the own comparison goes on; `Store`.
    pub fn answer_comparison(
        &mut self,
        session: SessionId,
        untrusted_commitment: [u8; 32],
        rng: &mut impl CryptoRng,
    ) -> Result<[u8; 32], VaultError> {
        let (pair, before) = self.comparison(session)?;
        let mut runs = before.as_ref().map_or(0, |record| record.runs);
        match before.map(|record| record.stage) {
            Some(Stage::Answered(nonce, commitment)) if commitment == untrusted_commitment => {
                return Ok(*nonce.expose());
            }
            Some(Stage::Began(own)) if pair.commitment(own.expose()) <= untrusted_commitment => {
                return Err(VaultError::WrongPurpose(Thing::Comparison));
            }
            // The first message of the same run once more, after its end.
            Some(Stage::Shown { began: false, ours, theirs })
                if pair.commitment(&theirs) == untrusted_commitment =>
            {
                return Ok(*ours.expose());
            }
            // It takes the place of the own one.
            Some(Stage::Began(_)) => {}
            _ => runs = runs.saturating_add(1),
        }
        let responder = Responder::answer(pair, untrusted_commitment, rng);
        let nonce = responder.nonce();
        let stage = Stage::Answered(Secret32::take(&mut nonce.clone()), untrusted_commitment);
        self.keep_comparison(session, runs, stage)?;
        Ok(nonce)
    }

    /// Takes the nonce that answers the own commitment; gives the own one for the peer, and what to read out. Idempotent by the
    /// nonce: no other one is taken in this run.
    ///
    /// # Errors
    /// `NoSuch(Session)`; `WrongPurpose(Comparison)` if none was begun or another nonce was taken; `Store`.
    pub fn reveal_comparison(
        &mut self,
        session: SessionId,
        untrusted_nonce: [u8; 32],
    ) -> Result<([u8; 32], Shown), VaultError> {
        let (pair, before) = self.comparison(session)?;
        let record = before.ok_or(VaultError::WrongPurpose(Thing::Comparison))?;
        let ours = match record.stage {
            Stage::Began(nonce) => Initiator::resume(pair, nonce).reveal(&untrusted_nonce).0,
            Stage::Shown { began: true, ours, theirs } if theirs == untrusted_nonce => *ours.expose(),
            _ => return Err(VaultError::WrongPurpose(Thing::Comparison)),
        };
        let shown = Shown { string: pair.string(&ours, &untrusted_nonce), runs: record.runs };
        let stage =
            Stage::Shown { began: true, ours: Secret32::take(&mut ours.clone()), theirs: untrusted_nonce };
        self.keep_comparison(session, record.runs, stage)?;
        Ok((ours, shown))
    }

    /// Takes what the peer reveals; gives what to read out, or `None`: it is not what the peer had committed to, so somebody sits
    /// between or cheats. Idempotent by the nonce.
    ///
    /// # Errors
    /// `NoSuch(Session)`; `WrongPurpose(Comparison)` if none was answered or another nonce was taken; `Store`.
    pub fn check_comparison(
        &mut self,
        session: SessionId,
        untrusted_nonce: [u8; 32],
    ) -> Result<Option<Shown>, VaultError> {
        let (pair, before) = self.comparison(session)?;
        let record = before.ok_or(VaultError::WrongPurpose(Thing::Comparison))?;
        let ours = match record.stage {
            Stage::Answered(nonce, commitment) => {
                let ours = *nonce.expose();
                if Responder::resume(pair, nonce, commitment).check(&untrusted_nonce).is_err() {
                    self.keep_comparison(session, record.runs, Stage::Cheated)?;
                    return Ok(None);
                }
                ours
            }
            Stage::Shown { began: false, ours, theirs } if theirs == untrusted_nonce => *ours.expose(),
            Stage::Cheated => return Ok(None),
            _ => return Err(VaultError::WrongPurpose(Thing::Comparison)),
        };
        let shown = Shown { string: pair.string(&untrusted_nonce, &ours), runs: record.runs };
        let stage =
            Stage::Shown { began: false, ours: Secret32::take(&mut ours.clone()), theirs: untrusted_nonce };
        self.keep_comparison(session, record.runs, stage)?;
        Ok(Some(shown))
    }

    fn comparison(&self, session: SessionId) -> Result<(Pair, Option<ComparisonRecord>), VaultError> {
        let contact: ContactRecord = self.require(&session.key(), Thing::Session)?;
        let pair = Pair::of(contact.own.public().id(), contact.peer.id());
        Ok((pair, self.load(&session.key())?))
    }

    fn keep_comparison(&mut self, session: SessionId, runs: u32, stage: Stage) -> Result<(), VaultError> {
        let mut changes = Changes::default();
        changes.put_record(&session.key(), &ComparisonRecord { runs, stage })?;
        Ok(self.store.commit(&changes)?)
    }
}
