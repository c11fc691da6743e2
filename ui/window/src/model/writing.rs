//! That one writes is told to who may see it, as long as keys go on; stored decides what of it leaves.

use std::time::Duration;

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::ContactState;

use super::{Command, Model};

/// While one goes on it is said so often.
const AGAIN: Duration = Duration::from_secs(4);

/// Without a key for so long one writes no more.
const PAUSE: Duration = Duration::from_secs(6);

/// What was said of it.
#[derive(Debug, Default)]
pub(super) struct Writing {
    /// In which conversation, and how long what stands there was when it was looked at last.
    seen: Option<(String, usize)>,
    /// When that changed.
    changed: Timestamp,
    /// To whom it was said that one writes, and when last.
    told: Option<(String, Timestamp)>,
}

impl Model {
    /// Says that one writes, or no more. To be asked after each round.
    pub fn tell_writing(&mut self, now: Timestamp) -> Vec<Command> {
        let here = self.open_chat().map(|who| (who.to_owned(), self.composer_text().len()));
        let mut asked = Vec::new();
        let wrote = match (&self.writing.seen, &here) {
            (Some((before, from)), Some((who, length))) => before == who && from != length && *length > 0,
            _ => false,
        };
        let empty = here.as_ref().is_none_or(|(_, length)| *length == 0);
        if wrote {
            self.writing.changed = now;
        }
        self.writing.seen = here;
        let over = empty || !self.writing.changed.is_recent(now, PAUSE);
        let elsewhere = |(who, _): &(String, Timestamp)| self.open_chat() != Some(who);
        if self.writing.told.as_ref().is_some_and(|told| over || elsewhere(told)) {
            let who = self.writing.told.take().map(|(who, _)| who).unwrap_or_default();
            asked.push(Command::Writing { who, on: false });
        }
        if wrote && let Some(who) = self.sees_writing() {
            let said = self.writing.told.as_ref().is_some_and(|(_, at)| at.is_recent(now, AGAIN));
            if !said {
                self.writing.told = Some((who.clone(), now));
                asked.push(Command::Writing { who, on: true });
            }
        }
        asked
    }

    /// With whom the open conversation is, where they see that one writes.
    fn sees_writing(&self) -> Option<String> {
        let contact = self.person(self.open_chat()?)?;
        (contact.typing && contact.state == ContactState::Connected).then(|| contact.id.clone())
    }
}

#[cfg(test)]
mod tests {
    use ipc_schema::edge::ui_stored::Contact;

    use super::super::people::tests::called;
    use super::super::{Pane, Screen};
    use super::*;

    const NOW: Timestamp = Timestamp(1_750_000_000_000);

    fn talking(typing: bool) -> Model {
        let robin = Contact { typing, ..called("c1", "Robin", "") };
        Model {
            screen: Screen::Inside,
            people: vec![robin],
            pane: Pane::Chat("c1".into()),
            ..Model::default()
        }
    }

    fn after(model: &mut Model, seconds: u64, text: &str) -> Vec<bool> {
        model.set_composer_text(text.to_owned());
        let asked = model.tell_writing(NOW.after(Duration::from_secs(seconds)));
        asked.into_iter().map(|command| matches!(command, Command::Writing { on: true, .. })).collect()
    }

    #[test]
    fn keys_are_told_now_and_then_and_that_they_ceased_once() {
        let mut model = talking(true);
        let mut said = Vec::new();
        for (at, text) in
            [(0, ""), (1, "H"), (2, "He"), (4, "Hel"), (6, "Hell"), (7, "Hell"), (13, "Hell"), (20, "Hell")]
        {
            said.push(after(&mut model, at, text));
        }
        assert_eq!(said, [vec![], vec![true], vec![], vec![], vec![true], vec![], vec![false], vec![]]);
    }

    #[test]
    fn what_is_emptied_or_left_is_no_writing_and_a_draft_that_stands_there_is_none() {
        let mut model = talking(true);
        assert_eq!(after(&mut model, 0, "a draft"), [false; 0]);
        assert_eq!(after(&mut model, 1, "a draft!"), [true]);
        assert_eq!(after(&mut model, 2, ""), [false]);
        assert_eq!(after(&mut model, 9, "x"), [true]);
        model.pane = Pane::Start;
        assert_eq!(after(&mut model, 10, "x"), [false]);
    }

    #[test]
    fn who_is_not_to_see_it_is_told_nothing() {
        let mut model = talking(false);
        let texts = ["", "a", "ab", "abc", "abcd"];
        let told: Vec<bool> =
            (0..).zip(texts).flat_map(|(at, text)| after(&mut model, at * 7, text)).collect();
        assert_eq!(told, [false; 0]);
    }
}
