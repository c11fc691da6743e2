//! `privatus accept LINK|-`: returns when the reply lies at a relay.

use std::io::Read;

use clap::Args;
use ipc_schema::edge::ui_stored::{AcceptInvite, Refusal};
use ipc_schema::limits::PASTED_MAX_BYTES;
use ipc_schema::link::{self, Found};

use super::exit::Doing;
use super::rows::ContactRow;
use super::{Context, Failure, Outcome, contacts, sockets, talk};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The link, or a text that holds it; `-`: from stdin, where no other program can read it
    link: String,
    /// What you call who invited you; seen by you alone
    #[arg(long, value_name = "WHO")]
    name: Option<String>,
    /// Join the closed network that the invitation carries, where the profile is in none yet
    #[arg(long, hide = true)]
    join: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Outcome {
    if arguments.join {
        return Err(Failure::not_built("accept --join"));
    }
    let link = link(&text(&arguments.link, std::io::stdin().lock())?)?;
    let name = arguments.name.clone().unwrap_or_default();
    let accept = AcceptInvite { link, name };
    let contact = sockets::block_on(talk::call(&context.profile, talk::OVER_THE_NETWORK, accept))?;
    context.output.done(&ContactRow::from(&contact), || contacts::words(&contact), "see `privatus contacts`")
}

/// The text as given, or stdin. Bytes that are no UTF-8 stand around the link, if anywhere.
fn text(given: &str, stdin: impl Read) -> Outcome<String> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(PASTED_MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    stdin.take(most).read_to_end(&mut bytes).doing("read the link from stdin")?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// stored and keyvault are given the link alone: the one keeps it by its letters, and the other, which holds the keys, reads one form.
fn link(untrusted_text: &str) -> Outcome<String> {
    match link::find(untrusted_text) {
        // keyvault says what is wrong with one that is not sound.
        Found::Link(link) | Found::Broken(link) => Ok(link),
        Found::Several => {
            Err(Failure::Failed("this holds more than one invitation: give the one that you mean".into()))
        }
        Found::Nothing if untrusted_text.len() > PASTED_MAX_BYTES => Err(Failure::Failed(format!(
            "this is too long to look for a link in: give at most {} KiB of it",
            PASTED_MAX_BYTES / 1_024
        ))),
        Found::Nothing => Err(Refusal::LinkMalformed.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two sound links of version 1, without contact points.
    const LINK: &str = "privatus:i#AQFM9oKaqTco6PPJffkT-xv6lf5YEOKTOgWUP4MSqY2c8jfncC5c5EnBIl-hs7Ptji3_NdJEZNkmSkwr6_Pg3u4Fa0nSAACTtayr";
    const OTHER: &str = "privatus:i#AQG4MbM-DAW0XhW73Zs7-kOCX-4KoLblpU4x4r2LBzt2t2TyMmEKpk5PfwPFFyi1BQ2C0pS1XDBAcE8OXYPBKbjwa0nSAABBcpNz";

    #[test]
    fn a_link_is_taken_out_of_what_comes_in_on_stdin() {
        let (head, tail) = LINK.split_at(76);
        let mail =
            [&b"Gr\xfc\xdfe!\r\n> "[..], head.as_bytes(), b"\r\n> ", tail.as_bytes(), b"\r\n> Kim"].concat();
        assert_eq!(link(&text("-", &mail[..]).unwrap()).unwrap(), LINK);
        assert_eq!(link(&text(&format!("<{LINK}>"), &b""[..]).unwrap()).unwrap(), LINK);
    }

    #[test]
    fn what_holds_no_link_or_two_is_told_before_anybody_is_asked() {
        let why = |text: &str| link(text).unwrap_err();
        assert_eq!(why("hello"), Refusal::LinkMalformed.into());
        assert!(why(&format!("{LINK} {OTHER}")).to_string().contains("more than one invitation"));
        let endless = text("-", std::io::repeat(b'x')).unwrap();
        assert_eq!((why(&endless).code(), why(&endless).to_string().contains("64 KiB")), (1, true));
    }
}
