//! Telling the window manager that somebody wrote while nobody looks: one bit beside the window, never a name nor a word.
//!
//! FLTK has no call for it, so this is a second connection to the X server. It may do nothing that the first may not: to an X server
//! all of a program's connections are one. A Wayland compositor takes such a wish only with a token of a press, and gets none.

use sandbox::Display;
use x11rb::connection::Connection;
use x11rb::properties::WmHints;
use x11rb::rust_connection::RustConnection;

/// Whether somebody is to be called, and whether that was told.
#[derive(Debug, Default)]
pub(crate) struct Attention {
    /// So much was unread when somebody looked last, or was called.
    known: u32,
    /// Somebody is called.
    calls: bool,
}

impl Attention {
    /// What is to be told now: somebody is called once something came while nobody looks, until somebody does.
    pub(crate) fn look(&mut self, attended: bool, unread: u32) -> Option<bool> {
        let calls = !attended && unread > 0 && (self.calls || unread > self.known);
        self.known = unread;
        (std::mem::replace(&mut self.calls, calls) != calls).then_some(calls)
    }
}

/// The connection that says so.
pub(crate) struct Bell(RustConnection);

impl Bell {
    /// Connects; nothing else may be connected to later. `None`: there is nobody to tell, and the title alone says how much is unread.
    pub(crate) fn open(display: &Display) -> Option<Self> {
        let Display::X11 { name, .. } = display else { return None };
        RustConnection::connect(Some(name)).ok().map(|(connection, _)| Self(connection))
    }

    /// Sets the bit in the hints of that window, and leaves all else in them as it is (ICCCM 4.1.2.4). A server that is gone ends the
    /// window by itself.
    pub(crate) fn ring(&self, window: u32, on: bool) {
        let hints = WmHints::get(&self.0, window).ok().and_then(|asked| asked.reply().ok().flatten());
        let hints = WmHints { urgent: on, ..hints.unwrap_or_default() };
        if hints.set(&self.0, window).is_ok() {
            let _ = self.0.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_called_once_when_something_comes_unseen_and_no_more_once_they_look() {
        let mut attention = Attention::default();
        for (attended, unread, told) in [
            (true, 2, None),
            (false, 2, None),
            (false, 3, Some(true)),
            (false, 4, None),
            (true, 4, Some(false)),
            (false, 5, Some(true)),
            (false, 0, Some(false)),
            (true, 1, None),
            (false, 1, None),
            (false, 0, None),
            (false, 1, Some(true)),
        ] {
            assert_eq!(attention.look(attended, unread), told, "{attended} {unread}");
        }
    }
}
