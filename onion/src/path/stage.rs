//! What `status` says of the network, in one word (command-line.md, state).

use ipc_schema::edge::stored_onion::Stage;

use crate::directory::schedule::Search;

/// What the stage follows from.
#[derive(Clone, Copy, Debug)]
pub struct StageFacts {
    /// The edge to netd stands.
    pub netd: bool,
    /// How the search for relays goes.
    pub search: Search,
    /// Usable relays that do not fail.
    pub usable: usize,
    /// As many as a path takes.
    pub enough: bool,
    /// Circuits of paths that stand now.
    pub circuits: usize,
    /// A path was built within [`PROOF_LASTS`].
    pub proven: bool,
    /// Guard and backup do not answer.
    pub guards_unreachable: bool,
}

/// How long a path that was built shows that paths can be built.
pub const PROOF_LASTS: std::time::Duration = std::time::Duration::from_secs(600);

impl StageFacts {
    /// The word for these self. What stands counts before what fails, and a cause before its effects.
    #[must_use]
    pub fn stage(&self) -> Stage {
        if !self.netd {
            return Stage::Offline;
        }
        if self.circuits > 0 {
            return Stage::Connected;
        }
        if self.guards_unreachable {
            return Stage::GuardsUnreachable;
        }
        if self.enough {
            return if self.proven { Stage::Connected } else { Stage::BuildingRoute };
        }
        match (self.search, self.usable) {
            (Search::Asking, _) => Stage::FindingRelays,
            (Search::InVain | Search::NoContacts, 0) => Stage::NoRelays,
            (Search::Answered, 0) => Stage::NoRelays,
            _ => Stage::TooFewRelays,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: StageFacts = StageFacts {
        netd: true,
        search: Search::Answered,
        usable: 5,
        enough: true,
        circuits: 0,
        proven: false,
        guards_unreachable: false,
    };

    #[test]
    fn each_stage_follows_from_its_facts() {
        let few = StageFacts { usable: 2, enough: false, ..FACTS };
        let none = StageFacts { usable: 0, enough: false, ..FACTS };
        for (facts, stage) in [
            (StageFacts { netd: false, ..FACTS }, Stage::Offline),
            (FACTS, Stage::BuildingRoute),
            (StageFacts { proven: true, ..FACTS }, Stage::Connected),
            (StageFacts { circuits: 1, guards_unreachable: true, ..FACTS }, Stage::Connected),
            (StageFacts { guards_unreachable: true, ..FACTS }, Stage::GuardsUnreachable),
            (few, Stage::TooFewRelays),
            (none, Stage::NoRelays),
            (StageFacts { search: Search::Asking, ..none }, Stage::FindingRelays),
            (StageFacts { search: Search::InVain, ..none }, Stage::NoRelays),
            (StageFacts { search: Search::InVain, ..few }, Stage::TooFewRelays),
            (StageFacts { search: Search::NoContacts, ..none }, Stage::NoRelays),
        ] {
            assert_eq!(facts.stage(), stage, "{facts:?}");
        }
    }
}
