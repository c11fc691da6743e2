//! What the tests of real processes share: relays and people in folders of their own, driven by the `privatus` command, and
//! waits for states rather than times.
//!
//! The binaries are taken from the folder that `PRIVATUS_BINARIES` names, else from `<target>/release`, else `<target>/debug`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on ends"
)]

mod desktop;
mod display;
mod neighbour;
mod part;
mod processes;
mod suite;

pub use desktop::{Area, By, Desktop, Picture, Standing, Told, open_window, open_window_with};
pub use display::{
    Compositor, XServer, colours, window, window_run, window_with_fonts, window_without_namespaces,
};
pub use neighbour::Neighbour;
pub use part::Part;
pub use processes::{alive, children_of, kill_9, task_statuses};
pub use suite::{Answer, PASSPHRASE, Person, Relay, Suite, ask, folder, private_network, privatus};

use std::path::PathBuf;
use std::time::{Duration, Instant};

use sandbox::bpf::Otherwise;

/// The longest that a state is waited for: a loaded machine with two cores needs most of it.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The folder of the binaries under test.
///
/// # Panics
/// There are none: build them, or name the folder.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "a test's set-up, not the product's")]
pub fn binaries() -> PathBuf {
    if let Some(folder) = std::env::var_os("PRIVATUS_BINARIES") {
        return std::path::absolute(folder).unwrap();
    }
    // The test's own binary lies in <target>/<profile>/deps.
    let own = std::env::current_exe().unwrap();
    let target = own.ancestors().nth(3).unwrap();
    ["release", "debug"]
        .map(|profile| target.join(profile))
        .into_iter()
        .find(|folder| folder.join("privatus").exists() && folder.join("supervisor").exists())
        .unwrap_or_else(|| {
            panic!(
                "no binaries in {}: cargo build --workspace --bins, or set PRIVATUS_BINARIES",
                target.display()
            )
        })
}

/// What those binaries' filters do to a call that is in no row: cargo puts debug builds into a folder of that name, and
/// whatever lies elsewhere must be a release.
#[must_use]
pub fn built_for() -> Otherwise {
    if binaries().ends_with("debug") { Otherwise::NameAndDie } else { Otherwise::Kill }
}

/// Whether everything that a suite starts is built; a test of one crate alone may run before.
#[must_use]
pub fn built() -> bool {
    ["keyvault", "netd", "onion", "stored", "mediad"].iter().all(|name| binaries().join(name).exists())
}

/// Waits until `look` finds something, [`PATIENCE`] at most.
///
/// # Panics
/// It does not happen; `what` says what.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The monotonic clock.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "tests of real processes run on the real clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Where the build puts its results: the folder above the binaries.
///
/// # Panics
/// The binaries lie in the root folder.
#[must_use]
pub fn target_folder() -> PathBuf {
    binaries().parent().unwrap().into()
}
