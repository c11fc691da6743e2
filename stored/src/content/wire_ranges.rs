//! Ranges of numbers as they travel.

use super::Range;
use super::error::ContentError;
use super::generated::content_capnp::content::range as wire;

/// At most `most` of them, each of one number at least, from 1.
pub(super) fn read_ranges(
    list: capnp::struct_list::Reader<'_, wire::Owned>,
    most: usize,
) -> Result<Vec<Range>, ContentError> {
    if usize::try_from(list.len()).map_or(true, |length| length > most) {
        return Err(ContentError);
    }
    let ranges: Vec<Range> =
        list.iter().map(|range| Range { first: range.get_first(), last: range.get_last() }).collect();
    if ranges.iter().any(|range| range.first == 0 || range.last < range.first) {
        return Err(ContentError);
    }
    Ok(ranges)
}

/// Into a list that `room` makes of their number.
pub(super) fn write_ranges<'a>(
    room: impl FnOnce(u32) -> capnp::struct_list::Builder<'a, wire::Owned>,
    from: &[Range],
) {
    let mut list = room(u32::try_from(from.len()).unwrap_or(0));
    for (at, range) in (0..list.len()).zip(from) {
        let mut entry = list.reborrow().get(at);
        entry.set_first(range.first);
        entry.set_last(range.last);
    }
}
