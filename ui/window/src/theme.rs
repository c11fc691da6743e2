//! The colour tables, one row a token, as in the design's table *Colours*. Nothing else names a colour.

/// A colour, 0xRRGGBB.
pub type Rgb = u32;

/// Which table is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// Dark on light.
    #[default]
    Light,
    /// Light on dark.
    Dark,
    /// Black, white and few strong colours; blocks get a line.
    Contrast,
}

impl Theme {
    /// The next one, round and round.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::Light => Self::Dark,
            Self::Dark => Self::Contrast,
            Self::Contrast => Self::Light,
        }
    }
}

macro_rules! tokens {
    ($($(#[$doc:meta])* $name:ident: $light:literal $dark:literal $contrast:literal,)*) => {
        /// Every colour of one theme.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Tokens {
            $($(#[$doc])* pub $name: Rgb,)*
            /// Lines: 1, or 2 in high contrast.
            pub line_px: i32,
        }

        /// The table of `theme`.
        #[must_use]
        pub fn tokens(theme: Theme) -> Tokens {
            match theme {
                Theme::Light => Tokens { $($name: $light,)* line_px: 1 },
                Theme::Dark => Tokens { $($name: $dark,)* line_px: 1 },
                Theme::Contrast => Tokens { $($name: $contrast,)* line_px: 2 },
            }
        }
    };
}

tokens! {
    /// Conversation, cards, pages.
    bg: 0xFF_FFFF 0x17_1C22 0x00_0000,
    /// List, notes, quiet blocks.
    panel: 0xF5_F7F9 0x12_161B 0x00_0000,
    /// Rail, first-run side.
    rail: 0xE8_ECF0 0x0B_0E12 0x00_0000,
    /// Separators.
    line: 0xD3_DAE1 0x2E_3741 0xFF_FFFF,
    /// Borders of controls, scroll thumb.
    edge: 0x7C_8A98 0x74_818E 0xFF_FFFF,
    /// Inputs.
    field: 0xFF_FFFF 0x12_161B 0x00_0000,
    /// Body.
    text: 0x16_202A 0xED_F1F5 0xFF_FFFF,
    /// Second lines, times, idle icons.
    text2: 0x3C_4956 0xC5_CFD9 0xF2_F2F2,
    /// Resting labels.
    dis: 0x5D_6A76 0x83_91A0 0xBD_BDBD,
    /// Primary, links, selection mark, progress.
    accent: 0x17_588A 0x8C_C5EC 0x8A_D4FF,
    /// Primary under the pointer or pressed.
    accent_hover: 0x0F_4871 0xA9_D5F3 0xC2_E9FF,
    /// On accent.
    on_accent: 0xFF_FFFF 0x06_202F 0x00_0000,
    /// Selected row, active item.
    select: 0xD9_E6F1 0x1D_3446 0x00_314F,
    /// Row under the pointer.
    hover: 0xEA_EEF2 0x1C_232B 0x1F_1F1F,
    /// Own bubbles.
    mine: 0xD8_E8F6 0x1D_3D57 0x00_314F,
    /// Their bubbles.
    theirs: 0xED_F1F4 0x26_2E37 0x00_0000,
    /// A quoted message in an own bubble.
    quote_mine: 0xC6_DCEF 0x2A_506F 0x00_466F,
    /// And in one of theirs.
    quote_theirs: 0xDF_E5EA 0x34_3E49 0x26_2626,
    /// Proven good.
    ok: 0x17_653A 0x86_DBA7 0x7D_F5A5,
    /// Its block.
    ok_soft: 0xE1_F2E8 0x15_301F 0x00_0000,
    /// Weaker, waiting, draft.
    warn: 0x71_4600 0xF2_C36B 0xFF_D34D,
    /// Its block.
    warn_soft: 0xFF_F1D3 0x34_270E 0x00_0000,
    /// Failed, cannot be undone.
    danger: 0x98_201A 0xFF_A79E 0xFF_B0A8,
    /// Its block.
    danger_soft: 0xFD_E9E7 0x40_1C19 0x00_0000,
    /// Focus ring.
    focus: 0x17_588A 0x8C_C5EC 0xFF_E600,
    /// Under letters that are selected.
    selection: 0xAC_CDEA 0x32_5F88 0x00_4F7F,
    /// Empty part of a meter.
    track: 0xCB_D5DE 0x3A_4550 0x3A_3A3A,
    /// Unread in a muted chat.
    badge_m: 0x5A_6773 0xA5_B1BD 0xFF_FFFF,
    /// On that.
    on_badge_m: 0xFF_FFFF 0x12_161B 0x00_0000,
}

/// Grounds of avatars, each with white letters; black with a white ring in high contrast.
pub const AVATARS: [Rgb; 8] =
    [0x2B_5783, 0x64_4586, 0x1A_6054, 0x7F_432A, 0x52_5619, 0x85_365A, 0x3A_535F, 0x46_49A0];

/// The ground for a contact, by a hash of their id (FNV-1a), so that it stays.
#[must_use]
pub fn avatar(id: &str) -> Rgb {
    let hash =
        id.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let index = usize::try_from(hash >> 8).unwrap_or(0) % AVATARS.len();
    AVATARS.get(index).copied().unwrap_or(0x3A_535F)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(colour: Rgb) -> f64 {
        let channel = |shift: u32| {
            let value = f64::from((colour >> shift) & 0xff) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0)
    }

    fn ratio(a: Rgb, b: Rgb) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// (pair, light, dark, contrast), from the design's table.
    fn measured(t: &Tokens) -> [(&'static str, f64); 8] {
        [
            ("text on bg", ratio(t.text, t.bg)),
            ("text on mine", ratio(t.text, t.mine)),
            ("text2 on select", ratio(t.text2, t.select)),
            ("onAccent on accent", ratio(t.on_accent, t.accent)),
            ("ok on okSoft", ratio(t.ok, t.ok_soft)),
            ("warn on warnSoft", ratio(t.warn, t.warn_soft)),
            ("danger on dangerSoft", ratio(t.danger, t.danger_soft)),
            ("edge on bg", ratio(t.edge, t.bg)),
        ]
    }

    #[test]
    fn every_text_pair_reaches_the_ratio_that_the_design_promises() {
        let promised = [
            (Theme::Light, [16.4, 13.1, 7.2, 7.5, 6.1, 7.2, 7.0, 3.5]),
            (Theme::Dark, [15.0, 9.9, 8.1, 9.0, 8.6, 8.8, 8.0, 4.3]),
            (Theme::Contrast, [21.0, 13.5, 12.0, 12.9, 15.4, 14.6, 12.0, 21.0]),
        ];
        for (theme, wanted) in promised {
            for ((pair, found), wanted) in measured(&tokens(theme)).into_iter().zip(wanted) {
                // The design's figures are cut after one digit.
                assert!(
                    (wanted - 0.01..wanted + 0.11).contains(&found),
                    "{theme:?} {pair}: {found:.2}, promised {wanted}"
                );
            }
        }
    }

    #[test]
    fn white_letters_can_be_read_on_every_avatar() {
        assert!(AVATARS.into_iter().all(|ground| ratio(ground, 0xFF_FFFF) >= 7.29));
    }

    #[test]
    fn the_same_contact_keeps_its_colour() {
        assert_eq!(avatar("c1"), avatar("c1"));
        let many: std::collections::BTreeSet<_> = (0..100).map(|n| avatar(&format!("contact-{n}"))).collect();
        assert_eq!(many.len(), AVATARS.len());
    }
}
