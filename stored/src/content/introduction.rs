//! Bringing two people together: what the introducer and each of the two tell each other.

use ipc_schema::limits::{LINK_MAX_CHARS, NAME_MAX_BYTES};

use super::WireId;
use super::error::{ContentError, wire_id};
use super::generated::content_capnp::content::{Step as WireStep, introduction as wire};

/// One of these.
#[derive(Clone, PartialEq, Eq)]
pub struct Introduction {
    /// Names what is between the introducer and one of the two.
    pub id: WireId,
    /// What is told.
    pub step: Step,
    /// Of the other one, as the introducer tells it: in both asks. Untrusted when received.
    pub name: String,
    /// To an invite, or empty. Untrusted when received.
    pub link: String,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Whether the reader wants to meet somebody, and makes an invite for them.
    AskForLink,
    /// The same, and the other one makes the invite.
    Ask,
    /// The reader is told yes.
    Yes,
    /// Both said yes: the other one's invite.
    Link,
}

/// `None`: a step that a later version takes.
pub(super) fn read(from: &wire::Reader<'_>) -> Result<Option<Introduction>, ContentError> {
    let step = match from.get_step() {
        Ok(WireStep::AskForLink) => Step::AskForLink,
        Ok(WireStep::Ask) => Step::Ask,
        Ok(WireStep::Yes) => Step::Yes,
        Ok(WireStep::Link) => Step::Link,
        Err(capnp::NotInSchema(_)) => return Ok(None),
    };
    let (name, link) = (from.get_name()?.to_str()?, from.get_link()?.to_str()?);
    if name.len() > NAME_MAX_BYTES || link.len() > LINK_MAX_CHARS {
        return Err(ContentError);
    }
    Ok(Some(Introduction { id: wire_id(from.get_id()?)?, step, name: name.into(), link: link.into() }))
}

pub(super) fn write(mut to: wire::Builder<'_>, from: &Introduction) {
    to.set_id(&from.id.0);
    to.set_step(match from.step {
        Step::AskForLink => WireStep::AskForLink,
        Step::Ask => WireStep::Ask,
        Step::Yes => WireStep::Yes,
        Step::Link => WireStep::Link,
    });
    to.set_name(&from.name);
    to.set_link(&from.link);
}
