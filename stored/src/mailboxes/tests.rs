use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn open(folder: &tempfile::TempDir, bounds: Bounds) -> Mailboxes {
    Mailboxes::open(&folder.path().join("mailboxes.db"), bounds).unwrap()
}

fn queue(mailboxes: &Mailboxes, byte: u8) -> Created {
    mailboxes.create(&[byte; 24], &[byte ^ 0x80; 24], &[byte; 32], NOW).unwrap().unwrap()
}

fn ids(envelopes: &[Envelope]) -> Vec<Vec<u8>> {
    envelopes.iter().map(|envelope| envelope.id.to_vec()).collect()
}

#[test]
fn a_put_is_stored_once_even_after_its_ack_and_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let queue = queue(&mailboxes, 1);
    let first = mailboxes.put(&queue.sender, &[7; 16], &[1; 4096], NOW).unwrap();
    assert!(first.stored && first.answer == Answer::Ok);
    let again = mailboxes.put(&queue.sender, &[7; 16], &[1; 4096], NOW).unwrap();
    assert!(!again.stored && again.id == first.id && again.answer == Answer::Ok);
    assert_eq!(mailboxes.ack(&queue.receiver, &[first.id.to_vec()], NOW).unwrap(), Answer::Ok);
    drop(mailboxes);
    let mailboxes = open(&folder, Bounds::default());
    assert!(!mailboxes.put(&queue.sender, &[7; 16], &[1; 4096], NOW).unwrap().stored);
    assert!(mailboxes.read(&queue.receiver, &[], 10).unwrap().is_empty());
    assert_eq!(mailboxes.totals().unwrap(), Totals { queues: 1, ..Totals::default() });
}

#[test]
fn envelopes_are_read_oldest_first_and_from_where_the_reader_was() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let queue = queue(&mailboxes, 1);
    let put = |n: u8| mailboxes.put(&queue.sender, &[n; 16], &[n; 4096], NOW).unwrap().id.to_vec();
    let put: Vec<_> = (1..=5).map(put).collect();
    let first = mailboxes.read(&queue.receiver, &[], 3).unwrap();
    assert_eq!(ids(&first), put[..3]);
    assert_eq!(first[0].envelope, vec![1; 4096]);
    assert_eq!(ids(&mailboxes.read(&queue.receiver, &first[2].id, 9).unwrap()), put[3..]);
    mailboxes.ack(&queue.receiver, &put[1..4], NOW).unwrap();
    assert_eq!(ids(&mailboxes.read(&queue.receiver, &[], 9).unwrap()), [put[0].clone(), put[4].clone()]);
    assert_eq!(mailboxes.ack(&queue.receiver, &put[1..4], NOW).unwrap(), Answer::Ok, "again");
    assert_eq!(mailboxes.totals().unwrap().messages, 2);
    assert!(mailboxes.read(&queue.receiver, &[0xff; 16], 9).unwrap().is_empty());
    assert!(mailboxes.read(&queue.receiver, &[1, 2], 9).unwrap().is_empty());
}

#[test]
fn a_full_queue_says_so_until_something_is_acked_and_others_are_not_hurt() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let (full, other) = (queue(&mailboxes, 1), queue(&mailboxes, 2));
    let put = |n: u32| mailboxes.put(&full.sender, &u128::from(n).to_be_bytes(), &[0; 4096], NOW).unwrap();
    mailboxes
        .together(|_| {
            assert!((0..ENVELOPES_MAX).all(|n| put(n).stored));
            Ok(())
        })
        .unwrap();
    assert_eq!(put(ENVELOPES_MAX).answer, Answer::Full);
    assert_eq!(put(0).answer, Answer::Ok, "what lies there can be repeated");
    assert!(mailboxes.put(&other.sender, &[9; 16], &[0; 4096], NOW).unwrap().stored);
    let oldest = mailboxes.read(&full.receiver, &[], 1).unwrap();
    mailboxes.ack(&full.receiver, &ids(&oldest), NOW).unwrap();
    assert!(put(ENVELOPES_MAX).stored);
}

#[test]
fn the_operators_bounds_hold_for_all_together() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds { queues: 2, bytes: 10_000 });
    let (one, _two) = (queue(&mailboxes, 1), queue(&mailboxes, 2));
    assert_eq!(mailboxes.create(&[3; 24], &[4; 24], &[3; 32], NOW).unwrap(), Err(Answer::Full));
    assert_eq!(queue(&mailboxes, 1), one, "by the key that is known");
    assert!(mailboxes.put(&one.sender, &[1; 16], &[0; 4096], NOW).unwrap().stored);
    assert!(mailboxes.put(&one.sender, &[2; 16], &[0; 4096], NOW).unwrap().stored);
    assert_eq!(mailboxes.put(&one.sender, &[3; 16], &[0; 4096], NOW).unwrap().answer, Answer::Full);
    assert_eq!(mailboxes.delete(&one.receiver).unwrap(), Answer::Ok);
    assert_eq!(mailboxes.totals().unwrap(), Totals { queues: 1, ..Totals::default() });
}

#[test]
fn the_first_sender_key_wins_and_another_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let queue = queue(&mailboxes, 1);
    assert!(mailboxes.by_sender(&queue.sender).unwrap().unwrap().sender_key.is_empty());
    assert_eq!(mailboxes.secure(&queue.sender, &[1; 32]).unwrap(), Answer::Ok);
    assert_eq!(mailboxes.secure(&queue.sender, &[1; 32]).unwrap(), Answer::Ok);
    assert_eq!(mailboxes.secure(&queue.sender, &[2; 32]).unwrap(), Answer::Taken);
    assert_eq!(mailboxes.secure(&[9; 24], &[2; 32]).unwrap(), Answer::NoQueue);
    assert_eq!(mailboxes.by_sender(&queue.sender).unwrap().unwrap().sender_key, [1; 32]);
    assert_eq!(mailboxes.by_receiver(&queue.receiver).unwrap().unwrap().sender, queue.sender);
}

#[test]
fn a_blob_is_written_once_bound_once_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let queue = queue(&mailboxes, 1);
    let leave = |id: u8, bytes: &[u8]| {
        mailboxes.leave_blob(&queue.receiver, (&[id; 32], &[2; 32]), bytes, NOW).unwrap()
    };
    assert_eq!(leave(1, b"bundle"), Answer::Ok);
    assert_eq!(leave(1, b"bundle"), Answer::Ok);
    assert_eq!(leave(1, b"other"), Answer::Taken);
    assert_eq!(mailboxes.bind_blob(&[1; 32], &[5; 32]).unwrap(), Answer::Ok);
    assert_eq!(mailboxes.bind_blob(&[1; 32], &[5; 32]).unwrap(), Answer::Ok);
    assert_eq!(mailboxes.bind_blob(&[1; 32], &[6; 32]).unwrap(), Answer::Taken);
    assert_eq!(mailboxes.bind_blob(&[9; 32], &[6; 32]).unwrap(), Answer::NoBlob);
    let blob = mailboxes.blob(&[1; 32]).unwrap().unwrap();
    assert_eq!((blob.bound_to, blob.receiver), (vec![5; 32], queue.receiver.clone()));
    assert_eq!(mailboxes.drop_blob(&[1; 32]).unwrap(), Answer::Ok);
    assert_eq!(mailboxes.drop_blob(&[1; 32]).unwrap(), Answer::NoBlob);
    let chunk = vec![0; 64 << 10];
    assert!((0..128).all(|n| leave(n, &chunk) == Answer::Ok), "8 MiB fit");
    assert_eq!(leave(200, b"x"), Answer::Full);
}

#[test]
fn what_outlived_its_life_is_dropped_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let (old, fresh) = (queue(&mailboxes, 1), queue(&mailboxes, 2));
    mailboxes.put(&old.sender, &[1; 16], &[0; 4096], NOW).unwrap();
    mailboxes.leave_blob(&old.receiver, (&[1; 32], &[2; 32]), b"blob", NOW).unwrap();
    let later = |days: u64| Timestamp(NOW.0 + days * DAY_MS);
    mailboxes.put(&fresh.sender, &[2; 16], &[0; 4096], later(20)).unwrap();
    assert_eq!(mailboxes.expire(later(8)).unwrap(), 1, "the blob");
    assert_eq!(mailboxes.expire(later(22)).unwrap(), 2, "envelope and put id");
    assert!(mailboxes.put(&old.sender, &[1; 16], &[0; 4096], NOW).unwrap().stored);
    assert_eq!(mailboxes.read(&fresh.receiver, &[], 9).unwrap().len(), 1);
    assert!(mailboxes.touch(&fresh.receiver, later(61)).unwrap());
    mailboxes.expire(later(62)).unwrap();
    assert!(mailboxes.by_receiver(&old.receiver).unwrap().is_none(), "idle");
    assert!(mailboxes.by_receiver(&fresh.receiver).unwrap().is_some());
    assert_eq!(mailboxes.totals().unwrap(), Totals { queues: 1, ..Totals::default() });
}

#[test]
fn a_failed_group_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let queue = queue(&mailboxes, 1);
    let failed = mailboxes.together(|mailboxes| {
        mailboxes.put(&queue.sender, &[1; 16], &[0; 4096], NOW)?;
        Err(StoreError::Full)
    });
    assert!(matches!(failed, Err(StoreError::Full)));
    assert!(mailboxes.read(&queue.receiver, &[], 9).unwrap().is_empty());
    assert_eq!(mailboxes.totals().unwrap().messages, 0);
    assert!(mailboxes.put(&queue.sender, &[1; 16], &[0; 4096], NOW).unwrap().stored);
}
