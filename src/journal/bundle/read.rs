//! A bundle that is read: everything that it claims is checked on the way.

use std::io::Read;

use super::error::BundleError;
use super::format::{
    CHECKPOINT, Digesting, EVENT, GAP, HEADER, Header, ITEMS, KEY, MAGIC, MOST_BYTES, MOST_TEXT, SIGNATURE, VERSION, name_of,
    statement,
};
use crate::encode::stored::{Columns, leaf_hash};
use crate::event::{Kind, Seq};
use crate::journal::merkle::{Frontier, Hash, subtrees};
use crate::journal::note::{Checkpoint, PublicKey};

/// Why the key is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// It is the one that the caller has from elsewhere.
    Given,
    /// It came with the file: the file is whole and of one origin, and whose it is nobody has said.
    FromTheFile,
}

/// What a bundle was found to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The session.
    pub session: String,
    /// Events in the file.
    pub events: u64,
    /// First and last event of the session.
    pub seqs: (u64, u64),
    /// Events between those that are not in the file.
    pub between: u64,
    /// The checkpoint that covers them.
    pub checkpoint: Checkpoint,
    /// The checkpoint as a signed note.
    pub note: String,
    /// When it was signed, µs since 1970.
    pub signed_us: i64,
    /// The key that signed it.
    pub key: PublicKey,
    /// Why the key is believed.
    pub trust: Trust,
}

/// Reads a bundle to its end and calls `each` for every event: position, columns, leaf. Nothing of that is proven before this returns.
///
/// # Errors
/// [`BundleError`]: the file is not accepted, or `each` failed.
pub fn read<E: From<BundleError>>(
    input: impl Read,
    given: Option<&PublicKey>,
    mut each: impl FnMut(u64, &Columns<'_>, &Hash) -> Result<(), E>,
) -> Result<Opened, E> {
    let mut input = Digesting::new(input);
    begin(&mut input)?;
    let mut body = Vec::new();
    let header: Header =
        serde_json::from_slice(expect(&mut input, HEADER, &mut body)?).map_err(|error| malformed(HEADER, &error.to_string()))?;
    if header.session.is_empty() || header.session.chars().any(char::is_control) {
        return Err(malformed(HEADER, "the session's name is no name").into());
    }
    let key = text(KEY, expect(&mut input, KEY, &mut body)?)?;
    let key = PublicKey::parse(key).map_err(|source| BundleError::Signature { part: "the public key", source })?;
    if let Some(given) = given.filter(|given| **given != key) {
        return Err(BundleError::OtherKey { found: key.to_text(), expected: given.to_text() }.into());
    }
    let note = text(CHECKPOINT, expect(&mut input, CHECKPOINT, &mut body)?)?.to_owned();
    let checkpoint = key.verify(&note).map_err(|source| BundleError::Signature { part: "the checkpoint", source })?;
    if checkpoint.tree_size != header.tree_size {
        return Err(malformed(HEADER, "its size is not the checkpoint's").into());
    }

    let mut items = Items::new(&header);
    let mut unpacked = Vec::new();
    loop {
        let digest = input.digest();
        let Some(tag) = input.tag().map_err(E::from)? else {
            return Err(BundleError::CutOff { part: "the events: the closing signature is missing".to_owned() }.into());
        };
        input.seen(tag);
        match tag {
            ITEMS => {
                input.body(tag, MOST_BYTES, &mut body)?;
                unpack(&body, items.next, &mut unpacked)?;
                items.take(&unpacked, &mut each)?;
            }
            SIGNATURE => {
                input.body(tag, MOST_TEXT, &mut body)?;
                let closing = key.verify_text(text(tag, &body)?);
                let closing = closing.map_err(|source| BundleError::Signature { part: "the closing signature", source })?;
                if closing != statement(&header.session, items.events, &digest) {
                    let what = "its content is not that which the closing signature is over".to_owned();
                    return Err(BundleError::Changed { what }.into());
                }
                break;
            }
            other => return Err(malformed(other, "it has no place here").into()),
        }
    }
    if input.tag().map_err(E::from)?.is_some() {
        return Err(BundleError::Trailing.into());
    }
    if items.tree.size() != checkpoint.tree_size || items.tree.root() != checkpoint.root {
        let what = "its events do not give the root that the checkpoint has signed".to_owned();
        return Err(BundleError::Changed { what }.into());
    }
    let (Some(first), last) = (items.first, items.last) else {
        return Err(BundleError::NoSession { session: header.session }.into());
    };
    let trust = if given.is_some() { Trust::Given } else { Trust::FromTheFile };
    let (events, between) = (items.events, items.between);
    let Header { session, signed_us, .. } = header;
    Ok(Opened { session, events, seqs: (first, last), between, checkpoint, note, signed_us, key, trust })
}

fn begin<R: Read>(input: &mut Digesting<R>) -> Result<(), BundleError> {
    let magic: [u8; MAGIC.len()] = input.take("its first line").map_err(|error| match error {
        BundleError::CutOff { .. } => BundleError::NotABundle,
        other => other,
    })?;
    if magic != MAGIC {
        return Err(BundleError::NotABundle);
    }
    let [found] = input.take("its first line")?;
    if found == VERSION { Ok(()) } else { Err(BundleError::Version { found, known: VERSION }) }
}

fn expect<'b, R: Read>(input: &mut Digesting<R>, tag: u8, body: &'b mut Vec<u8>) -> Result<&'b [u8], BundleError> {
    let part = name_of(tag);
    let [found] = input.take(&part)?;
    if found != tag {
        return Err(malformed(found, &format!("{part} should stand here")));
    }
    input.body(tag, MOST_TEXT, body)?;
    Ok(body)
}

fn text(tag: u8, bytes: &[u8]) -> Result<&str, BundleError> {
    std::str::from_utf8(bytes).map_err(|error| malformed(tag, &error.to_string()))
}

fn malformed(tag: u8, what: &str) -> BundleError {
    BundleError::Malformed { part: name_of(tag), what: what.to_owned() }
}

fn unpack(body: &[u8], next: u64, unpacked: &mut Vec<u8>) -> Result<(), BundleError> {
    let part = || format!("the part from seq {next} on");
    let Some((size, packed)) = body.split_first_chunk::<4>() else {
        return Err(BundleError::CutOff { part: part() });
    };
    let size = u64::from(u32::from_le_bytes(*size));
    if size > MOST_BYTES {
        return Err(BundleError::TooLarge { part: part(), size, max: MOST_BYTES });
    }
    unpacked.clear();
    // As much as is there, and one byte more than is claimed: what unfolds to more is noticed and not unfolded.
    let unfolded = zstd::stream::read::Decoder::with_buffer(packed)
        .and_then(|decoder| decoder.take(size + 1).read_to_end(unpacked))
        .map_err(|error| BundleError::Malformed { part: part(), what: error.to_string() })?;
    if unfolded as u64 == size {
        Ok(())
    } else {
        Err(BundleError::Malformed { part: part(), what: "it does not unfold to as many bytes as it claims".to_owned() })
    }
}

/// The walk over the items of all sections.
struct Items<'h> {
    header: &'h Header,
    /// Position of the next event.
    next: u64,
    tree: Frontier,
    events: u64,
    first: Option<u64>,
    last: u64,
    /// Events that are left out behind the session's first, up to its last.
    between: u64,
    /// Events that are left out since the session's last.
    pending: u64,
}

impl<'h> Items<'h> {
    fn new(header: &'h Header) -> Self {
        Self { header, next: 1, tree: Frontier::default(), events: 0, first: None, last: 0, between: 0, pending: 0 }
    }

    fn take<E: From<BundleError>>(
        &mut self,
        mut items: &[u8],
        each: &mut impl FnMut(u64, &Columns<'_>, &Hash) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some((tag, rest)) = items.split_first() {
            items = match *tag {
                EVENT => {
                    let (frame, rest) = self.frame(rest)?;
                    self.event(frame, each)?;
                    rest
                }
                GAP => self.gap(rest)?,
                other => return Err(self.wrong(&format!("an item of type {other}")).into()),
            };
        }
        Ok(())
    }

    fn frame<'i>(&self, rest: &'i [u8]) -> Result<(&'i [u8], &'i [u8]), BundleError> {
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(|| self.wrong("it is cut off"))?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        rest.split_at_checked(length).ok_or_else(|| self.wrong("it is cut off"))
    }

    fn event<E: From<BundleError>>(
        &mut self,
        frame: &[u8],
        each: &mut impl FnMut(u64, &Columns<'_>, &Hash) -> Result<(), E>,
    ) -> Result<(), E> {
        let (columns, rest) = Columns::parse(frame).map_err(|error| self.wrong(&error.to_string()))?;
        if !rest.is_empty() {
            return Err(self.wrong("there is more than an event").into());
        }
        let beside = [Kind::EventsLost, Kind::PolicyLoaded].iter().any(|kind| kind.as_str() == columns.kind);
        let own = columns.session_id == Some(self.header.session.as_str());
        if !own && !beside {
            return Err(self.wrong("it is of another session").into());
        }
        let seq = Seq::new(self.next).filter(|seq| seq.get() <= self.header.tree_size);
        let seq = seq.ok_or_else(|| self.wrong("it is not covered by the checkpoint"))?;
        let leaf = leaf_hash(seq, frame);
        self.tree.push(leaf);
        self.events += 1;
        if own {
            self.first.get_or_insert(seq.get());
            self.last = seq.get();
            self.between += std::mem::take(&mut self.pending);
        }
        each(seq.get(), &columns, &leaf)?;
        self.next += 1;
        Ok(())
    }

    fn gap<'i>(&mut self, rest: &'i [u8]) -> Result<&'i [u8], BundleError> {
        let (count, mut rest) = rest.split_first_chunk::<8>().ok_or_else(|| self.wrong("a gap is cut off"))?;
        let count = u64::from_le_bytes(*count);
        let end = self.next.checked_add(count).filter(|end| count > 0 && end - 1 <= self.header.tree_size);
        let end = end.ok_or_else(|| self.wrong("a gap that the checkpoint does not cover"))?;
        for level in subtrees(self.next - 1, end - 1) {
            let (root, behind) = rest.split_first_chunk::<32>().ok_or_else(|| self.wrong("a gap is cut off"))?;
            if !self.tree.push_subtree(level, *root) {
                return Err(self.wrong("a gap that does not fit the tree"));
            }
            rest = behind;
        }
        if self.first.is_some() {
            self.pending += count;
        }
        self.next = end;
        Ok(rest)
    }

    fn wrong(&self, what: &str) -> BundleError {
        BundleError::Event { seq: self.next, what: what.to_owned() }
    }
}
