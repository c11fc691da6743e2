//! `privatus introduce WHO WHO`: asks two contacts whether they want to meet; and the answer to who asks that.

use std::cell::Cell;

use clap::Args;
use ipc_schema::edge::ui_stored::{AnswerIntroduction, Introduce, Refusal};
use serde::Serialize;

use super::{Context, Failure, Outcome, output, sockets, talk};
use crate::peers::PeerError;
use crate::peers::messenger::Messenger;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The two: their names or ids. Each is told what the other calls themselves, or what you call them where they never said
    #[arg(value_name = "WHO", num_args = 2, required_unless_present_any = ["accept", "decline"])]
    who: Vec<String>,
    /// Meet whom somebody introduces: the id of the message that asks, as `privatus messages WHO` shows it
    #[arg(long, value_name = "ID", conflicts_with_all = ["who", "decline"])]
    accept: Option<String>,
    /// Or do not; nobody is told
    #[arg(long, value_name = "ID", conflicts_with = "who")]
    decline: Option<String>,
    /// What you call them; seen by you alone
    #[arg(long, value_name = "WHO", requires = "accept", conflicts_with = "decline")]
    name: Option<String>,
}

#[derive(Debug, Serialize)]
struct Asked<'a> {
    who: &'a str,
    other: &'a str,
    asked: bool,
}

#[derive(Debug, Serialize)]
struct Answered<'a> {
    id: &'a str,
    accepted: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    match (arguments.who.as_slice(), &arguments.accept, &arguments.decline) {
        ([who, other], None, None) => introduce(who, other, context),
        (_, Some(id), _) => answer(id, true, arguments.name.as_deref().unwrap_or_default(), context),
        (_, None, Some(id)) => answer(id, false, "", context),
        _ => Err(Failure::Usage("introduce takes two people, or --accept ID, or --decline ID".into())),
    }
}

fn introduce(who: &str, other: &str, context: &Context) -> Outcome {
    if who == other {
        return Err(Failure::Usage("name two people: nobody is introduced to themselves".into()));
    }
    let lost = Cell::new(false);
    let lost = &lost;
    let call = |messenger: Messenger| async move {
        match messenger.call(Introduce { who: who.into(), other: other.into() }).await {
            Err(PeerError::Refused(Refusal::Waiting)) => Ok(false),
            // It was done, and the answer was lost.
            Err(PeerError::Refused(Refusal::AlreadyOpen)) if lost.get() => Ok(true),
            answer => {
                lost.set(lost.get() || matches!(answer, Err(PeerError::Lost)));
                answer.map(|()| true)
            }
        }
    };
    if !sockets::block_on(talk::messenger(&context.profile, talk::SOON, call))? {
        return Err(Failure::Refused(
            "one of them is not connected yet: introduce them once `privatus contacts` says that they are"
                .into(),
        ));
    }
    let words = || "both were asked: it goes on by itself once both said yes".to_owned();
    let row = Asked { who, other, asked: true };
    context.output.done(&row, words, "see `privatus messages WHO`")
}

fn answer(id: &str, yes: bool, name: &str, context: &Context) -> Outcome {
    let call = AnswerIntroduction { id: id.into(), yes, name: name.into() };
    sockets::block_on(talk::call(&context.profile, talk::SOON, call))?;
    let words = || match yes {
        true => format!("{}: once the other one says yes, too, you are connected", output::one_line(id)),
        false => format!("{}: no, and nobody is told", output::one_line(id)),
    };
    let row = Answered { id, accepted: yes };
    context.output.done(&row, words, "the same once more does no harm")
}
