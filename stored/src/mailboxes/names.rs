//! Names of what lies in a queue. They are counted in each queue, so they tell nothing of other people's traffic.

use ipc_schema::edge::onion_stored::MessageId;

pub(super) fn name(number: i64) -> MessageId {
    u128::from(number.cast_unsigned()).to_be_bytes()
}

pub(super) fn number(name: MessageId) -> Option<i64> {
    i64::try_from(u128::from_be_bytes(name)).ok()
}
