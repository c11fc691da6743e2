use ipc_schema::Timestamp;
use ipc_schema::edge::Outcome;
use ipc_schema::edge::onion_stored::{
    Ack, AckError, BindBlob, BindBlobError, Blob, Create, CreateError, Created, Delete, DiskCounts, DropBlob,
    DropBlobError, LeaveBlob, LeaveBlobError, Message, MessageId, Put, PutError, Read, Secure, SecureError,
};

use super::expire::DAY_MS;
use super::*;
use crate::error::StoreError;

const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn open(folder: &tempfile::TempDir, bounds: Bounds) -> Mailboxes {
    Mailboxes::open(&folder.path().join("mailboxes.db"), bounds).unwrap()
}

fn queue(mailboxes: &Mailboxes, byte: u8) -> Created {
    let (receiver_queue, sender_queue) = ([byte; 24], [byte ^ 0x80; 24]);
    let call = Create { receiver_queue, sender_queue, receiver_key: [byte; 32] };
    mailboxes.create(&call, NOW).unwrap().unwrap()
}

fn put_at(
    mailboxes: &Mailboxes,
    queue: &Created,
    put_id: MessageId,
    byte: u8,
    at: Timestamp,
) -> Outcome<Put> {
    let put = Put { sender_queue: queue.sender_queue, put_id, envelope: vec![byte; 4096] };
    mailboxes.put(&put, at).unwrap()
}

fn put(mailboxes: &Mailboxes, queue: &Created, put_id: MessageId, byte: u8) -> Outcome<Put> {
    put_at(mailboxes, queue, put_id, byte, NOW)
}

fn stored(mailboxes: &Mailboxes, queue: &Created, put_id: MessageId) -> bool {
    put(mailboxes, queue, put_id, 0).unwrap().stored
}

fn read(mailboxes: &Mailboxes, queue: &Created, after: Option<MessageId>, max: u16) -> Vec<Message> {
    mailboxes.read(&Read { receiver_queue: queue.receiver_queue, after, max }).unwrap()
}

fn ack(mailboxes: &Mailboxes, queue: &Created, ids: &[MessageId]) -> Outcome<Ack> {
    mailboxes.ack(&Ack { receiver_queue: queue.receiver_queue, ids: ids.to_vec() }, NOW).unwrap()
}

fn secure(mailboxes: &Mailboxes, sender_queue: [u8; 24], key: u8) -> Outcome<Secure> {
    mailboxes.secure(&Secure { sender_queue, sender_key: [key; 32] }).unwrap()
}

fn bind(mailboxes: &Mailboxes, id: u8, key: u8) -> Outcome<BindBlob> {
    mailboxes.bind_blob(&BindBlob { blob_id: [id; 32], sender_key: [key; 32] }).unwrap()
}

fn leave(mailboxes: &Mailboxes, queue: &Created, id: u8, bytes: &[u8]) -> Outcome<LeaveBlob> {
    let (receiver_queue, blob) = (queue.receiver_queue, bytes.to_vec());
    let call = LeaveBlob { receiver_queue, blob_id: [id; 32], read_key: [2; 32], blob };
    mailboxes.leave_blob(&call, NOW).unwrap()
}

fn ids(envelopes: &[Message]) -> Vec<MessageId> {
    envelopes.iter().map(|envelope| envelope.id).collect()
}

#[test]
fn a_put_is_stored_once_even_after_its_ack_and_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let queue = queue(&mailboxes, 1);
    let first = put(&mailboxes, &queue, [7; 16], 1).unwrap();
    assert!(first.stored);
    let again = put(&mailboxes, &queue, [7; 16], 1).unwrap();
    assert!(!again.stored && again.id == first.id);
    assert_eq!(ack(&mailboxes, &queue, &[first.id]), Ok(()));
    drop(mailboxes);
    let mailboxes = open(&folder, Bounds::default());
    assert!(!put(&mailboxes, &queue, [7; 16], 1).unwrap().stored);
    assert!(read(&mailboxes, &queue, None, 10).is_empty());
    assert_eq!(mailboxes.totals().unwrap(), DiskCounts { queues: 1, ..DiskCounts::default() });
}

#[test]
fn envelopes_are_read_oldest_first_and_from_where_the_reader_was() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let queue = queue(&mailboxes, 1);
    let put: Vec<_> = (1..=5).map(|n| put(&mailboxes, &queue, [n; 16], n).unwrap().id).collect();
    let first = read(&mailboxes, &queue, None, 3);
    assert_eq!(ids(&first), put[..3]);
    assert_eq!(first[0].envelope, vec![1; 4096]);
    assert_eq!(ids(&read(&mailboxes, &queue, Some(first[2].id), 9)), put[3..]);
    ack(&mailboxes, &queue, &put[1..4]).unwrap();
    assert_eq!(ids(&read(&mailboxes, &queue, None, 9)), [put[0], put[4]]);
    assert_eq!(ack(&mailboxes, &queue, &put[1..4]), Ok(()), "again");
    assert_eq!(mailboxes.totals().unwrap().messages, 2);
    assert!(read(&mailboxes, &queue, Some([0xff; 16]), 9).is_empty());
    let nobody = Created { receiver_queue: [9; 24], ..queue };
    assert_eq!(ack(&mailboxes, &nobody, &put), Err(AckError::NoQueue));
}

#[test]
fn a_full_queue_says_so_until_something_is_acked_and_others_are_not_hurt() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let (full, other) = (queue(&mailboxes, 1), queue(&mailboxes, 2));
    let put = |n: u32| put(&mailboxes, &full, u128::from(n).to_be_bytes(), 0);
    mailboxes
        .together(|_| {
            assert!((0..ENVELOPES_MAX).all(|n| put(n).unwrap().stored));
            Ok(())
        })
        .unwrap();
    assert_eq!(put(ENVELOPES_MAX), Err(PutError::Full));
    assert!(put(0).is_ok(), "what lies there can be repeated");
    assert!(stored(&mailboxes, &other, [9; 16]));
    let oldest = read(&mailboxes, &full, None, 1);
    ack(&mailboxes, &full, &ids(&oldest)).unwrap();
    assert!(put(ENVELOPES_MAX).unwrap().stored);
}

#[test]
fn the_operators_bounds_hold_for_all_together() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds { queues: 2, bytes: 10_000 });
    let (one, _two) = (queue(&mailboxes, 1), queue(&mailboxes, 2));
    let third = Create { receiver_queue: [3; 24], sender_queue: [4; 24], receiver_key: [3; 32] };
    assert_eq!(mailboxes.create(&third, NOW).unwrap(), Err(CreateError::Full));
    assert_eq!(queue(&mailboxes, 1), one, "by the key that is known");
    assert!(stored(&mailboxes, &one, [1; 16]));
    assert!(stored(&mailboxes, &one, [2; 16]));
    assert_eq!(put(&mailboxes, &one, [3; 16], 0), Err(PutError::Full));
    assert_eq!(mailboxes.delete(&Delete { receiver_queue: one.receiver_queue }).unwrap(), Ok(()));
    assert_eq!(mailboxes.totals().unwrap(), DiskCounts { queues: 1, ..DiskCounts::default() });
}

#[test]
fn the_first_sender_key_wins_and_another_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let queue = queue(&mailboxes, 1);
    let sender = queue.sender_queue;
    assert_eq!(mailboxes.by_sender(&sender).unwrap().unwrap().sender_key, None);
    assert_eq!(secure(&mailboxes, sender, 1), Ok(()));
    assert_eq!(secure(&mailboxes, sender, 1), Ok(()));
    assert_eq!(secure(&mailboxes, sender, 2), Err(SecureError::Taken));
    assert_eq!(secure(&mailboxes, [9; 24], 2), Err(SecureError::NoQueue));
    assert_eq!(mailboxes.by_sender(&sender).unwrap().unwrap().sender_key, Some([1; 32]));
    assert_eq!(mailboxes.by_receiver(&queue.receiver_queue).unwrap().unwrap().sender_queue, sender);
}

#[test]
fn a_blob_is_written_once_bound_once_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let queue = queue(&mailboxes, 1);
    let leave = |id: u8, bytes: &[u8]| leave(&mailboxes, &queue, id, bytes);
    assert_eq!(leave(1, b"bundle"), Ok(()));
    assert_eq!(leave(1, b"bundle"), Ok(()));
    assert_eq!(leave(1, b"other"), Err(LeaveBlobError::Taken));
    assert_eq!(bind(&mailboxes, 1, 5), Ok(()));
    assert_eq!(bind(&mailboxes, 1, 5), Ok(()));
    assert_eq!(bind(&mailboxes, 1, 6), Err(BindBlobError::Taken));
    assert_eq!(bind(&mailboxes, 9, 6), Err(BindBlobError::NoBlob));
    let blob = mailboxes.blob(&Blob { blob_id: [1; 32] }).unwrap().unwrap();
    assert_eq!((blob.bound_to, blob.receiver_queue), (Some([5; 32]), queue.receiver_queue));
    assert_eq!(mailboxes.drop_blob(&DropBlob { blob_id: [1; 32] }).unwrap(), Ok(()));
    assert_eq!(mailboxes.drop_blob(&DropBlob { blob_id: [1; 32] }).unwrap(), Err(DropBlobError::NoBlob));
    let chunk = vec![0; 64 << 10];
    assert!((0..128).all(|n| leave(n, &chunk) == Ok(())), "8 MiB fit");
    assert_eq!(leave(200, b"x"), Err(LeaveBlobError::Full));
}

#[test]
fn what_outlived_its_life_is_dropped_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let (old, fresh) = (queue(&mailboxes, 1), queue(&mailboxes, 2));
    put(&mailboxes, &old, [1; 16], 0).unwrap();
    leave(&mailboxes, &old, 1, b"blob").unwrap();
    let later = |days: u64| Timestamp(NOW.0 + days * DAY_MS);
    put_at(&mailboxes, &fresh, [2; 16], 0, later(20)).unwrap();
    assert_eq!(mailboxes.expire(later(8)).unwrap(), 1, "the blob");
    assert_eq!(mailboxes.expire(later(22)).unwrap(), 2, "envelope and put id");
    assert!(stored(&mailboxes, &old, [1; 16]));
    assert_eq!(read(&mailboxes, &fresh, None, 9).len(), 1);
    assert!(mailboxes.touch(&fresh.receiver_queue, later(61)).unwrap());
    mailboxes.expire(later(62)).unwrap();
    assert!(mailboxes.by_receiver(&old.receiver_queue).unwrap().is_none(), "idle");
    assert!(mailboxes.by_receiver(&fresh.receiver_queue).unwrap().is_some());
    assert_eq!(mailboxes.totals().unwrap(), DiskCounts { queues: 1, ..DiskCounts::default() });
}

#[test]
fn what_came_while_the_clock_was_ahead_goes_after_as_long_as_if_it_had_been_right() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let queue = queue(&mailboxes, 1);
    let later = |days: u64| Timestamp(NOW.0 + days * DAY_MS);
    put_at(&mailboxes, &queue, [1; 16], 0, later(400)).unwrap();
    assert_eq!(mailboxes.expire(NOW).unwrap(), 0);
    let mailboxes = open(&folder, Bounds::default());
    assert_eq!(mailboxes.expire(later(21)).unwrap(), 0, "as long as any");
    assert_eq!(mailboxes.expire(later(22)).unwrap(), 2, "envelope and put id");
    assert_eq!(mailboxes.expire(later(61)).unwrap(), 0, "the queue may be in use");
    assert_eq!(mailboxes.expire(later(121)).unwrap(), 0);
    assert_eq!(mailboxes.expire(later(122)).unwrap(), 1, "and was not");
}

#[test]
fn a_clock_that_was_set_back_for_a_while_takes_nothing_of_what_lies_here() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let queue = queue(&mailboxes, 1);
    let later = |days: u64| Timestamp(NOW.0 + days * DAY_MS);
    put(&mailboxes, &queue, [1; 16], 0).unwrap();
    for now in [Timestamp(0), Timestamp(DAY_MS), later(20)] {
        let _ = mailboxes.ack(&Ack { receiver_queue: queue.receiver_queue, ids: vec![] }, now).unwrap();
        assert_eq!(mailboxes.expire(now).unwrap(), 0, "{now:?}");
    }
    assert_eq!(mailboxes.expire(later(22)).unwrap(), 2, "envelope and put id");
    assert!(mailboxes.by_receiver(&queue.receiver_queue).unwrap().is_some());
}

#[test]
fn a_failed_group_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mailboxes = open(&folder, Bounds::default());
    let queue = queue(&mailboxes, 1);
    let failed = mailboxes.together(|mailboxes| {
        let _ = put(mailboxes, &queue, [1; 16], 0);
        Err(StoreError::Full)
    });
    assert!(matches!(failed, Err(StoreError::Full)));
    assert!(read(&mailboxes, &queue, None, 9).is_empty());
    assert_eq!(mailboxes.totals().unwrap().messages, 0);
    assert!(stored(&mailboxes, &queue, [1; 16]));
}
