//! Any bytes as a record of any kind.

use super::invite_records::{AcceptRecord, InviteRecord};
use super::marks::MarksRecord;
use super::record::Record;
use super::records::{
    ContactRecord, MetaRecord, OpenedRecord, OutboxRecord, PeerQueueRecord, ReceiveQueueRecord, SessionRecord,
};

/// See [`crate::fuzz::vault_record`].
pub(crate) fn fuzz_record(untrusted_bytes: &[u8]) {
    let Some((kind, bytes)) = untrusted_bytes.split_first() else { return };
    match kind % 10 {
        0 => round_trip::<MetaRecord>(bytes),
        1 => round_trip::<InviteRecord>(bytes),
        2 => round_trip::<AcceptRecord>(bytes),
        3 => round_trip::<ReceiveQueueRecord>(bytes),
        4 => round_trip::<SessionRecord>(bytes),
        5 => round_trip::<PeerQueueRecord>(bytes),
        6 => round_trip::<OutboxRecord>(bytes),
        7 => round_trip::<OpenedRecord>(bytes),
        8 => round_trip::<MarksRecord>(bytes),
        _ => round_trip::<ContactRecord>(bytes),
    }
}

/// What decodes is written, and reads as the same again. (Its first spelling may be another: an unused field.)
fn round_trip<R: Record>(bytes: &[u8]) {
    let Ok(record) = R::decode(bytes) else { return };
    let written = record.encode().map(|bytes| bytes.to_vec());
    let again = written.clone().and_then(|bytes| R::decode(&bytes)).and_then(|record| record.encode());
    assert_eq!(again.map(|bytes| bytes.to_vec()), written, "a record reads as it was written");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::worlds;
    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

        #[test]
        fn any_bytes_are_a_record_or_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            fuzz_record(&bytes);
        }

        #[test]
        fn a_record_that_was_altered_cut_or_lengthened_is_read_or_refused(
            which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), bits in any::<u8>(), cut in 0..3_usize
        ) {
            let records = worlds::records_in_use();
            let mut record = records[which.index(records.len())].clone();
            let at = at.index(record.len());
            record[at] ^= bits;
            match cut {
                0 => record.truncate(at),
                1 => record.push(bits),
                _ => {}
            }
            fuzz_record(&record);
        }
    }

    #[test]
    fn every_kind_of_record_in_use_reads_as_it_was_written() {
        let records = worlds::records_in_use();
        let kinds: std::collections::BTreeSet<u8> = records.iter().map(|record| record[0]).collect();
        assert!(kinds.len() >= 9, "{kinds:?}");
        records.iter().for_each(|record| fuzz_record(record));
    }
}
