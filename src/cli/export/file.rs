//! The file that an export is written into: it gets its name once it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use nix::fcntl::OFlag;

use crate::cli::output::{Exit, Output, printable};
use crate::runtime::clock;
use crate::runtime::units::Bytes;

/// How long it takes before it shows how far it is.
const SHOWN_AFTER: Duration = Duration::from_secs(2);

/// What is written at once.
const BUFFER: usize = 1 << 18;

/// A file that says on a terminal how much was written, and in its errors which file it is.
pub(super) struct Watched {
    file: File,
    path: String,
    written: u64,
    attended: bool,
    began: Instant,
    bar: Option<ProgressBar>,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{} cannot be written: {error}", self.path));
        let count = self.file.write(bytes).map_err(named)?;
        self.written += u64::try_from(count).unwrap_or(u64::MAX);
        if self.attended && clock::instant().saturating_duration_since(self.began) > SHOWN_AFTER {
            let start = || {
                let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
                bar.with_style(
                    ProgressStyle::with_template("{bytes} written").unwrap_or_else(|_| ProgressStyle::default_spinner()),
                )
            };
            self.bar.get_or_insert_with(start).set_position(self.written);
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Has `write` fill the file, which must not exist. Where that fails nothing is there.
pub(super) fn write_file(
    path: &Path,
    out: &mut Output<'_>,
    write: impl FnOnce(BufWriter<Watched>, &mut Output<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let name = printable(&path.display().to_string()).into_owned();
    let there = || anyhow::anyhow!("{name} is there already: remove it, or name another file with -o");
    if path.symlink_metadata().is_ok() {
        return Err(there());
    }
    let cannot = || format!("{name} cannot be written");
    let unfinished = super::unfinished(path);
    let file = open(&unfinished).with_context(cannot)?;
    let watched = Watched {
        file: file.try_clone().with_context(cannot)?,
        path: name.clone(),
        written: 0,
        attended: out.is_attended(),
        began: clock::instant(),
        bar: None,
    };
    let done = write(BufWriter::with_capacity(BUFFER, watched), out).and_then(|()| {
        file.sync_all().with_context(cannot)?;
        if path.symlink_metadata().is_ok() {
            return Err(there());
        }
        fs::rename(&unfinished, path).with_context(cannot)
    });
    if let Err(error) = done {
        let _not_there = fs::remove_file(&unfinished);
        return Err(error);
    }
    out.note(format_args!("{name} ({})", Bytes(file.metadata().map_or(0, |metadata| metadata.len()))))?;
    Ok(Exit::Done)
}

/// The file that has no name yet: what a killed export left of it is overwritten, what another one writes is not.
fn open(unfinished: &PathBuf) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
    let file = options.write(true).create(true).truncate(false).mode(0o600).custom_flags(flags).open(unfinished)?;
    let busy = || io::Error::other("another export is writing it");
    file.try_lock().map_err(|_held| busy())?;
    // The other one may have given it its name between the two.
    if fs::symlink_metadata(unfinished)?.ino() != file.metadata()?.ino() {
        return Err(busy());
    }
    file.set_len(0)?;
    Ok(file)
}
