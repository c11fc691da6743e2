//! Every bound of what may cross an edge or a wire, with its unit and the reason for its value.

/// Largest Cap'n Proto message on any edge, bytes. Also the traversal limit: nothing is worth reading twice.
pub const MESSAGE_MAX_BYTES: usize = 1 << 20;

/// Deepest nesting of a message on any edge. Our own messages reach 6.
pub const MESSAGE_NESTING_MAX: i32 = 16;

/// Questions that a neighbour may leave unfinished, or whose answers it may leave unread, on one edge. A busy relay's onion has
/// two batches of cells on the way for each of its links; each question costs the callee up to 10 KiB.
pub const QUESTIONS_MAX: u64 = 4_096;

/// Largest `Grant`, bytes: settings with 32 bootstraps of 256 B, and room.
pub const GRANT_MAX_BYTES: usize = 32 << 10;

/// A relay's cell, bytes (docs/protocol/circuits.md, "Cell: 514 B").
pub const CELL_BYTES: usize = 514;

/// Cells in one batch on an edge: 32 already reach 2 M cells/s, 64 stay under 33 kB.
pub const CELLS_PER_BATCH_MAX: usize = 64;

/// A stored envelope, bytes, always (docs/protocol/envelope.md, "Envelope, version 1").
pub const ENVELOPE_BYTES: usize = 4096;

/// Content of one message that stored may hand to keyvault, bytes: 2,644 B of frame less what keyvault may add of its own
/// (two queue offers, length fields).
pub const CONTENT_MAX_BYTES: usize = 2_320;

/// Content in a first message, bytes: 867 B of frame less two queue offers, device list and length fields.
pub const FIRST_CONTENT_MAX_BYTES: usize = 448;

/// Own queues offered in one message: R = 2 (docs/protocol/envelope.md, "Frame").
pub const OFFERS_MAX: usize = 2;

/// Contact points in one invite link (docs/protocol/identity.md, "Invite link").
pub const HINTS_MAX: usize = 3;

/// A blob (an invite's bundle), bytes (docs/protocol/mailbox.md, "Request").
pub const BLOB_MAX_BYTES: usize = 64 << 10;

/// A piece of a file, bytes: as many hashes of BLAKE3 as stand under one node of its tree (docs/protocol/file.md, "Pieces and chunks").
pub const PIECE_BYTES: usize = 64 << 10;

/// A chunk, bytes, always: a piece, the way through the tree of the largest file, version and tag (docs/protocol/file.md, "Pieces and
/// chunks"). To put one takes 136 relay messages.
pub const CHUNK_BYTES: usize = 1 + 512 + PIECE_BYTES + 16;

/// The largest file, bytes: 65,536 pieces.
pub const FILE_MAX_BYTES: u64 = 4 << 30;

/// A file's name, bytes: what file systems take.
pub const FILE_NAME_MAX_BYTES: usize = 255;

/// Files of one message (docs/protocol/content.md, "Files").
pub const FILES_MAX: usize = 32;

/// One piece of a file that a local program hands over or is handed, bytes.
pub const UPLOAD_CHUNK_MAX_BYTES: usize = 256 << 10;

/// Files that are being handed over at once, of all programs together.
pub const UPLOADS_MAX: usize = 16;

/// Files that one question tells.
pub const FILES_TOLD_MAX: u32 = 1_000;

/// Chunks in one answer that names them: a stream holds no more of them at a time.
pub const CHUNKS_PER_ANSWER_MAX: usize = 4;

/// Chunks pushed on a subscription before one is acked: 2 MiB, four windows, for an ack takes two flushes to a disk. Also the ids in one
/// ack of chunks: to overwrite more of them at a time would keep texts waiting.
pub const CHUNKS_UNACKED_MAX: usize = 32;

/// Chunks on their way out on one circuit that are not answered yet: 1 MiB, two windows.
pub const CHUNKS_UNANSWERED_MAX: usize = 16;

/// A queue id, bytes (docs/protocol/mailbox.md, "Mailbox service, version 1").
pub const QUEUE_ID_BYTES: usize = 24;

/// A put id, message id or chunk id in a mailbox, bytes.
pub const PUT_ID_BYTES: usize = 16;

/// A relay id (Ed25519), circuit binding, hash or key, bytes.
pub const KEY_BYTES: usize = 32;

/// Ids in one `ack` or `forget`: one answer's worth of envelopes.
pub const IDS_PER_CALL_MAX: usize = 512;

/// Envelopes in one `collect` answer: 128 x 4,096 B stay well under one message.
pub const ENVELOPES_PER_ANSWER_MAX: usize = 128;

/// Envelopes pushed on a subscription before one is acked.
pub const UNACKED_MAX: usize = 256;

/// A relay's packed descriptor, bytes (docs/protocol/directory.md, "Descriptor: at most 512 B").
pub const DESCRIPTOR_MAX_BYTES: usize = 512;

/// Invite link, characters (docs/protocol/identity.md, "Invite link").
pub const LINK_MAX_CHARS: usize = 340;

/// A text in which a link is looked for, bytes: a long mail without its pictures. What is looked for and how often is bounded by it.
pub const PASTED_MAX_BYTES: usize = 64 << 10;

/// A person's name, their own or one given to a contact, bytes (promised in a first message).
pub const NAME_MAX_BYTES: usize = 48;

/// A network's name, bytes. It stands in `status` and in messages.
pub const NETWORK_NAME_MAX_BYTES: usize = 64;

/// One text from the user, bytes. Longer texts split on the wire; this bounds the edge.
pub const TEXT_MAX_BYTES: usize = 256 << 10;

/// What a person gives as a name, an id or a link, bytes: the longest argument of a command on Linux. Far above what can be right, so that
/// they are told what is wrong with it, and no edge is closed.
pub const TYPED_MAX_BYTES: usize = 128 << 10;

/// What a person gives as a text, bytes, for the same reason above [`TEXT_MAX_BYTES`]. It still fits a message with all that is beside it.
pub const TYPED_TEXT_MAX_BYTES: usize = 2 * TEXT_MAX_BYTES;

/// What a text is changed to, bytes.
pub const EDIT_MAX_BYTES: usize = 64 << 10;

/// A reaction, bytes: the longest pictures that fonts have, families and flags of regions, take half of it.
pub const EMOJI_MAX_BYTES: usize = 64;

/// A text that is shown, bytes: a peer may fill all 160 parts of 1,840 B.
pub const SHOWN_TEXT_MAX_BYTES: usize = 160 * 1_840;

/// The beginning of a text in a list, characters.
pub const BEGINNING_MAX_CHARS: usize = 120;

/// What is looked for in texts, bytes and words: as much as anybody types. Both bound what SQLite has to put together.
pub const SEARCH_MAX_BYTES: usize = 1_024;
/// The words of it; those between quotation marks count each.
pub const SEARCH_WORDS_MAX: usize = 16;

/// Texts that one search hands over: some screens of them; whoever wants more goes on behind them.
pub const SEARCH_RESULTS_MAX: u32 = 1_000;

/// The part of a text that is shown around what was found in it, characters.
pub const CONTEXT_MAX_CHARS: usize = 120;

/// Places in that part: they stand apart, so there are no more.
pub const HITS_MAX: usize = CONTEXT_MAX_CHARS / 2;

/// People or invitations in one answer: no more would fit a message.
pub const PEOPLE_MAX: usize = 8_192;

/// The caller's own message id, characters (command-line.md).
pub const MESSAGE_ID_MAX_CHARS: usize = 64;

/// A passphrase, bytes.
pub const PASSPHRASE_MAX_BYTES: usize = 1024;

/// A picture's file that is decoded or written anew, bytes: more than any JPEG of a camera.
pub const PICTURE_MAX_BYTES: usize = 64 << 20;

/// A picture's bytes in one piece: few pieces for a large one, and a quarter of a message.
pub const PICTURE_CHUNK_MAX_BYTES: usize = 256 << 10;

/// Longest side of the pixels of a picture that somebody hands over, so that RGB fits one message.
pub const PICTURE_SIDE_MAX: u16 = 512;

/// Longest side of a picture's pixels, however they are shown: what a large screen has. As many each way are 20 MB.
pub const VIEW_SIDE_MAX: u16 = 2_560;

/// Connections of local programs to one process at a time: what a person's scripts and windows need, and an eighth of the descriptors
/// that the tightest callee has.
pub const OUTSIDE_CONNECTIONS_MAX: usize = 32;

/// What a person notes about a contact, bytes: some lines, for it is told wherever the contact is.
pub const NOTE_MAX_BYTES: usize = 1_024;
