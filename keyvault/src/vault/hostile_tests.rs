//! What somebody can seal who has the keys to do so and does not keep to the protocol.

use super::*;
use crate::envelope::{FIRST_MESSAGE_BYTES, InnerBlock, MESSAGE_BYTES, OuterKey};
use crate::frame::Frame;
use crate::identity::Identity;
use crate::ids::PutId;
use crate::invite::InviteBundle;
use crate::memory::SecretBytes;
use crate::pqxdh::{self, Bundle};
use crate::ratchet::Session;
use crate::vault::invite_records::AcceptRecord;

/// Whoever begins a session.
struct Initiator<'a> {
    bundle: &'a Bundle,
    identity: &'a Identity,
    psk: &'a Secret32,
}

impl Initiator<'_> {
    fn first_message(&self, devices: &[u8], rng: &mut ChaCha20Rng) -> InnerBlock {
        let (prefix, agreed) = pqxdh::initiate(self.bundle, self.identity, self.psk, NOW, rng).unwrap();
        let mut ratchet = Session::initiator(agreed, self.bundle.ratchet_key(), rng).unwrap();
        let frame = Frame {
            devices: devices.to_vec(),
            content: Some(SecretBytes::new(b"first".to_vec())),
            ..Frame::default()
        };
        let message = ratchet.seal(&frame.encode().unwrap(), FIRST_MESSAGE_BYTES, rng).unwrap();
        InnerBlock::first(prefix.bytes(), &message).unwrap()
    }

    /// A list that the identity signed, too, and does not name.
    fn another_list(&self) -> Vec<u8> {
        let mut signed = self.identity.devices().bytes()[..43].to_vec();
        signed[8] ^= 1;
        let signature = self.identity.sign(b"privatus/devices/v1", &signed);
        [signed.as_slice(), &signature].concat()
    }
}

/// The inviter's queue, as whoever has the link knows it.
struct Door {
    accept: AcceptRecord,
    invite: InviteBundle,
}

impl Door {
    fn of(w: &World) -> Self {
        let accept: AcceptRecord = w.bob.require(&ACCEPT.key(), Thing::Accept).unwrap();
        let invite = InviteBundle::open(&accept.link.secret, &w.blob).unwrap();
        Self { accept, invite }
    }

    fn opens(&self, w: &mut World, sender: &AgreementSecret, inner: &InnerBlock) -> Opened {
        let (secret, queue) = (self.accept.link.secret.replica_secret(), self.invite.queue);
        let outer = OuterKey::derive(sender, &self.invite.receiver_key, &secret, &queue).unwrap();
        let incoming = IncomingEnvelope {
            receive_queue: ReceiveQueueId(1),
            untrusted_sender: *sender.public().bytes(),
            untrusted_envelope: &outer.seal(&queue, &[1; 24], inner),
        };
        w.alice.open_envelope(incoming, NOW, &mut w.rng).unwrap()
    }
}

#[test]
fn a_first_message_with_another_device_list_than_its_identity_names_meets_nobody() {
    let mut w = invited();
    let door = Door::of(&w);
    let (identity, psk) = (Identity::generate(NOW, &mut w.rng), door.accept.link.secret.psk());
    let stranger = Initiator { bundle: &door.invite.bundle, identity: &identity, psk: &psk };
    let before = rows(&w.alice);
    for list in [stranger.another_list(), Vec::new()] {
        let first = stranger.first_message(&list, &mut w.rng);
        assert_eq!(door.opens(&mut w, &door.accept.sender, &first), Opened::Unreadable);
    }
    assert_eq!(rows(&w.alice), before);
    let first = stranger.first_message(identity.devices().bytes(), &mut w.rng);
    assert_eq!(content(&door.opens(&mut w, &door.accept.sender, &first)), b"first");
}

#[test]
fn a_repair_with_another_device_list_than_its_identity_names_opens_nothing_anew() {
    let mut w = in_step();
    let key = w.bob_session.key();
    let contact: ContactRecord = w.bob.require(&key, Thing::Session).unwrap();
    let repair: RepairRecord = w.bob.require(&key, Thing::Session).unwrap();
    let record: SessionRecord = w.bob.require(&key, Thing::Session).unwrap();
    let bundle = Bundle::parse_repair(&contact.peer, &repair.theirs.unwrap()).unwrap();
    let peer = Initiator { bundle: &bundle, identity: &contact.own, psk: &repair.secret };
    // Offered inside the session: what comes there is the peer's.
    let (peer_queue, queue) = w.bob.numbered_queues(&record.peer_queues).unwrap().remove(1);
    let opened = |w: &mut World, list: &[u8]| {
        let inner = peer.first_message(list, &mut w.rng);
        let bytes = queue.outer.seal(&queue.queue, &[1; 24], &inner);
        w.alice_opens(&OutgoingEnvelope { peer_queue, put_id: PutId([0; 16]), bytes })
    };
    let session = |w: &World| w.alice.store.read(Table::Session, &w.alice_session.key()).unwrap();
    let before = session(&w);
    for list in [peer.another_list(), Vec::new()] {
        assert_eq!(opened(&mut w, &list), Opened::Unreadable);
    }
    assert_eq!(session(&w), before);
    assert_eq!(news(&opened(&mut w, contact.own.devices().bytes())), REPAIRED);
}

#[test]
fn whoever_had_the_link_of_a_used_invite_speaks_for_nobody_and_has_nothing_written() {
    let mut w = in_step();
    let door = Door::of(&w);
    let (rubbish, before) = (InnerBlock::message(&[9; MESSAGE_BYTES]).unwrap(), rows(&w.alice));
    for key in [50, 51, 50] {
        let thief = AgreementSecret::from_secret(&Secret32::take(&mut [key; 32]));
        assert_eq!(door.opens(&mut w, &thief, &rubbish), Opened::Unreadable, "not the contact out of step");
    }
    assert!(rows(&w.alice) == before, "the key of who accepted is still the one that is kept");
    assert_eq!(door.opens(&mut w, &door.accept.sender, &rubbish), Opened::OutOfStep(w.alice_session));
}

#[test]
fn keys_for_repair_open_nothing_once_they_are_over() {
    let mut w = in_step();
    let first = w.bob_repairs(500, NOW.after(REPAIR_VALID)).unwrap();
    let end = NOW.after(REPAIR_VALID + HELD_AT_RELAY);
    let incoming = w.incoming(&w.bob, &first[1]);
    let mut too_late = restarted(&w.alice);
    let told = too_late.open_envelope(incoming, end.after(HOUR), &mut w.rng).unwrap();
    assert_eq!(told, Opened::OutOfStep(w.alice_session));
    assert_eq!(news(&w.alice.open_envelope(incoming, end, &mut w.rng).unwrap()), REPAIRED);
}
