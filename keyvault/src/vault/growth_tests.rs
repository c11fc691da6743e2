//! What a contact can make the vault grow by, and how it is tidied up.

use super::*;

#[test]
fn a_sweep_goes_in_slices_and_calls_are_served_in_between() {
    let mut w = connected();
    let mut changes = Changes::default();
    for number in 0..1_000_u64 {
        let id = [[1; 24].as_slice(), &number.to_be_bytes()].concat();
        changes.put_record(&id, &OpenedRecord::Forgotten(NOW)).unwrap();
    }
    w.alice.store.commit(&changes).unwrap();
    let mut sweep = w.alice.begin_sweep(NOW.after(DUPLICATE_FOR + HOUR)).unwrap();
    let (mut slices, mut left) = (0, 1_000);
    while !w.alice.sweep_some(&mut sweep).unwrap() {
        let now = w.alice.store.all(Table::Opened).unwrap().len();
        assert!(left - now <= 200, "{left} to {now}");
        (slices, left) = (slices + 1, now);
        w.alice_seals(b"in between");
    }
    assert!(left == 0 && slices > 5, "{left} left after {slices}");
}
