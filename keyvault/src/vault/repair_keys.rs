//! Keys for opening a session anew: handed to the peer, taken from it, and renewed while nothing is broken
//! (docs/protocol/pqxdh.md, "How long keys live").

use ipc_schema::Timestamp;
use rand_core::CryptoRng;

use super::limits::{REPAIR_KEPT, REPAIR_RENEWED, REPAIR_VALID};
use super::moment::Moment;
use super::read_message::ReadMessage;
use super::record::PutRecord;
use super::records::ContactRecord;
use super::repair_records::{OwnKeys, RepairMarks, RepairRecord};
use super::unlocked::Vault;
use crate::error::{Thing, VaultError};
use crate::frame::{Frame, RepairSection};
use crate::identity::Identity;
use crate::ids::SessionId;
use crate::memory::Secret32;
use crate::pqxdh::{Bundle, KeyUse, LastingKeys, Validity};
use crate::store::{Changes, Store};

impl<S: Store> Vault<S> {
    /// What a message says about repair: which bundle is kept here, and the own one where it is owed and fits.
    pub(super) fn repair_section(
        &self,
        session: SessionId,
        marks: &RepairMarks,
        frame: &Frame,
    ) -> Result<RepairSection, VaultError> {
        let untrusted_bundle = if !marks.acknowledged && frame.has_room_for_bundle() {
            self.require::<RepairRecord>(&session.key(), Thing::Session)?.given
        } else {
            Vec::new()
        };
        Ok(RepairSection { acknowledged: marks.theirs, unopened: false, untrusted_bundle })
    }

    /// Takes what the peer says about repair, and renews the own keys once a week while the peer keeps up.
    pub(super) fn take_repair(
        &self,
        read: &mut ReadMessage,
        changes: &mut Changes,
        moment: &mut Moment<'_, impl CryptoRng>,
    ) -> Result<(), VaultError> {
        let (session, marks, section) = (read.session, &mut read.record.marks, &read.frame.repair);
        let acknowledges = !marks.acknowledged && section.acknowledged == marks.ours;
        let brings = bundle_id(&section.untrusted_bundle).is_some_and(|id| id != marks.theirs);
        let renews =
            (marks.acknowledged || acknowledges) && marks.renew_at.is_due(moment.now, REPAIR_RENEWED);
        if !acknowledges && !brings && !renews {
            return Ok(());
        }
        let contact: ContactRecord = self.require(&session.key(), Thing::Session)?;
        let mut repair: RepairRecord = self.require(&session.key(), Thing::Session)?;
        if acknowledges {
            marks.acknowledged = true;
            repair.newest_is_known(moment.now);
        }
        if brings {
            repair.take_bundle(&contact, marks, &section.untrusted_bundle, moment.now);
        }
        if renews {
            repair.renew(&contact.own, marks, moment);
        }
        changes.put_record(&session.key(), &repair)
    }
}

impl RepairRecord {
    /// What a new session is repaired with one day: `secret` is the agreement's output for that.
    pub(super) fn begin(
        secret: Secret32,
        own: &Identity,
        moment: &mut Moment<'_, impl CryptoRng>,
    ) -> (Self, RepairMarks) {
        let mut repair = Self {
            secret,
            own: Vec::new(),
            given: Vec::new(),
            theirs: None,
            handshake: None,
            unopened: 0,
            last_unopened: [0; 16],
            taken: Vec::new(),
        };
        let mut marks = RepairMarks {
            ours: 0,
            acknowledged: false,
            theirs: 0,
            renew_at: Timestamp(0),
            unconfirmed: false,
        };
        repair.renew(own, &mut marks, moment);
        (repair, marks)
    }

    fn renew(
        &mut self,
        identity: &Identity,
        marks: &mut RepairMarks,
        moment: &mut Moment<'_, impl CryptoRng>,
    ) {
        let now = moment.now;
        self.prune(now);
        let validity = Validity::until(now, now.after(REPAIR_VALID));
        let keys = LastingKeys::generate(KeyUse::Repair, validity, moment.rng);
        self.given = keys.bundle(identity).repair_bytes();
        marks.ours = keys.id();
        marks.acknowledged = false;
        marks.renew_at = now.after(REPAIR_RENEWED);
        self.own.push(OwnKeys { keys, drop_at: None, agreed: Vec::new() });
    }

    /// Drops keys that are over; the newest ones stay.
    fn prune(&mut self, now: Timestamp) {
        if let Some(newest) = self.own.pop() {
            self.own.retain(|own| now <= own.end());
            self.own.push(newest);
        }
    }

    fn newest_is_known(&mut self, now: Timestamp) {
        let older = self.own.len().saturating_sub(1);
        for own in self.own.iter_mut().take(older) {
            own.drop_at.get_or_insert(now.after(REPAIR_KEPT));
        }
        self.prune(now);
    }

    /// Keeps the peer's bundle; one that does not verify, or is older than what is kept from this session, is left out.
    fn take_bundle(
        &mut self,
        contact: &ContactRecord,
        marks: &mut RepairMarks,
        untrusted_bundle: &[u8],
        now: Timestamp,
    ) {
        let parse = |bytes: &[u8]| Bundle::parse_repair(&contact.peer, bytes).ok();
        let Some(bundle) = parse(untrusted_bundle) else { return };
        let kept = self.theirs.as_deref().filter(|_| marks.theirs != 0).and_then(parse);
        // What a clock made that was ahead cannot be used for years, and gives way to what can.
        let is_of_use = |bundle: &Bundle| bundle.holds(now).is_ok();
        let gives_way = |kept: Bundle| {
            kept.valid_from() <= bundle.valid_from() || !is_of_use(&kept) && is_of_use(&bundle)
        };
        if kept.is_none_or(gives_way) {
            marks.theirs = bundle.id();
            self.theirs = Some(untrusted_bundle.to_vec());
        }
    }
}

/// The id of a repair bundle that is not verified yet.
fn bundle_id(untrusted_bundle: &[u8]) -> Option<u32> {
    // version 1 ‖ supported versions 4 ‖ signed prekey 108; then the KEM key, whose id names the whole.
    let id = untrusted_bundle.get(5 + 108..)?.first_chunk()?;
    Some(u32::from_be_bytes(*id))
}
