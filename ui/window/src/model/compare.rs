//! Comparing who somebody is: the safety number read aloud, or a picture code scanned from the other's screen.

use ipc_schema::Timestamp;
use ipc_schema::edge::ui_stored::{Comparison, SafetyNumber, ShortAction};
use privatus::peers::PeerError;

use super::learn::refusal_of;
use super::{Act, Command, Comparing, Field, Focus, Model, Pane, Part, words};

impl Comparing {
    /// What has to be known of it.
    pub(super) fn asks(&self) -> Vec<Command> {
        let who = || self.who.clone();
        vec![Command::SafetyNumber { who: who() }, Command::Short { who: who(), action: ShortAction::Look }]
    }
}

impl Model {
    /// Shows what is to be compared with a contact.
    pub(super) fn compare(&mut self, who: String) -> Vec<Command> {
        self.texts.set(Field::TheirCode, "");
        let comparing = Comparing { who, ..Comparing::default() };
        let asked = comparing.asks();
        self.show(Pane::Compare(comparing), Focus::None);
        asked
    }

    /// Back to the conversation where it was compared who somebody is.
    pub(super) fn close_pane(&mut self) -> Vec<Command> {
        if let Pane::Compare(comparing) = &self.pane {
            let who = comparing.who.clone();
            return self.open(&who);
        }
        self.show(Pane::Start, Focus::Act(Act::Invite));
        Vec::new()
    }

    /// The user compared what is shown, or takes it back. The contact comes anew with the next change.
    pub(super) fn verify(&self, on: bool) -> Vec<Command> {
        let Pane::Compare(comparing) = &self.pane else { return Vec::new() };
        let digits = comparing.number.as_ref().filter(|_| on).map(|number| number.digits.clone());
        if on && digits.is_none() {
            return Vec::new();
        }
        vec![Command::Verify { who: comparing.who.clone(), digits }]
    }

    /// What the user compared is not the same: nobody is taken for compared then.
    pub(super) fn differ(&mut self) -> Vec<Command> {
        let Pane::Compare(comparing) = &mut self.pane else { return Vec::new() };
        comparing.differs = true;
        let who = comparing.who.clone();
        self.scrolls.begin(Part::Page);
        self.set_focus(Focus::Act(Act::NotNow));
        let verified = self.person(&who).is_some_and(|contact| contact.verified);
        verified.then_some(Command::Verify { who, digits: None }).into_iter().collect()
    }

    /// What is compared may be another number by now.
    pub(super) fn compared_again(&self, id: &str) -> Vec<Command> {
        match &self.pane {
            Pane::Compare(comparing) if comparing.who == id => comparing.asks(),
            _ => Vec::new(),
        }
    }

    pub(super) fn compare_code(&mut self) -> Vec<Command> {
        let code = self.texts.of(Field::TheirCode).trim().to_owned();
        match &self.pane {
            Pane::Compare(comparing) if !code.is_empty() => {
                vec![Command::CompareCode { who: comparing.who.clone(), code }]
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn safety_number_is(&mut self, who: &str, result: Result<SafetyNumber, PeerError>) {
        if let Pane::Compare(comparing) = &mut self.pane
            && comparing.who == who
        {
            match result {
                Ok(number) => (comparing.number, comparing.refused) = (Some(number), None),
                Err(error) => comparing.refused = Some(refusal_of(&error)),
            }
        }
    }

    pub(super) fn compared(&mut self, now: Timestamp, who: &str, result: Result<Comparison, PeerError>) {
        match (&mut self.pane, result) {
            (Pane::Compare(comparing), Ok(told)) if comparing.who == who => {
                comparing.told = Some(told);
                if told == Comparison::Match {
                    self.texts.set(Field::TheirCode, "");
                }
            }
            (_, Ok(_)) => {}
            (_, Err(error)) => self.notify(now, words::failure(&error)),
        }
    }
}
