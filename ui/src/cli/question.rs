//! A question on the terminal before something is lost.

use std::io::{BufRead, IsTerminal, Read, Write};

use super::Output;
use super::exit::{Doing, Failure, Outcome};

/// What is read of an answer, bytes: more than any is long.
const ANSWER_MAX_BYTES: u64 = 64;

/// Asks whether to go on, where a person sits at a terminal. `loss` says what is lost, as a sentence without its full stop.
///
/// # Errors
/// [`Failure::Usage`]: nobody can be asked, so `--yes` must say it. [`Failure::Failed`]: the answer was not *yes*.
pub(super) fn sure(loss: &str, output: Output) -> Outcome {
    let mut stdin = std::io::stdin().lock();
    if output.json || !stdin.is_terminal() {
        return Err(Failure::Usage(format!("{loss}: say so with --yes")));
    }
    ask(loss, &mut stdin, &mut std::io::stderr())
}

/// Whether a person sits at a terminal who can be asked what the other side has.
///
/// # Errors
/// [`Failure::Usage`]: nobody does, so the command line must say what was compared.
pub(super) fn reaches_somebody(output: Output) -> Outcome {
    if output.json || !std::io::stdin().is_terminal() {
        return Err(Failure::Usage(
            "say what was compared: --digits, --words or --short that they read out, or --scanned; `privatus contact show WHO` prints yours".into(),
        ));
    }
    Ok(())
}

/// Asks whether the other side has what is `shown`.
///
/// # Errors
/// [`Failure::Failed`]: the answer was not *yes*.
pub(super) fn same(shown: &str) -> Outcome {
    let question =
        format!("{shown}\nIt was compared only if they read or show you the same, in person or by voice");
    ask(&question, &mut std::io::stdin().lock(), &mut std::io::stderr())
}

fn ask(loss: &str, from: &mut impl BufRead, to: &mut impl Write) -> Outcome {
    write!(to, "{loss}. Type yes to go on: ").doing("ask on the terminal")?;
    let mut answer = String::new();
    from.take(ANSWER_MAX_BYTES).read_line(&mut answer).doing("read the answer")?;
    if answer.trim() == "yes" { Ok(()) } else { Err(Failure::Failed("nothing was changed".into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_yes_goes_on() {
        let answered = |answer: &str| ask("this deletes Bob", &mut answer.as_bytes(), &mut Vec::new());
        assert_eq!(answered("yes\n"), Ok(()));
        for other in ["", "\n", "y\n", "no\n", "yes, no\n", "YES\n"] {
            assert_eq!(answered(other).unwrap_err().code(), 1, "{other:?}");
        }
        assert_eq!(ask("x", &mut &b"\xff\n"[..], &mut Vec::new()).unwrap_err().code(), 1);
    }

    #[test]
    fn where_nobody_can_be_asked_the_command_line_must_say_what_was_compared() {
        let refused = reaches_somebody(Output { json: true }).unwrap_err();
        assert!(refused.code() == 2 && refused.to_string().contains("--digits"), "{refused}");
    }

    #[test]
    fn what_would_be_lost_is_said_where_nobody_can_be_asked() {
        let refused = sure("this deletes Bob", Output { json: true }).unwrap_err();
        assert_eq!(refused.code(), 2);
        assert!(refused.to_string().contains("Bob") && refused.to_string().contains("--yes"));
    }
}
