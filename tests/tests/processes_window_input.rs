//! Letters that no key has: an input method writes Japanese into the sealed window.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use privatus_tests::{Area, Desktop, Standing, open_window_with, until};
use tempfile::TempDir;

/// A session's bus with an input method on it. Stopped when it is dropped.
struct InputMethod {
    bus: Child,
    daemon: Child,
    variables: Vec<(&'static str, String)>,
    _home: TempDir,
}

impl Drop for InputMethod {
    fn drop(&mut self) {
        for process in [&mut self.daemon, &mut self.bus] {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl InputMethod {
    /// ibus with this engine.
    fn start(desktop: &Desktop, engine: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut bus = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("dbus-daemon");
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let path = home.path().to_str().unwrap().to_owned();
        let variables = vec![
            ("DBUS_SESSION_BUS_ADDRESS", address.trim().to_owned()),
            ("DISPLAY", desktop.display.name.clone()),
            ("HOME", path.clone()),
            ("XDG_RUNTIME_DIR", path.clone()),
            ("XDG_CONFIG_HOME", format!("{path}/config")),
            ("XDG_CACHE_HOME", format!("{path}/cache")),
            ("LC_ALL", "C.UTF-8".to_owned()),
            ("GSETTINGS_BACKEND", "keyfile".to_owned()),
            // Its scripts want the system's Python.
            ("PATH", "/usr/bin:/bin".to_owned()),
        ];
        // It begins with Hiragana instead of Latin.
        let settings = home.path().join("config/glib-2.0/settings");
        std::fs::create_dir_all(&settings).unwrap();
        let begins = "[org/freedesktop/ibus/engine/anthy/common]\ninput-mode=0\n";
        std::fs::write(settings.join("keyfile"), begins).unwrap();
        let mut daemon = Command::new("ibus-daemon");
        daemon.args(["--xim", "--panel", "disable", "--emoji-extension", "disable"]).envs(variables.clone());
        let daemon = daemon.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("ibus-daemon");
        let method = Self { bus, daemon, variables, _home: home };
        until("the input method answers", || {
            let said = |arguments: &[&str]| {
                let mut command = Command::new("ibus");
                let output = command.args(arguments).envs(method.variables.clone()).output().unwrap();
                String::from_utf8(output.stdout).unwrap()
            };
            // It complains of what it does not need here, and does as it is told.
            let _ = said(&["engine", engine]);
            (said(&["engine"]).trim() == engine).then_some(())
        });
        method
    }
}

#[test]
fn japanese_is_written_by_an_input_method_into_the_sealed_window() {
    let (desktop, dir) = (Desktop::start(1100, 900), tempfile::tempdir().unwrap());
    let _method = InputMethod::start(&desktop, "anthy");
    let place = Area { x: 60, y: 60, w: 900, h: 700 };
    Standing { theme: "light", percent: 100, place }.keep(dir.path());
    let session = [("XMODIFIERS", "@im=ibus"), ("LC_ALL", "C.UTF-8")];
    let suite = open_window_with(&desktop, dir.path(), "input", &[], &session);
    let content = desktop.content().unwrap();
    let before = desktop.still(content);
    let _ = suite.ask(&["send", "self", "first"]).ok();
    until("a row in the list", || (desktop.see(content) != before).then_some(()));
    desktop.press(&["alt+Down"]);
    let before = desktop.still(content);
    // Until it is chosen, what is being written stands where the input method has it.
    desktop.type_text("nihongo");
    desktop.press(&["space", "Return"]);
    until("what was chosen is seen", || (desktop.see(content) != before).then_some(()));
    desktop.still(content);
    desktop.press(&["Return"]);
    let row =
        until("it is sent", || suite.ask(&["messages", "self", "--json"]).ok().rows().into_iter().nth(1));
    assert_eq!(row["body"], "日本語");
}
