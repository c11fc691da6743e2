//! `ui.state`: where the window stands and how it looks, in a file that was granted open. It is read before anybody has unlocked, and is
//! the same for every passphrase: nothing about people is in it.
//!
//! One line of [`BYTES`], filled up with spaces: `privatus-window 1`, theme, scale in percent, left, top, width and height of the content
//! in the screen's own pixels, and 1 where the window is maximised, else 0. What is no such line counts as none.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::time::Duration;

use tokio::time::Instant;

use crate::scene::Rect;
use crate::theme::Theme;

/// Length of the file.
pub const BYTES: usize = 96;

/// What the line begins with; a later form begins otherwise.
const HEAD: [&str; 2] = ["privatus-window", "1"];

/// Largest distance and size that is believed, pixels.
const PIXELS_MAX: i32 = 100_000;

/// The least and the most that all is enlarged, percent.
pub const PERCENT: (i32, i32) = (80, 200);

/// It is written at most so often.
const WRITE_EVERY: Duration = Duration::from_secs(1);

/// How the window stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// The colours.
    pub theme: Theme,
    /// How much all is enlarged, percent, on top of the screen's own factor.
    pub percent: i32,
    /// Its content, in the screen's own pixels; where it stands once it is not maximised any more.
    pub place: Rect,
    /// It fills the screen.
    pub maximised: bool,
}

impl Kept {
    /// What a line says; `None` where it is none, or says what cannot be.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let line: &[u8; BYTES] = bytes.try_into().ok()?;
        let words: Vec<&str> = std::str::from_utf8(line).ok()?.split_ascii_whitespace().collect();
        let [name, version, theme, percent, x, y, w, h, maximised] = *words else { return None };
        let theme =
            [Theme::Light, Theme::Dark, Theme::Contrast].into_iter().find(|one| word(*one) == theme)?;
        let number = |text: &str, least: i32, most: i32| {
            text.parse::<i32>().ok().filter(|number| (least..=most).contains(number))
        };
        let kept = Self {
            theme,
            percent: number(percent, PERCENT.0, PERCENT.1)?,
            place: Rect {
                x: number(x, -PIXELS_MAX, PIXELS_MAX)?,
                y: number(y, -PIXELS_MAX, PIXELS_MAX)?,
                w: number(w, 1, PIXELS_MAX)?,
                h: number(h, 1, PIXELS_MAX)?,
            },
            maximised: number(maximised, 0, 1)? == 1,
        };
        ([name, version] == HEAD).then_some(kept)
    }

    /// The line.
    #[must_use]
    pub fn line(&self) -> [u8; BYTES] {
        let Rect { x, y, w, h } = self.place;
        let place = [x.clamp(-PIXELS_MAX, PIXELS_MAX), y.clamp(-PIXELS_MAX, PIXELS_MAX)];
        let size = [w.clamp(1, PIXELS_MAX), h.clamp(1, PIXELS_MAX)];
        let numbers = [self.percent.clamp(PERCENT.0, PERCENT.1)].into_iter().chain(place).chain(size);
        let numbers: Vec<String> =
            numbers.chain([i32::from(self.maximised)]).map(|number| number.to_string()).collect();
        let text = format!("{} {} {}", HEAD.join(" "), word(self.theme), numbers.join(" "));
        let mut line = [b' '; BYTES];
        // The longest that the bounds allow is shorter.
        for (place, byte) in line.iter_mut().zip(text.bytes()) {
            *place = byte;
        }
        if let Some(last) = line.last_mut() {
            *last = b'\n';
        }
        line
    }
}

fn word(theme: Theme) -> &'static str {
    match theme {
        Theme::Light => "light",
        Theme::Dark => "dark",
        Theme::Contrast => "contrast",
    }
}

/// The file at work. A disk that takes nothing is no trouble: then the next start knows less.
#[derive(Debug, Default)]
pub struct Keeper {
    file: Option<File>,
    /// What the file says, as far as is known, and since when.
    said: Option<(Kept, Instant)>,
}

impl Keeper {
    /// Takes the file; gives what it says.
    #[must_use]
    pub fn open(file: Option<File>, now: Instant) -> (Self, Option<Kept>) {
        let Some(file) = file else { return (Self::default(), None) };
        let mut bytes = Vec::new();
        let most = u64::try_from(BYTES).unwrap_or(u64::MAX);
        let read = (&file).take(most + 1).read_to_end(&mut bytes);
        if bytes.len() > BYTES {
            // Nothing of ours: it becomes so by the first line that is written.
            let _ = file.set_len(0);
        }
        let kept = read.ok().and_then(|_| Kept::parse(&bytes));
        (Self { file: Some(file), said: kept.map(|kept| (kept, now)) }, kept)
    }

    /// Writes how the window stands, where the file says otherwise and was not written within the last second; gives how long that is to
    /// be waited for.
    pub fn keep(&mut self, kept: Kept, now: Instant) -> Option<Duration> {
        let left = match &self.said {
            Some((said, _)) if *said == kept => return None,
            Some((_, since)) => WRITE_EVERY.saturating_sub(now.saturating_duration_since(*since)),
            None => Duration::ZERO,
        };
        if left > Duration::ZERO {
            return Some(left);
        }
        self.end(kept, now);
        None
    }

    /// Writes how the window stands, also within that second.
    pub fn end(&mut self, kept: Kept, now: Instant) {
        if self.said.is_some_and(|(said, _)| said == kept) {
            return;
        }
        self.said = Some((kept, now));
        if let Some(file) = &mut self.file {
            // One call: whoever is killed leaves the old line or the new one.
            let _ = file.rewind().and_then(|()| file.write_all(&kept.line()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: Kept = Kept {
        theme: Theme::Contrast,
        percent: 130,
        place: Rect { x: -7, y: 40, w: 1200, h: 800 },
        maximised: true,
    };

    #[test]
    fn what_is_written_is_read_again() {
        let widest = -PIXELS_MAX;
        let longest =
            Kept { place: Rect { x: widest, y: widest, w: PIXELS_MAX, h: PIXELS_MAX }, percent: 200, ..KEPT };
        for kept in [KEPT, longest, Kept { theme: Theme::Dark, maximised: false, ..KEPT }] {
            let line = kept.line();
            assert_eq!(Kept::parse(&line), Some(kept));
            assert!(line.ends_with(b" \n"), "there is room left");
        }
        let beyond = Kept { percent: 7, place: Rect { x: i32::MIN, y: i32::MAX, w: 0, h: -4 }, ..KEPT };
        let read = Kept::parse(&beyond.line()).unwrap();
        assert_eq!((read.percent, read.place), (80, Rect { x: -PIXELS_MAX, y: PIXELS_MAX, w: 1, h: 1 }));
    }

    fn believable(kept: Kept) -> bool {
        let Rect { x, y, w, h } = kept.place;
        let near = |number: i32| (-PIXELS_MAX..=PIXELS_MAX).contains(&number);
        (80..=200).contains(&kept.percent) && near(x) && near(y) && near(w) && near(h) && w > 0 && h > 0
    }

    #[test]
    fn any_bytes_are_a_line_that_can_be_or_none() {
        let line = KEPT.line();
        for place in 0..BYTES {
            for byte in 0..=u8::MAX {
                let mut other = line;
                other[place] = byte;
                assert!(Kept::parse(&other).is_none_or(believable), "{place} {byte}");
            }
            assert_eq!(Kept::parse(&line[..place]), None);
        }
        assert_eq!(Kept::parse(&[line.as_slice(), b" "].concat()), None);
        let padded = |text: &str| format!("{text:<95}\n").into_bytes();
        assert!(Kept::parse(&padded("privatus-window 1 dark 100 0 0 800 600 0")).is_some());
        for odd in [
            "privatus-window 2 dark 100 0 0 800 600 0",
            "privatus-window 1 pink 100 0 0 800 600 0",
            "privatus-window 1 dark 79 0 0 800 600 0",
            "privatus-window 1 dark 100 0 0 0 600 0",
            "privatus-window 1 dark 100 0 0 800 100001 0",
            "privatus-window 1 dark 100 0 0 99999999999 600 0",
            "privatus-window 1 dark 100 0 0 800 600 2",
            "privatus-window 1 dark 100 0 0 800 600 0 0",
            "",
        ] {
            assert_eq!(Kept::parse(&padded(odd)), None, "{odd}");
        }
        // Bytes of a generator that is the same each time.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        };
        for length in (0..200).cycle().take(4_000) {
            let bytes: Vec<u8> = (0..length).map(|_| next()).collect();
            assert!(Kept::parse(&bytes).is_none_or(believable));
        }
    }

    #[test]
    fn it_is_written_once_a_second_and_at_the_end() {
        let mut file = tempfile::tempfile().unwrap();
        let granted = file.try_clone().unwrap();
        let mut says = || {
            let mut bytes = Vec::new();
            file.rewind().unwrap();
            file.read_to_end(&mut bytes).unwrap();
            Kept::parse(&bytes).map(|kept| kept.percent)
        };
        let begun = Instant::now();
        let at = |millis: u64| begun + Duration::from_millis(millis);
        let with = |percent: i32| Kept { percent, ..KEPT };
        let (mut keeper, kept) = Keeper::open(Some(granted), begun);
        assert_eq!(kept, None);
        assert_eq!(keeper.keep(with(100), at(0)), None);
        assert_eq!(says(), Some(100));
        assert_eq!(keeper.keep(with(110), at(400)), Some(Duration::from_millis(600)));
        assert_eq!(keeper.keep(with(120), at(900)), Some(Duration::from_millis(100)));
        assert_eq!(says(), Some(100));
        assert_eq!(keeper.keep(with(120), at(1_000)), None);
        assert_eq!(says(), Some(120));
        assert_eq!(keeper.keep(with(120), at(9_000)), None, "nothing changed");
        keeper.end(with(130), at(9_001));
        assert_eq!(says(), Some(130));
    }

    #[test]
    fn a_file_that_is_longer_or_cannot_be_written_is_no_trouble() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ui.state");
        std::fs::write(&path, vec![b'x'; 4_000]).unwrap();
        let open = || File::options().read(true).write(true).open(&path).unwrap();
        let now = Instant::now();
        let (mut keeper, kept) = Keeper::open(Some(open()), now);
        assert_eq!(kept, None);
        keeper.end(KEPT, now);
        assert_eq!(Keeper::open(Some(open()), now).1, Some(KEPT));
        let (mut keeper, kept) = Keeper::open(Some(File::open(&path).unwrap()), now);
        assert_eq!(kept, Some(KEPT));
        keeper.end(Kept { percent: 80, ..KEPT }, now);
        assert_eq!(Keeper::open(Some(open()), now).1, Some(KEPT), "it could only be read");
        assert_eq!(Keeper::open(None, now).1, None);
    }
}
