//! The kinds of type that are drawn and measured.

/// A kind of type: face, size, line height.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Style {
    /// First run, lock.
    Display,
    /// What a whole page is about.
    Title,
    /// Names in headers, card titles.
    Heading,
    /// Messages, names.
    Body,
    /// Body that carries weight.
    Strong,
    /// Buttons of full height.
    Button,
    /// Small buttons, labels of fields.
    Label,
    /// Previews, help.
    Small,
    /// Times, rail, chips.
    Micro,
    /// Micro words that carry state.
    MicroStrong,
    /// Links and digits.
    Mono,
    /// Body that is stressed.
    Italic,
    /// Both.
    StrongItalic,
    /// Digits that are read aloud.
    Digits,
}

impl Style {
    /// Semi-bold.
    #[must_use]
    pub fn bold(self) -> bool {
        !matches!(self, Self::Body | Self::Small | Self::Micro | Self::Mono | Self::Italic | Self::Digits)
    }

    /// Size in pixels.
    #[must_use]
    pub fn px(self) -> i32 {
        match self {
            Self::Display => 24,
            Self::Title => 18,
            Self::Heading => 16,
            Self::Body | Self::Strong | Self::Italic | Self::StrongItalic => 15,
            Self::Button => 14,
            Self::Label | Self::Small | Self::Mono => 13,
            Self::Micro | Self::MicroStrong => 12,
            Self::Digits => 20,
        }
    }

    /// Height of a line in pixels.
    #[must_use]
    pub fn line(self) -> i32 {
        match self {
            Self::Display => 32,
            Self::Title => 26,
            Self::Heading | Self::Body | Self::Strong | Self::Italic | Self::StrongItalic => 22,
            Self::Button => 20,
            Self::Label | Self::Small | Self::Mono => 18,
            Self::Micro | Self::MicroStrong => 16,
            Self::Digits => 28,
        }
    }
}
