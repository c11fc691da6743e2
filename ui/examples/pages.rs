//! Writes what an installation puts beside the binaries, of the command line's own definition, into its folder `share`:
//! `pages completions|man SHARE`. Part of the build, and not shipped: `make completions man`.

use std::error::Error;
use std::ffi::OsString;
use std::io;
use std::path::Path;

use clap_complete::Shell;

/// Where each shell looks.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/privatus"),
    (Shell::Zsh, "zsh/site-functions/_privatus"),
    (Shell::Fish, "fish/vendor_completions.d/privatus.fish"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [what, share] if what == "completions" => completions(Path::new(share))?,
        [what, share] if what == "man" => man(&Path::new(share).join("man/man1"))?,
        _ => return Err("how it is called: pages completions|man SHARE".into()),
    }
    Ok(())
}

fn completions(share: &Path) -> io::Result<()> {
    for (shell, name) in COMPLETIONS {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut privatus::cli::command(), "privatus", &mut script);
        let path = share.join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(share))?;
        std::fs::write(path, script)?;
    }
    Ok(())
}

/// A page a command.
fn man(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(privatus::cli::command(), folder)
}
