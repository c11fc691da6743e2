use super::*;

const NOW: Timestamp = Timestamp(1_800_000_000_000);
const RECEIVER: QueueId = [1; 24];
const SENDER: QueueId = [2; 24];
const ROOM: Quota = Quota { queues: 1_000, bytes: 1 << 30 };

fn disk(quota: Quota) -> (Disk, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::open(folder.path(), quota).unwrap();
    (disk, folder)
}

fn with_queue() -> (Disk, tempfile::TempDir) {
    let (disk, folder) = disk(ROOM);
    assert_eq!(disk.create((RECEIVER, SENDER), [3; 32], NOW).unwrap(), Some((RECEIVER, SENDER)));
    (disk, folder)
}

fn envelope(byte: u8) -> Vec<u8> {
    vec![byte; ipc_schema::limits::ENVELOPE_BYTES]
}

fn days(count: u64) -> Timestamp {
    NOW.after(Duration::from_secs(count * 24 * 3600))
}

#[test]
fn creating_again_with_the_same_key_answers_the_first_ids() {
    let (disk, _folder) = with_queue();
    let again = disk.create(([8; 24], [9; 24]), [3; 32], NOW).unwrap();
    assert_eq!(again, Some((RECEIVER, SENDER)));
    assert_eq!(disk.counts().unwrap().queues, 1);
}

#[test]
fn envelopes_come_out_in_the_order_they_went_in_until_acked() {
    let (disk, _folder) = with_queue();
    for byte in 0..5 {
        let put = disk.put(SENDER, [byte; 16], &envelope(byte), NOW).unwrap();
        assert_eq!(put, Put { answer: Answer::Ok, stored: true });
    }
    let all: Vec<_> = disk.read(RECEIVER, None, 9, NOW).unwrap().into_iter().map(|(id, _)| id[0]).collect();
    assert_eq!(all, [0, 1, 2, 3, 4]);
    let rest: Vec<_> = disk.read(RECEIVER, Some([1; 16]), 2, NOW).unwrap().into_iter().map(|(id, _)| id[0]).collect();
    assert_eq!(rest, [2, 3]);
    assert_eq!(disk.ack(RECEIVER, &[[0; 16], [3; 16]], NOW).unwrap(), Answer::Ok);
    let left: Vec<_> = disk.read(RECEIVER, None, 9, NOW).unwrap().into_iter().map(|(id, _)| id[0]).collect();
    assert_eq!(left, [1, 2, 4]);
}

#[test]
fn a_put_id_stays_known_after_its_ack_for_the_ttl() {
    let (disk, _folder) = with_queue();
    disk.put(SENDER, [7; 16], &envelope(7), NOW).unwrap();
    disk.ack(RECEIVER, &[[7; 16]], NOW).unwrap();
    let again = disk.put(SENDER, [7; 16], &envelope(7), days(20)).unwrap();
    assert_eq!(again, Put { answer: Answer::Ok, stored: false });
    assert!(disk.read(RECEIVER, None, 9, NOW).unwrap().is_empty());
    disk.expire(days(22)).unwrap();
    assert!(disk.put(SENDER, [7; 16], &envelope(7), days(22)).unwrap().stored);
}

#[test]
fn the_first_sender_key_wins_and_may_be_repeated() {
    let (disk, _folder) = with_queue();
    assert_eq!(disk.secure(SENDER, [5; 32]).unwrap(), Answer::Ok);
    assert_eq!(disk.secure(SENDER, [5; 32]).unwrap(), Answer::Ok);
    assert_eq!(disk.secure(SENDER, [6; 32]).unwrap(), Answer::Taken);
    assert_eq!(disk.by_sender(SENDER).unwrap(), Some((Some([5; 32]), RECEIVER)));
    assert_eq!(disk.secure([0; 24], [6; 32]).unwrap(), Answer::NoQueue);
}

#[test]
fn a_full_queue_says_so_and_takes_again_after_an_ack() {
    let (disk, _folder) = with_queue();
    disk.begin().unwrap();
    for number in 0..MESSAGES_PER_QUEUE_MAX {
        let id = u128::from(number).to_be_bytes();
        assert_eq!(disk.put(SENDER, id, &envelope(1), NOW).unwrap().answer, Answer::Ok);
    }
    assert_eq!(disk.put(SENDER, [0xFF; 16], &envelope(1), NOW).unwrap().answer, Answer::Full);
    disk.ack(RECEIVER, &[0_u128.to_be_bytes()], NOW).unwrap();
    assert_eq!(disk.put(SENDER, [0xFF; 16], &envelope(1), NOW).unwrap().answer, Answer::Ok);
    disk.commit().unwrap();
}

#[test]
fn a_blob_is_written_once_and_bound_to_one_reader() {
    let (disk, _folder) = with_queue();
    let id = [4; 32];
    assert_eq!(disk.leave_blob(RECEIVER, id, ([1; 32], b"bundle"), NOW).unwrap(), Answer::Ok);
    assert_eq!(disk.leave_blob(RECEIVER, id, ([1; 32], b"bundle"), NOW).unwrap(), Answer::Ok);
    assert_eq!(disk.leave_blob(RECEIVER, id, ([1; 32], b"other"), NOW).unwrap(), Answer::Taken);
    assert_eq!(disk.bind_blob(id, [5; 32]).unwrap(), Answer::Ok);
    assert_eq!(disk.bind_blob(id, [5; 32]).unwrap(), Answer::Ok);
    assert_eq!(disk.bind_blob(id, [6; 32]).unwrap(), Answer::Taken);
    disk.expire(days(8)).unwrap();
    assert!(disk.blob(id).unwrap().is_none());
    let chunk = vec![0; 64 << 10];
    for number in 0..128_u8 {
        assert_eq!(disk.leave_blob(RECEIVER, [number; 32], ([1; 32], &chunk), NOW).unwrap(), Answer::Ok);
    }
    assert_eq!(disk.leave_blob(RECEIVER, [200; 32], ([1; 32], &chunk), NOW).unwrap(), Answer::Full);
}

#[test]
fn deleting_a_queue_takes_everything_with_it_and_the_totals_agree() {
    let (disk, _folder) = with_queue();
    disk.put(SENDER, [7; 16], &envelope(7), NOW).unwrap();
    disk.leave_blob(RECEIVER, [4; 32], ([1; 32], b"bundle"), NOW).unwrap();
    assert_eq!(disk.delete(RECEIVER).unwrap(), Answer::Ok);
    assert_eq!(disk.delete(RECEIVER).unwrap(), Answer::Ok);
    let counts = disk.counts().unwrap();
    assert_eq!((counts.queues, counts.messages, counts.blobs), (0, 0, 0));
    assert_eq!(disk.put(SENDER, [7; 16], &envelope(7), NOW).unwrap().answer, Answer::NoQueue);
}

#[test]
fn a_queue_that_nobody_uses_goes_and_one_in_use_stays() {
    let (disk, _folder) = with_queue();
    disk.create(([8; 24], [9; 24]), [4; 32], NOW).unwrap();
    disk.read(RECEIVER, None, 1, days(30)).unwrap();
    disk.expire(days(61)).unwrap();
    assert!(disk.by_receiver(RECEIVER).unwrap().is_some());
    assert!(disk.by_receiver([8; 24]).unwrap().is_none());
}

#[test]
fn what_was_not_committed_is_gone_after_a_kill_and_the_rest_stays() {
    let (disk, folder) = with_queue();
    disk.begin().unwrap();
    disk.put(SENDER, [1; 16], &envelope(1), NOW).unwrap();
    disk.commit().unwrap();
    disk.begin().unwrap();
    disk.put(SENDER, [2; 16], &envelope(2), NOW).unwrap();
    // A copy of the files as a kill at this instant leaves them.
    let after = tempfile::tempdir().unwrap();
    for name in ["mailboxes.db", "mailboxes.db-wal"] {
        std::fs::copy(folder.path().join(name), after.path().join(name)).unwrap();
    }
    let reopened = Disk::open(after.path(), ROOM).unwrap();
    let ids: Vec<_> = reopened.read(RECEIVER, None, 9, NOW).unwrap().into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, [[1; 16]]);
}

#[test]
fn a_disk_at_its_quota_refuses_and_stays_readable() {
    let (disk, _folder) = disk(Quota { queues: 2, bytes: 512 << 10 });
    assert!(disk.create((RECEIVER, SENDER), [3; 32], NOW).unwrap().is_some());
    assert!(disk.create(([8; 24], [9; 24]), [4; 32], NOW).unwrap().is_some());
    assert_eq!(disk.create(([10; 24], [11; 24]), [5; 32], NOW).unwrap(), None);
    let full = (0..500_u128).find_map(|number| disk.put(SENDER, number.to_be_bytes(), &envelope(1), NOW).err());
    assert!(matches!(full, Some(StoreError::Full)), "{full:?}");
    assert!(!disk.read(RECEIVER, None, 9, NOW).unwrap().is_empty());
    assert_eq!(disk.delete(RECEIVER).unwrap(), Answer::Ok);
}
