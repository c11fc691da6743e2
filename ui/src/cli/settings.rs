//! `privatus get|set [WHO] KEY [VALUE]` and `privatus settings`, which tells of each key, and whether it is built.

use clap::Args;
use ipc_schema::edge::ui_keyvault::SetScripts;
use ipc_schema::edge::ui_stored::{ChangeContact, Contact, ContactAction, RETENTION_LONGEST_S};
use ipc_schema::limits::FILE_MAX_BYTES;
use serde::Serialize;

use super::talk::{self, Patience};
use super::{Context, Failure, Outcome, duration, passphrase, profile, sockets};
use crate::peers;

#[derive(Debug, Args)]
pub(super) struct Get {
    /// Of one contact, and then the key
    #[arg(required = true, num_args = 1..=2, value_name = "[WHO] KEY")]
    words: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct Set {
    /// Of one contact, then the key and its value
    #[arg(required = true, num_args = 2..=3, value_name = "[WHO] KEY VALUE")]
    words: Vec<String>,
    /// Take the passphrase from this descriptor: one line
    #[arg(long, value_name = "N")]
    passphrase_fd: Option<i32>,
}

/// Where a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Scope {
    /// For all of the profile.
    Profile,
    /// For one contact; without WHO for those that have none of their own.
    Contact,
}

impl Scope {
    fn word(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Contact => "contact",
        }
    }
}

/// A key of the contract.
#[derive(Debug, Serialize)]
struct Key {
    key: &'static str,
    scope: Scope,
    values: &'static str,
    default: &'static str,
    meaning: &'static str,
    /// Whether code stands behind it.
    built: bool,
}

/// The values of what can only be on or off.
const SWITCH: &str = "on|off";

const RETENTION: &str = "retention";
/// What is never deleted for its age.
const FOREVER: &str = "forever";

const FILES: &str = "files";
/// None comes by itself.
const OFF: &str = "off";
/// What sizes are typed in, and their bytes.
const SIZES: [(&str, u64); 3] = [("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];

const KEYS: &[Key] = &[
    Key {
        key: "receipts",
        scope: Scope::Contact,
        values: SWITCH,
        default: "off",
        meaning: "they are told when you have read what they wrote",
        built: true,
    },
    Key {
        key: "typing",
        scope: Scope::Contact,
        values: SWITCH,
        default: "off",
        meaning: "they see that you are writing",
        built: true,
    },
    Key {
        key: "route",
        scope: Scope::Contact,
        values: "onion|direct",
        default: "onion",
        meaning: "how texts travel; direct is quicker and tells them, and who watches the network, your address",
        built: false,
    },
    Key {
        key: "traffic",
        scope: Scope::Profile,
        values: "live|quiet|constant-rate",
        default: "live",
        meaning: "texts come at once, or are asked for now and then, or within a stream that never changes",
        built: false,
    },
    Key {
        key: RETENTION,
        scope: Scope::Contact,
        values: "forever, or a duration such as 30d",
        default: "forever",
        meaning: "how long what was said is kept on this computer; what is older is deleted here, and nowhere else",
        built: true,
    },
    Key {
        key: FILES,
        scope: Scope::Contact,
        values: "off, or a size such as 10M",
        default: OFF,
        meaning: "files up to so large come without being accepted; without WHO, from those whose safety number you compared",
        built: true,
    },
    Key {
        key: "lock",
        scope: Scope::Profile,
        values: "a duration such as 30m",
        default: "1h",
        meaning: "how long the window waits for you before all keys are dropped",
        built: false,
    },
    Key {
        key: "scripts",
        scope: Scope::Profile,
        values: SWITCH,
        default: "off",
        meaning: "programs of this user may read and write through a profile with a window; through a headless one they always may",
        built: true,
    },
    Key {
        key: "guard",
        scope: Scope::Profile,
        values: "drawn, or a relay's address",
        default: "drawn",
        meaning: "the first relay of every route, which sees your address",
        built: false,
    },
    Key {
        key: "proxy",
        scope: Scope::Profile,
        values: "none, or socks5://HOST:PORT",
        default: "none",
        meaning: "what stands between this computer and the first relay",
        built: false,
    },
];

#[derive(Debug, Serialize)]
struct Row<'a> {
    key: &'a str,
    value: &'a str,
}

pub(super) fn list(context: &Context) -> Outcome {
    KEYS.iter().try_for_each(|key| context.output.row(key, || words(key)))
}

fn words(key: &Key) -> String {
    let unbuilt = if key.built { "" } else { " (not built yet)" };
    let Key { key, scope, values, default, meaning, .. } = key;
    format!("{key:<11}{values}; of a {}, by default {default}{unbuilt}\n           {meaning}", scope.word())
}

pub(super) fn get(arguments: &Get, context: &Context) -> Outcome {
    let (who, key) = match arguments.words.as_slice() {
        [who, key] => (Some(who), key),
        [key] => (None, key),
        _ => return Err(Failure::Usage("name a key: see `privatus settings`".into())),
    };
    let Key { key, .. } = named(who, key)?;
    let measure: Option<fn(&Contact) -> String> = match *key {
        RETENTION => Some(|contact| retention_words(contact.retention_s)),
        FILES => Some(|contact| files_words(contact.files)),
        _ => None,
    };
    if let Some(measure) = measure {
        let value = measure(&changed(who, ContactAction::Show, context)?);
        return context.output.row(&Row { key, value: &value }, || value.clone());
    }
    let on = match courtesy(key) {
        Some(courtesy) => (courtesy.is_on)(&changed(who, ContactAction::Show, context)?),
        None => sockets::block_on(profile::scripts(context))?,
    };
    let value = if on { "on" } else { "off" };
    context.output.row(&Row { key, value }, || value.to_owned())
}

/// Seconds; 0: for ever.
fn retention(value: &str) -> Outcome<u32> {
    if value == FOREVER {
        return Ok(0);
    }
    let seconds = duration::parse(value).and_then(|long| u32::try_from(long.as_secs()).ok());
    seconds
        .filter(|seconds| *seconds <= RETENTION_LONGEST_S)
        .ok_or_else(|| Failure::Usage("it is forever, or a duration such as 30d or 26w, up to 520w".into()))
}

/// As it is typed.
fn retention_words(seconds: u32) -> String {
    if seconds == 0 { FOREVER.to_owned() } else { duration::words(seconds.into()) }
}

/// Bytes; 0: none.
fn files(value: &str) -> Outcome<u64> {
    if value == OFF {
        return Ok(0);
    }
    let size = SIZES.into_iter().find_map(|(unit, bytes)| {
        let count = value.strip_suffix(unit)?;
        // Also a sign would be parsed.
        let digits = count.bytes().all(|byte| byte.is_ascii_digit());
        count.parse::<u64>().ok().filter(|_| digits)?.checked_mul(bytes)
    });
    size.filter(|size| (1..=FILE_MAX_BYTES).contains(size))
        .ok_or_else(|| Failure::Usage("it is off, or a size such as 500K, 10M or 1G, up to 4G".into()))
}

/// As it is typed, or in bytes what cannot be.
fn files_words(bytes: u64) -> String {
    if bytes == 0 {
        return OFF.to_owned();
    }
    let whole = SIZES.into_iter().find(|(_, unit)| bytes.is_multiple_of(*unit));
    whole.map_or_else(|| bytes.to_string(), |(name, unit)| format!("{}{name}", bytes / unit))
}

/// What a contact may be told of the user: of each there is one value a contact, and one for those that have none of their own.
struct Courtesy {
    set: fn(bool) -> ContactAction,
    is_on: fn(&Contact) -> bool,
}

fn courtesy(key: &str) -> Option<Courtesy> {
    match key {
        "receipts" => Some(Courtesy { set: ContactAction::Receipts, is_on: |contact| contact.receipts }),
        "typing" => Some(Courtesy { set: ContactAction::Typing, is_on: |contact| contact.typing }),
        _ => None,
    }
}

/// Without `who` it is about those that have nothing of their own.
fn changed(who: Option<&String>, action: ContactAction, context: &Context) -> Outcome<Contact> {
    let change = ChangeContact { who: who.cloned().unwrap_or_default(), action };
    sockets::block_on(talk::call(&context.profile, talk::SOON, change))
}

pub(super) fn set(arguments: &Set, context: &Context) -> Outcome {
    let (who, key, value) = match arguments.words.as_slice() {
        [who, key, value] => (Some(who), key, value),
        [key, value] => (None, key, value),
        _ => return Err(Failure::Usage("name a key and its value: see `privatus settings`".into())),
    };
    let Key { key, .. } = named(who, key)?;
    let measure = match *key {
        RETENTION => Some(ContactAction::Retention(retention(value)?)),
        FILES => Some(ContactAction::Files(files(value)?)),
        _ => None,
    };
    if let Some(action) = measure {
        return changed(who, action, context).map(drop);
    }
    let on = match value.as_str() {
        "on" => true,
        "off" => false,
        _ => return Err(Failure::Usage(format!("it is on or off: `privatus set {key} on`"))),
    };
    if let Some(courtesy) = courtesy(key) {
        return changed(who, (courtesy.set)(on), context).map(drop);
    }
    context.profile.running()?;
    let passphrase = passphrase::read(arguments.passphrase_fd, "Passphrase")?;
    let patience = Patience::of(arguments.passphrase_fd, None);
    let call = |unlock| peers::send(unlock, SetScripts { passphrase: passphrase.clone(), on });
    Ok(sockets::block_on(talk::with_passphrase(&context.profile, patience, call))??)
}

/// The key of that name, if code stands behind it and it can be of a contact where one was named.
fn named(who: Option<&String>, key: &str) -> Outcome<&'static Key> {
    let Some(known) = KEYS.iter().find(|known| known.key == key) else {
        let keys: Vec<&str> = KEYS.iter().map(|known| known.key).collect();
        return Err(Failure::Usage(format!("the keys are {}: see `privatus settings`", keys.join(", "))));
    };
    if !known.built {
        return Err(Failure::not_built(&format!("the setting {}", known.key)));
    }
    // What nobody is called stands for all: a script whose WHO came out empty does not mean them.
    if who.is_some_and(String::is_empty) {
        return Err(Failure::Usage("WHO is empty: name a contact, or leave it out".into()));
    }
    if who.is_some() && known.scope == Scope::Profile {
        return Err(Failure::Usage(format!("{} holds for the whole profile: leave out WHO", known.key)));
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::super::contacts::tests::robin;
    use super::*;

    #[test]
    fn a_key_of_the_contract_is_not_built_and_another_one_is_a_mistake() {
        assert_eq!(named(None, "route").unwrap_err().code(), 5);
        assert_eq!(named(Some(&"Bob".into()), "route").unwrap_err().code(), 5);
        assert_eq!(named(None, "colour").unwrap_err().code(), 2);
        assert_eq!(named(Some(&"Bob".into()), "scripts").unwrap_err().code(), 2);
        assert!(named(None, "scripts").is_ok());
    }

    #[test]
    fn a_size_is_a_number_and_a_unit_and_nothing_else() {
        for (value, bytes) in [("off", 0), ("500K", 500 << 10), ("10M", 10 << 20), ("4G", FILE_MAX_BYTES)] {
            assert_eq!(files(value), Ok(bytes), "{value}");
            assert_eq!(files_words(bytes), value);
        }
        for value in ["", "0M", "10", "M", "-1M", "+1M", "1.5M", "5G", "10m", "18446744073709551615G"] {
            assert_eq!(files(value).unwrap_err().code(), 2, "{value}");
        }
        assert_eq!(files_words(1_500), "1500");
    }

    #[test]
    fn what_a_contact_is_told_is_set_for_one_or_for_those_without_their_own_and_never_for_an_empty_name() {
        for key in ["receipts", "typing"] {
            assert!(named(None, key).is_ok() && named(Some(&"Bob".into()), key).is_ok());
            assert_eq!(named(Some(&String::new()), key).unwrap_err().code(), 2);
            let Courtesy { set, is_on } = courtesy(key).unwrap();
            let mut robin = robin();
            for on in [true, false] {
                match set(on) {
                    ContactAction::Receipts(on) => robin.receipts = on,
                    ContactAction::Typing(on) => robin.typing = on,
                    _ => panic!("{key}"),
                }
                assert_eq!(is_on(&robin), on, "{key}");
            }
        }
        assert!(courtesy("scripts").is_none());
    }

    #[test]
    fn retention_is_for_ever_or_a_duration_up_to_ten_years_and_is_told_as_it_is_typed() {
        for (text, seconds) in [("forever", 0), ("60s", 60), ("30d", 2_592_000), ("520w", 314_496_000)] {
            assert_eq!(retention(text).unwrap(), seconds);
        }
        for (seconds, words) in [(0, "forever"), (60, "1m"), (2_592_000, "30d"), (314_496_000, "520w")] {
            assert_eq!(retention_words(seconds), words);
        }
        for text in ["", "off", "0d", "never", "30", "3641d", "99999999999w"] {
            assert_eq!(retention(text).unwrap_err().code(), 2, "{text}");
        }
        assert!(named(None, RETENTION).is_ok() && named(Some(&"Bob".into()), RETENTION).is_ok());
        assert_eq!(named(Some(&String::new()), RETENTION).unwrap_err().code(), 2);
    }

    #[test]
    fn every_key_of_the_contract_is_told_with_all_that_a_script_asks() {
        let keys: Vec<_> = KEYS.iter().map(|key| key.key).collect();
        let contract = [
            "receipts",
            "typing",
            "route",
            "traffic",
            "retention",
            "files",
            "lock",
            "scripts",
            "guard",
            "proxy",
        ];
        assert_eq!(keys, contract);
        let json = serde_json::to_string(&KEYS[7]).unwrap();
        assert!(json.starts_with(r#"{"key":"scripts","scope":"profile","values":"on|off","default":"off","#));
        assert!(json.ends_with(r#","built":true}"#), "{json}");
        assert!(words(&KEYS[2]).contains("not built yet") && !words(&KEYS[7]).contains("not built yet"));
    }
}
