//! Names under which a file's chunks may come in now, at each of the own queues.

use std::collections::{HashMap, HashSet};

use super::chunk::{ChunkId, NotAChunk, Opened, Plan, Round, Sealing};
use super::receiving::Receiving;
use crate::ids::ReceiveQueueId;

/// Of one file: some thousand names at most, however large it is.
#[derive(Debug)]
pub struct Expected {
    queues: Vec<(ReceiveQueueId, Sealing)>,
    names: HashMap<(ReceiveQueueId, ChunkId), (u32, Round)>,
}

/// A chunk that is one of the file's.
#[derive(PartialEq, Eq)]
pub struct Came {
    /// Which.
    pub number: u32,
    /// What is in it.
    pub opened: Opened,
}

impl Expected {
    /// Nothing yet; `queues`: the own ones of that contact, each with the *sender's* name of it.
    #[must_use]
    pub fn new(plan: &Plan, queues: &[(ReceiveQueueId, [u8; 24])]) -> Self {
        let queues = queues.iter().map(|(id, name)| (*id, plan.for_queue(name))).collect();
        Self { queues, names: HashMap::new() }
    }

    /// From now on what `receiving` wants is known, and nothing else.
    pub fn follow(&mut self, receiving: &Receiving) {
        let wanted: HashSet<(u32, Round)> = receiving
            .wanted()
            .into_iter()
            .flat_map(|number| receiving.rounds().iter().map(move |round| (number, *round)))
            .collect();
        self.names.retain(|_, of| wanted.contains(of));
        let known: HashSet<(u32, Round)> = self.names.values().copied().collect();
        for (number, round) in wanted.difference(&known) {
            for (queue, sealing) in &self.queues {
                self.names.insert((*queue, sealing.id(*number, *round)), (*number, *round));
            }
        }
    }

    /// Opens what came; `None`: it is none of those that may come, and is acked and dropped.
    ///
    /// # Errors
    /// [`NotAChunk`]: it is called like one and is none. Whoever keeps that queue, or the sender, is to blame; it is acked, too.
    pub fn open(
        &self,
        queue: ReceiveQueueId,
        id: ChunkId,
        untrusted_chunk: &[u8],
    ) -> Option<Result<Came, NotAChunk>> {
        let (number, round) = *self.names.get(&(queue, id))?;
        let (_, sealing) = self.queues.iter().find(|(one, _)| *one == queue)?;
        Some(sealing.open(number, round, untrusted_chunk).map(|opened| Came { number, opened }))
    }

    /// What a chunk is called at the other queues, where it need not be fetched once it is here. To be asked before [`Expected::follow`].
    #[must_use]
    pub fn elsewhere(&self, number: u32, not_at: ReceiveQueueId) -> Vec<(ReceiveQueueId, ChunkId)> {
        let names = self.names.iter().filter(|(_, (of, _))| *of == number);
        names.map(|(name, _)| *name).filter(|(queue, _)| *queue != not_at).collect()
    }
}

#[cfg(test)]
mod tests {
    use ipc_schema::Timestamp;
    use ipc_schema::limits::PIECE_BYTES;

    use super::super::{Cut, FileWire, Tree, WANTED_MAX, hash_of_piece};
    use super::*;
    use crate::secret::Secret;

    const OWN: [(ReceiveQueueId, [u8; 24]); 2] = [(ReceiveQueueId(1), [1; 24]), (ReceiveQueueId(2), [2; 24])];
    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn a_chunk_is_known_by_its_name_at_the_queue_where_it_was_left_while_it_is_wanted() {
        let bytes = vec![7; PIECE_BYTES + 1];
        let cut = Cut::of(bytes.len() as u64).unwrap();
        let pieces: Vec<&[u8]> = bytes.chunks(PIECE_BYTES).collect();
        let tree = Tree::of((1_u32..).zip(&pieces).map(|(n, piece)| hash_of_piece(cut, n, piece)).collect());
        let plan = Plan { file: FileWire([1; 16]), key: Secret::of([2; 32]), root: tree.root(), cut };
        let mut receiving = Receiving::new(cut, NOW);
        let mut expected = Expected::new(&plan, &OWN);
        expected.follow(&receiving);
        let (queue, sealing) = (OWN[1].0, plan.for_queue(&OWN[1].1));
        let chunk = sealing.seal(2, Round(0), pieces[1], &tree.way(2)).unwrap();
        let id = sealing.id(2, Round(0));
        let came = expected.open(queue, id, &chunk).unwrap().unwrap();
        assert!(came == Came { number: 2, opened: Opened::Piece(vec![7]) });
        assert!(expected.open(OWN[0].0, id, &chunk).is_none(), "it was left at the other");
        assert_eq!(expected.open(queue, id, &chunk[1..]).unwrap().err(), Some(NotAChunk::NotSealed));
        let elsewhere = plan.for_queue(&OWN[0].1).id(2, Round(0));
        assert_eq!(expected.elsewhere(2, queue), [(OWN[0].0, elsewhere)]);
        receiving.took(2, NOW);
        expected.follow(&receiving);
        assert!(expected.open(queue, id, &chunk).is_none(), "it is here");
    }

    #[test]
    fn the_names_of_the_largest_file_are_few_and_follow_what_is_asked() {
        let cut = Cut::of(ipc_schema::limits::FILE_MAX_BYTES).unwrap();
        let plan = Plan { file: FileWire([1; 16]), key: Secret::of([2; 32]), root: [3; 32], cut };
        let mut receiving = Receiving::new(cut, NOW);
        let mut expected = Expected::new(&plan, &OWN);
        for fresh in 1..=9 {
            let next = receiving.next_telling(Timestamp(u64::MAX)).unwrap();
            receiving.tell(plan.file, next, Timestamp(u64::MAX), fresh).unwrap();
            expected.follow(&receiving);
            assert!(expected.names.len() <= WANTED_MAX * OWN.len() * 4);
        }
        let known = |round| {
            let id = plan.for_queue(&OWN[0].1).id(1, Round(round));
            expected.names.contains_key(&(OWN[0].0, id))
        };
        assert!(!known(0) && !known(5) && [6, 7, 8, 9].into_iter().all(known));
    }
}
