//! `privatus info ID`: how far a text is, when it came there, and what to do next.

use clap::Args;
use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{AskInfo, Delivery, Info, Reason};
use serde::Serialize;

use super::{Context, Outcome, output, sockets, talk};
use crate::clock::Zone;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Which text
    id: String,
}

/// The answer of the contract; what is not known or does not apply is null.
#[derive(Debug, Serialize)]
struct Row<'a> {
    id: &'a str,
    contact: &'a str,
    from: &'static str,
    state: &'static str,
    reason: Option<&'static str>,
    queued_at: Option<u64>,
    relayed_at: Option<u64>,
    expires_at: Option<u64>,
    delivered_at: Option<u64>,
    read_at: Option<u64>,
    failed_at: Option<u64>,
    received_at: Option<u64>,
    sent_at: u64,
    route: Vec<String>,
    parts: Option<u16>,
    parts_relayed: Option<u16>,
}

impl<'a> From<&'a Info> for Row<'a> {
    fn from(info: &'a Info) -> Self {
        let number = |at: Option<Timestamp>| at.map(|at| at.0);
        Self {
            id: &info.id,
            contact: &info.contact,
            from: if info.mine { "me" } else { "them" },
            state: info.state.word(),
            reason: (info.reason != Reason::None).then(|| info.reason.word()),
            queued_at: number(info.queued_at),
            relayed_at: number(info.relayed_at),
            expires_at: number(info.expires_at),
            delivered_at: number(info.delivered_at),
            read_at: number(info.read_at),
            failed_at: number(info.failed_at),
            received_at: number(info.received_at),
            sent_at: info.sent_at.0,
            route: info.route.iter().map(|relay| hex(&relay.0)).collect(),
            parts: (info.parts > 0).then_some(info.parts),
            parts_relayed: (info.parts > 0).then_some(info.parts_relayed),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    let ask = AskInfo { id: arguments.id.clone() };
    let info = sockets::block_on(talk::call(&context.profile, talk::SOON, ask))?;
    context.output.row(&Row::from(&info), || words(&info, &Zone::local()))
}

/// The state with what follows from it, then a line for each moment.
fn words(info: &Info, zone: &Zone) -> String {
    let mut lines = vec![head(info)];
    let mut moment = |what: &str, at: Option<Timestamp>| {
        if let Some(at) = at {
            lines.push(format!("{}  {what}", zone.minute(at)));
        }
    };
    moment("written", (info.mine && info.queued_at != Some(info.sent_at)).then_some(info.sent_at));
    moment("sent by their clock", (!info.mine).then_some(info.sent_at));
    moment("received", info.received_at);
    moment("queued", info.queued_at);
    moment("at a relay", info.relayed_at);
    moment("failed or expired", info.failed_at);
    moment("on their device", info.delivered_at);
    moment("read", info.read_at);
    moment("given up, unless they fetch it before", info.expires_at);
    if info.parts > 1 {
        lines.push(format!("{} of {} parts at a relay or there", info.parts_relayed, info.parts));
    }
    lines.join("\n")
}

fn head(info: &Info) -> String {
    let next = if info.mine { next(info.state, info.reason, &info.id) } else { String::new() };
    if next.is_empty() { info.state.word().to_owned() } else { format!("{}: {next}", info.state.word()) }
}

/// What follows from the state of an own text, or what to do next.
pub(super) fn next(state: Delivery, reason: Reason, id: &str) -> String {
    let id = output::one_line(id);
    match (state, reason) {
        (Delivery::Queued, Reason::QueueFull) => {
            "their mailbox is full, and it leaves by itself when they have fetched what is there".to_owned()
        }
        (Delivery::Queued, _) => "no relay has all of it yet, and it leaves by itself".to_owned(),
        (Delivery::Relayed, _) => "it lies at a relay until they fetch it".to_owned(),
        (Delivery::Failed, Reason::Gone) => format!(
            "their mailboxes are gone from the relays; it goes on by itself if they come back, else invite them again and `privatus forward {id} WHO`"
        ),
        (Delivery::Failed, _) => {
            format!("invite each other again with `privatus invite`, then `privatus forward {id} WHO`")
        }
        (Delivery::Expired, _) => {
            format!("they did not fetch it in time; `privatus retry {id}` sends it once more")
        }
        (Delivery::Delivered | Delivery::Read, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use ipc_schema::relay::RelayId;

    use super::*;

    fn info() -> Info {
        Info {
            id: "m1".into(),
            contact: "c1".into(),
            mine: true,
            state: Delivery::Relayed,
            reason: Reason::None,
            queued_at: Some(Timestamp(5)),
            relayed_at: Some(Timestamp(60_000)),
            expires_at: Some(Timestamp(86_400_000)),
            delivered_at: None,
            read_at: None,
            failed_at: None,
            received_at: None,
            sent_at: Timestamp(5),
            route: vec![RelayId([0xab; 32])],
            parts: 2,
            parts_relayed: 2,
        }
    }

    #[test]
    fn an_own_text_has_exactly_the_fields_of_the_contract() {
        let json = serde_json::to_string(&Row::from(&info())).unwrap();
        let route = "ab".repeat(32);
        assert_eq!(
            json,
            format!(
                r#"{{"id":"m1","contact":"c1","from":"me","state":"relayed","reason":null,"queued_at":5,"relayed_at":60000,"expires_at":86400000,"delivered_at":null,"read_at":null,"failed_at":null,"received_at":null,"sent_at":5,"route":["{route}"],"parts":2,"parts_relayed":2}}"#
            )
        );
    }

    #[test]
    fn what_they_wrote_has_no_parts_and_nothing_to_do() {
        let theirs = Info {
            mine: false,
            state: Delivery::Read,
            queued_at: None,
            relayed_at: None,
            expires_at: None,
            received_at: Some(Timestamp(7)),
            parts: 0,
            parts_relayed: 0,
            ..info()
        };
        let json = serde_json::to_value(Row::from(&theirs)).unwrap();
        assert!(json["parts"].is_null() && json["parts_relayed"].is_null());
        assert_eq!((&json["from"], &json["received_at"]), (&"them".into(), &7.into()));
        assert!(words(&theirs, &Zone::default()).starts_with("read\n1970-01-01 00:00  sent by their clock"));
    }

    #[test]
    fn a_person_reads_the_state_what_to_do_and_when() {
        let words = words(&info(), &Zone::default());
        let lines: Vec<_> = words.lines().collect();
        assert_eq!(
            lines,
            [
                "relayed: it lies at a relay until they fetch it",
                "1970-01-01 00:00  queued",
                "1970-01-01 00:01  at a relay",
                "1970-01-02 00:00  given up, unless they fetch it before",
                "2 of 2 parts at a relay or there",
            ]
        );
    }

    #[test]
    fn whatever_ended_says_what_to_do_next() {
        assert!(next(Delivery::Expired, Reason::None, "m1").contains("privatus retry m1"));
        for reason in [Reason::InviteAgain, Reason::Gone] {
            let told = next(Delivery::Failed, reason, "m1");
            assert!(told.contains("invite") && told.contains("privatus forward m1 WHO"), "{told}");
        }
        assert!(next(Delivery::Queued, Reason::QueueFull, "m1").contains("full"));
    }
}
