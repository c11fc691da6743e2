//! The parts of the window that F6 goes through.

use crate::model::{Act, Field, Focus};
use crate::scene::{Region, Scene};

/// Whether the keyboard goes there first in this part.
fn begins_at(region: Region, stop: &Focus) -> bool {
    match region {
        Region::List => matches!(stop, Focus::Act(Act::Open(_))),
        Region::Composer => *stop == Focus::Field(Field::Composer),
        Region::Rail | Region::Page | Region::Header | Region::Find | Region::Messages | Region::Details => {
            false
        }
    }
}

/// Where the keyboard comes to, from `focus` by so many parts that have a stop; round and round.
#[must_use]
pub fn beside(scene: &Scene, focus: &Focus, by: isize) -> Option<Focus> {
    let ends = scene.regions.iter().skip(1).map(|(_, from)| *from).chain([scene.stops.len()]);
    let parts = scene.regions.iter().zip(ends).filter_map(|((region, from), end)| {
        let stops = scene.stops.get(*from..end)?;
        (!stops.is_empty()).then_some((*region, stops))
    });
    let parts: Vec<(Region, &[Focus])> = parts.collect();
    let now = parts.iter().position(|(_, stops)| stops.contains(focus));
    let last = parts.len().checked_sub(1)?;
    let next = match (now, by >= 0) {
        (Some(now), true) => {
            if now == last {
                0
            } else {
                now + 1
            }
        }
        (Some(now), false) => now.checked_sub(1).unwrap_or(last),
        (None, true) => 0,
        (None, false) => last,
    };
    let (region, stops) = parts.get(next)?;
    stops.iter().find(|stop| begins_at(*region, stop)).or(stops.first()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MessageAct;

    fn scene(regions: &[(Region, usize)], stops: &[Focus]) -> Scene {
        Scene { regions: regions.to_vec(), stops: stops.to_vec(), ..Scene::default() }
    }

    #[test]
    fn the_keyboard_goes_from_part_to_part_and_over_those_without_a_stop() {
        let row = Focus::Act(Act::Open("c1".into()));
        let link = Focus::Act(Act::Message(MessageAct::Reply("a".into())));
        let composer = Focus::Field(Field::Composer);
        let stops = [
            Focus::Act(Act::OwnName),
            Focus::Field(Field::Search),
            row.clone(),
            Focus::Message("a".into()),
            link.clone(),
            Focus::Act(Act::TakeOut),
            composer.clone(),
        ];
        let regions = [
            (Region::Rail, 0),
            (Region::List, 1),
            (Region::Page, 3),
            (Region::Header, 3),
            (Region::Messages, 3),
            (Region::Composer, 5),
        ];
        let scene = scene(&regions, &stops);
        let mut at = Focus::Act(Act::OwnName);
        for wanted in [row, Focus::Message("a".into()), composer.clone(), Focus::Act(Act::OwnName)] {
            at = beside(&scene, &at, 1).unwrap();
            assert_eq!(at, wanted);
        }
        assert_eq!(beside(&scene, &at, -1), Some(composer));
        assert_eq!(beside(&scene, &link, -1), Some(Focus::Act(Act::Open("c1".into()))), "from within a part");
        assert_eq!(beside(&scene, &Focus::None, 1), Some(Focus::Act(Act::OwnName)));
    }

    #[test]
    fn where_there_are_no_parts_the_keyboard_stays() {
        assert_eq!(beside(&scene(&[], &[Focus::None]), &Focus::None, 1), None);
        assert_eq!(beside(&scene(&[(Region::List, 0)], &[]), &Focus::None, -1), None);
        assert_eq!(beside(&scene(&[(Region::List, 7), (Region::Page, 9)], &[]), &Focus::None, 1), None);
    }
}
