//! Files that a program hands over to be sent: kept at once, sealed, and written anew where they are pictures.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use ipc_schema::edge::Served;
use ipc_schema::edge::stored_mediad::{CleanError, Kind};
use ipc_schema::edge::ui_stored::{
    Closed, FilePiece, FileUpload, FinishError, FinishUpload, KeptFile, TakeFile, TakeFileError,
};
use ipc_schema::file_name::FileName;
use ipc_schema::limits::{PIECE_BYTES, UPLOADS_MAX};

use super::decoder::{Failure, Source, Target};
use super::driver::Shell;
use super::shown;
use crate::content::FileKind;
use crate::engine::{DropIn, KeepIn, TakeIn, TakenIn};
use crate::files::{BlobError, Cut, Hash, Import, ImportError, Kept};

/// One file on its way in. What was not finished is dropped with it.
pub(super) struct Upload {
    shell: Rc<Shell>,
    name: FileName,
    keep_metadata: bool,
    taken: TakenIn,
    import: RefCell<Option<Import>>,
    failed: Cell<FinishError>,
    /// Somebody has it from now on.
    kept: Cell<bool>,
    _seat: Rc<()>,
}

/// What a file is, as far as it matters to whom it is sent.
struct Looked {
    kind: FileKind,
    carries: bool,
    /// Written anew, without what stood beside its pixels.
    clean: Option<Vec<u8>>,
}

impl Upload {
    /// Begins with a file.
    pub(super) async fn begin(shell: Rc<Shell>, call: TakeFile) -> Result<Rc<Self>, TakeFileError> {
        let seat = shell.uploads.clone();
        if Rc::strong_count(&seat) > UPLOADS_MAX + 1 {
            return Err(TakeFileError::TooMany);
        }
        let cut = Cut::of(call.size).ok_or(TakeFileError::TooLarge)?;
        let taken = shell.ask(TakeIn { cut }).await?;
        let import = shell.shelf().make(taken.blob.clone()).map_err(|why| closed(&why))?;
        Ok(Rc::new(Self {
            shell,
            name: FileName::clean(&call.name),
            keep_metadata: call.keep_metadata,
            taken,
            import: RefCell::new(Some(Import::new(import))),
            failed: Cell::new(FinishError::SizeDiffers),
            kept: Cell::new(false),
            _seat: seat,
        }))
    }

    async fn take(&self, import: Import) -> Result<KeptFile, FinishError> {
        let (_, root) = import.finish(&mut *self.shell.machine.chance()).map_err(refused)?;
        let looked = self.look().await?;
        let Looked { kind, carries, clean } = looked;
        let (blob, root, size) = match clean {
            None => (self.taken.id, root, self.taken.blob.cut.size_bytes()),
            Some(bytes) => self.keep_clean(&bytes).await?,
        };
        let name = self.name.as_str().to_owned();
        let id = self.shell.ask(KeepIn { blob, name, kind, root, carries }).await?;
        self.kept.set(blob == self.taken.id);
        Ok(KeptFile { file: shown::id(id.0), size, carries })
    }

    /// What is kept in the place of what was handed over.
    async fn keep_clean(&self, bytes: &[u8]) -> Result<(crate::ids::BlobId, Hash, u64), FinishError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let cut = Cut::of(size).ok_or(FinishError::Picture)?;
        let TakenIn { id, blob } = self.shell.ask(TakeIn { cut }).await?;
        let kept = self.shell.shelf().make(blob).map_err(|why| closed(&why))?;
        let (mut import, mut chance) = (Import::new(kept), self.shell.machine.chance());
        import.push(bytes, &mut *chance).map_err(refused)?;
        let (_, root) = import.finish(&mut *chance).map_err(refused)?;
        Ok((id, root, size))
    }

    /// What it is, by its first bytes; a picture is written anew.
    async fn look(&self) -> Result<Looked, FinishError> {
        let plain = |kind, carries| Looked { kind, carries, clean: None };
        let kept = self.shell.shelf().open(self.taken.blob.clone()).map_err(|why| closed(&why))?;
        let mut source = Bytes(kept);
        let kind = match self.shell.pictures.kind(&mut source).await {
            Ok(kind) => kind,
            // Nobody looked into it.
            Err(_) => return Ok(plain(FileKind::File, !self.keep_metadata)),
        };
        let as_told = if kind.is_decoded() || matches!(kind, Kind::Heic | Kind::Avif | Kind::Jxl) {
            FileKind::Picture
        } else {
            FileKind::File
        };
        if self.keep_metadata || kind == Kind::Other {
            return Ok(plain(as_told, false));
        }
        if !kind.is_decoded() {
            return Ok(plain(as_told, true));
        }
        let mut clean = Clean::default();
        match self.shell.pictures.clean(&mut source, &mut clean).await {
            Ok(_) => Ok(Looked { kind: FileKind::Picture, carries: false, clean: Some(clean.0) }),
            Err(Failure::Picture(CleanError::NotAPicture)) => Ok(plain(FileKind::File, true)),
            Err(Failure::Picture(_) | Failure::Died) => Ok(plain(FileKind::Picture, true)),
            Err(Failure::Away | Failure::Disk(_)) => Err(FinishError::Picture),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.kept.get() {
            self.shell.tell(DropIn { blob: self.taken.id });
        }
    }
}

impl FileUpload for Upload {
    async fn bytes(self: Rc<Self>, piece: FilePiece) -> Result<(), capnp::Error> {
        let mut import = self.import.borrow_mut();
        let pushed = match import.as_mut() {
            Some(import) => import.push(&piece.chunk, &mut *self.shell.machine.chance()),
            None => Ok(()),
        };
        if let Err(why) = pushed {
            *import = None;
            self.failed.set(refused(why));
        }
        Ok(())
    }

    async fn finish(self: Rc<Self>, _: FinishUpload) -> Served<FinishUpload> {
        let import = self.import.take();
        Ok(match import {
            Some(import) => self.take(import).await,
            None => Err(self.failed.get()),
        })
    }
}

fn refused(why: ImportError) -> FinishError {
    match why {
        ImportError::SizeDiffers => FinishError::SizeDiffers,
        ImportError::Blob(why) => FinishError::Closed(closed(&why)),
    }
}

fn closed(why: &BlobError) -> Closed {
    match why {
        BlobError::Full => Closed::Storage,
        BlobError::Damaged | BlobError::Disk(_) => Closed::DiskFails,
    }
}

/// What was handed over, for mediad.
struct Bytes(Kept);

impl Source for Bytes {
    fn read(&mut self, at: usize) -> io::Result<Vec<u8>> {
        let number = u32::try_from(at / PIECE_BYTES + 1).map_err(io::Error::other)?;
        if !self.0.cut().has_piece(number) {
            return Ok(Vec::new());
        }
        let piece = self.0.read(number).map_err(io::Error::other)?;
        Ok(piece.get(at % PIECE_BYTES..).map(<[u8]>::to_vec).unwrap_or_default())
    }
}

/// What mediad makes of it; it bounds how much that is.
#[derive(Default)]
struct Clean(Vec<u8>);

impl Target for Clean {
    fn begin(&mut self) -> io::Result<()> {
        self.0.clear();
        Ok(())
    }

    fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        self.0.extend(bytes);
        Ok(())
    }
}
