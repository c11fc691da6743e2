//! Icons and delivery marks as constant SVG: grid 24, stroke 2, round ends, one colour; marks on a grid of 16, stroke 1.5.
//! Only our own text is ever given to the SVG reader.

use crate::theme::Rgb;

macro_rules! icons {
    ($($(#[$doc:meta])* $name:ident = $grid:literal $body:literal,)*) => {
        /// A picture of one colour.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Icon { $($(#[$doc])* $name,)* }

        impl Icon {
            /// Every icon.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            fn source(self) -> (u8, &'static str) {
                match self { $(Self::$name => ($grid, $body),)* }
            }
        }
    };
}

icons! {
    /// Conversations.
    Chats = 24 "<path d='M6 5h12a3 3 0 0 1 3 3v6a3 3 0 0 1-3 3h-8l-4 3v-3a3 3 0 0 1-3-3V8a3 3 0 0 1 3-3z'/>",
    /// The app's own sign.
    Keyhole = 40 "<g fill='INK' stroke='none'><circle cx='20' cy='16' r='6'/><path d='M17.500 19h5l2.500 12H15z'/></g>",
    /// Closed.
    Lock = 24 "<rect x='5' y='11' width='14' height='9' rx='2'/><path d='M8 11V8a4 4 0 0 1 8 0v3'/>",
    /// Open.
    Unlock = 24 "<rect x='5' y='11' width='14' height='9' rx='2'/><path d='M8 11V8a4 4 0 0 1 7.5-2'/>",
    /// Add.
    Plus = 24 "<path d='M12 5v14M5 12h14'/>",
    /// Away with it.
    Close = 24 "<path d='M6 6l12 12M18 6L6 18'/>",
    /// Done.
    Check = 24 "<path d='M5 12.5l4.5 4.5L19 7'/>",
    /// Look for.
    Search = 24 "<circle cx='11' cy='11' r='6'/><path d='M15.5 15.5L20 20'/>",
    /// Off it goes.
    Send = 24 "<path d='M12 19V5M6 11l6-6 6 6'/>",
    /// To the end.
    Down = 24 "<path d='M6 9l6 6 6-6'/>",
    /// Further up.
    Up = 24 "<path d='M6 15l6-6 6 6'/>",
    /// Further.
    Right = 24 "<path d='M9 6l6 6-6 6'/>",
    /// Back.
    Back = 24 "<path d='M19 12H5M11 6l-6 6 6 6'/>",
    /// Safety number compared.
    Verified = 24 "<path d='M12 3l8 3v6c0 4.5-3.2 7.6-8 9-4.8-1.4-8-4.5-8-9V6z'/><path d='M8.5 12l2.5 2.5 4.5-4.5'/>",
    /// Not compared yet.
    Unverified = 24 "<path d='M12 3l8 3v6c0 4.5-3.2 7.6-8 9-4.8-1.4-8-4.5-8-9V6z'/><path d='M12 8v4.5M12 15.8v.2'/>",
    /// Route over three relays.
    Route3 = 24 "<circle cx='4' cy='12' r='2'/><circle cx='12' cy='12' r='2'/><circle cx='20' cy='12' r='2'/><path d='M6 12h4M14 12h4'/>",
    /// Not yet.
    Hourglass = 24 "<path d='M7 4h10M7 20h10M8 4v3c0 2.5 4 3.5 4 5s-4 2.500-4 5v3M16 4v3c0 2.500-4 3.500-4 5s4 2.500 4 5v3'/>",
    /// Something is off.
    Warn = 24 "<path d='M12 4l9 16H3z'/><path d='M12 10v4M12 16.800v.2'/>",
    /// Proven.
    Okc = 24 "<circle cx='12' cy='12' r='9'/><path d='M8 12.300l2.800 2.700L16 9.500'/>",
    /// Not there.
    Offline = 24 "<circle cx='12' cy='12' r='9'/><path d='M6 6l12 12'/>",
    /// Relays.
    Network = 24 "<circle cx='12' cy='5.500' r='2.500'/><circle cx='5.500' cy='18' r='2.500'/><circle cx='18.500' cy='18' r='2.500'/><path d='M10.800 7.700L6.700 15.800M13.200 7.700l4.100 8.100M8 18h8'/>",
    /// Again.
    Retry = 24 "<path d='M19 12a7 7 0 1 1-2.500-5.400'/><path d='M17 2.500v4.500h-4.500'/>",
    /// A link.
    Link = 24 "<path d='M10 8H7a4 4 0 0 0 0 8h3M14 8h3a4 4 0 0 1 0 8h-3M9 12h6'/>",
    /// A picture code.
    Qr = 24 "<rect x='4' y='4' width='6' height='6'/><rect x='14' y='4' width='6' height='6'/><rect x='4' y='14' width='6' height='6'/><path d='M14 14h2v2M20 14v2M14 20h2M19 19.500h1M17 17h1'/>",
    /// Copies.
    Copy = 24 "<rect x='9' y='9' width='11' height='11' rx='2'/><path d='M5 15H4V6a2 2 0 0 1 2-2h9v1'/>",
    /// A person.
    Person = 24 "<circle cx='12' cy='8' r='4'/><path d='M5 20c0-4 3-6 7-6s7 2 7 6'/>",
    /// Seen.
    Eye = 24 "<path d='M2 12c3-5 6.500-7 10-7s7 2 10 7c-3 5-6.500 7-10 7s-7-2-10-7z'/><circle cx='12' cy='12' r='2.800'/>",
    /// Not seen.
    EyeOff = 24 "<path d='M2 12c3-5 6.500-7 10-7s7 2 10 7c-3 5-6.500 7-10 7s-7-2-10-7z'/><circle cx='12' cy='12' r='2.800'/><path d='M4 4l16 16'/>",
    /// Time.
    Clock = 24 "<circle cx='12' cy='12' r='9'/><path d='M12 7v5.500l3.500 2'/>",
    /// It ends by itself.
    Timer = 24 "<circle cx='12' cy='13.500' r='7.500'/><path d='M12 13.500V9M12 6V3M9.500 3h5'/>",
    /// Colours.
    Palette = 24 "<circle cx='12' cy='12' r='9'/><path d='M12 3a9 9 0 0 1 0 18z' fill='INK'/>",
    /// Draft.
    Edit = 24 "<path d='M4 20l1-5L16 4l4 4L9 19z'/>",
    /// History.
    Disk = 24 "<path d='M5 6c0-4 14-4 14 0v12c0 4-14 4-14 0z'/><path d='M5 6c0 4 14 4 14 0M5 12c0 4 14 4 14 0'/>",
    /// Waiting here.
    MarkQueued = 16 "<circle cx='8' cy='8' r='6.500'/><path d='M8 4.500V8.300l2.500 1.400'/>",
    /// At a relay.
    MarkRelayed = 16 "<circle cx='8' cy='8' r='6.500'/><path d='M4.800 8h6.200M8.800 5.600L11.200 8l-2.400 2.400'/>",
    /// On their device.
    MarkDelivered = 16 "<circle cx='8' cy='8' r='6.500'/><path d='M5.100 8.300l2 2 3.800-4.100'/>",
    /// Read.
    MarkRead = 16 "<path fill='INK' stroke='none' fill-rule='evenodd' d='M8 .8a7.200 7.200 0 1 1 0 14.400A7.200 7.200 0 0 1 8 .8zM4.200 8.400L7.100 11.400 12 6.100 10.900 5.100 7.100 9.200 5.300 7.300z'/>",
    /// Not sent.
    MarkFailed = 16 "<path d='M8 1.800L15 14H1z'/><path d='M8 6v4M8 11.900v.2'/>",
    /// Not picked up in time.
    MarkExpired = 16 "<path d='M4.500 1.800h7M4.500 14.200h7M5.200 1.800v2c0 2 2.800 2.700 2.800 4.200s-2.800 2.200-2.800 4.200v2M10.800 1.800v2c0 2-2.800 2.700-2.800 4.200s2.800 2.200 2.800 4.200v2'/>",
    /// Answer it.
    Reply = 24 "<path d='M9 6L4 11l5 5M4 11h9c4 0 7 2.500 7 7'/>",
    /// Hand it on.
    Forward = 24 "<path d='M15 6l5 5-5 5M20 11h-9c-4 0-7 2.500-7 7'/>",
    /// What is known of it.
    Info = 24 "<circle cx='12' cy='12' r='9'/><path d='M12 11v5.500M12 7.700v.2'/>",
    /// Away with it for good.
    Trash = 24 "<path d='M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5'/>",
    /// What else can be done.
    More = 24 "<g fill='INK' stroke='none'><circle cx='12' cy='5' r='1.800'/><circle cx='12' cy='12' r='1.800'/><circle cx='12' cy='19' r='1.800'/></g>",
    /// Stands before the others.
    Pin = 24 "<path d='M9 3h6v6l3 4H6l3-4zM12 13v8'/>",
    /// Draws attention.
    Bell = 24 "<path d='M6 17V11a6 6 0 0 1 12 0v6l2 2H4zM10 21h4'/>",
    /// Draws none.
    Mute = 24 "<path d='M6 17V11a6 6 0 0 1 12 0v6l2 2H4zM10 21h4'/><path d='M4 4l16 16'/>",
    /// A note.
    Note = 24 "<path d='M6 3h12v18l-6-4-6 4z'/>",
    /// Read aloud.
    Speaker = 24 "<path d='M4 10v4h4l5 4V6l-5 4zM16 9a4 4 0 0 1 0 6M18.500 6.500a8 8 0 0 1 0 11'/>",
    /// Signs to choose from.
    Smile = 24 "<circle cx='12' cy='12' r='9'/><path d='M8 14.200c1 1.700 2.400 2.500 4 2.500s3-.8 4-2.500M9 9.600v.3M15 9.600v.3'/>",
    /// Digits.
    Keys = 24 "<rect x='3' y='6' width='18' height='12' rx='2'/><path d='M7 10h.2M11 10h.2M15 10h.2M8 14h8'/>",
}

impl Icon {
    /// The picture's SVG in one colour; `turned`: the other way round.
    #[must_use]
    pub fn svg(self, ink: Rgb, turned: bool) -> String {
        let (grid, body) = self.source();
        let turn =
            if turned { format!("transform='translate({grid} 0) scale(-1 1)' ") } else { String::new() };
        let stroke = if grid == 16 { "1.5" } else { "2" };
        let ink = format!("#{ink:06x}");
        let body = body.replace("INK", &ink);
        format!(
            "<svg xmlns='http://www.w3.org/2000/svg' width='{grid}' height='{grid}' viewBox='0 0 {grid} {grid}'>\
             <g {turn}fill='none' stroke='{ink}' stroke-width='{stroke}' stroke-linecap='round' stroke-linejoin='round'>{body}</g></svg>"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_icon_is_drawn_in_the_one_colour_that_was_asked_for() {
        for icon in Icon::ALL {
            let svg = icon.svg(0x17_588A, false);
            assert!(svg.contains("#17588a") && !svg.contains("INK"), "{icon:?}");
            assert!(!svg.contains("scale") && icon.svg(0x17_588A, true).contains("scale(-1 1)"));
            assert_eq!(svg.matches('<').count(), svg.matches('>').count(), "{icon:?}");
        }
    }
}
