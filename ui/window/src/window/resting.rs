//! The pointer that rests on a message.

use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Act, MessageAct};

/// The pointer rests on a text for so long before it is told how far that is.
const REST: Duration = Duration::from_millis(400);

/// The message under the pointer.
#[derive(Default)]
pub(super) struct Resting(Option<On>);

struct On {
    id: String,
    /// The pointer stands still since then.
    since: Instant,
    /// It was told already how far it is.
    told: bool,
}

impl Resting {
    /// The pointer moved over that, or off everything; whether it left the message on which it was.
    pub(super) fn over(&mut self, act: Option<&Act>) -> bool {
        let Some(Act::Message(MessageAct::Focus(id))) = act else { return self.0.take().is_some() };
        let same = self.0.as_ref().filter(|on| on.id == *id);
        let (left, told) = (same.is_none() && self.0.is_some(), same.is_some_and(|on| on.told));
        self.0 = Some(On { id: id.clone(), since: Instant::now(), told });
        left
    }

    /// How long the loop may wait for it.
    pub(super) fn left(&self) -> Option<Duration> {
        self.0.as_ref().filter(|on| !on.told).map(|on| REST.saturating_sub(on.since.elapsed()))
    }

    /// The message on which it has rested long enough, once each time that it comes there.
    pub(super) fn rested(&mut self) -> Option<String> {
        let on = self.0.as_mut().filter(|on| !on.told && on.since.elapsed() >= REST)?;
        on.told = true;
        Some(on.id.clone())
    }
}
