//! The data directory and the journal in it, examined without changing either.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use nix::sys::statfs::{BTRFS_SUPER_MAGIC, FsType, NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, statfs};
use nix::unistd::{AccessFlags, access, geteuid};

use super::{Check, Standing};
use crate::journal::{DataDir, JournalConfig, JournalError};
use crate::query::{JournalStatus, SinkStatus, status};
use crate::runtime::clock;
use crate::runtime::units::{Age, Bytes, Count};

const ZFS_SUPER_MAGIC: FsType = FsType(0x2fc1_2fc1);

/// Examines the data directory and the journal.
pub(super) fn examine(data_dir: &DataDir) -> (Vec<Check>, Option<JournalStatus>) {
    let root = data_dir.root();
    let directory = directory(root);
    let unusable = directory.standing == Standing::Broken;
    let mut checks = vec![directory];
    if root.exists() {
        checks.extend(space(root));
    }
    if unusable || !root.exists() {
        return (checks, None);
    }
    let found = match status(data_dir) {
        Ok(found) => found,
        Err(JournalError::Missing { .. }) => {
            checks.push(Check::good("journal", "none yet: the first `agentsh run` makes it"));
            return (checks, None);
        }
        Err(error) => {
            checks.push(Check::broken(
                "journal",
                error.to_string(),
                "name another folder with --data-dir, or move this one away",
            ));
            return (checks, None);
        }
    };
    checks.push(journal(data_dir, &found));
    checks.push(key(data_dir));
    checks.push(checkpoint(&found));
    checks.push(accounts(&found));
    checks.extend(found.sinks.iter().map(sink));
    (checks, Some(found))
}

fn directory(root: &Path) -> Check {
    const NAME: &str = "data directory";
    let shown = root.display();
    let metadata = match fs::metadata(root) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let parent = root.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("/"));
            return if access(parent, AccessFlags::W_OK | AccessFlags::X_OK).is_ok() {
                Check::good(NAME, format!("{shown} is not there yet: the first `agentsh run` makes it"))
            } else {
                let found = format!("{shown} is not there, and {} may not be written", parent.display());
                Check::broken(NAME, found, "name another folder with --data-dir")
            };
        }
        Err(error) => return Check::broken(NAME, format!("{shown}: {error}"), "name another folder with --data-dir"),
    };
    if !metadata.is_dir() {
        return Check::broken(NAME, format!("{shown} is not a folder"), "name another one with --data-dir");
    }
    if access(root, AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK).is_err() {
        let remedy = format!("use the journal as uid {}, or name another folder with --data-dir", metadata.uid());
        return Check::broken(NAME, format!("{shown} may not be read and written"), remedy);
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Check::lacking(NAME, format!("{shown} (mode {mode:04o}) is open to other users"), format!("chmod 700 {shown}"));
    }
    if metadata.uid() != geteuid().as_raw() {
        let remedy = "record as one user: files that root makes there cannot be opened by the owner";
        return Check::lacking(NAME, format!("{shown} belongs to uid {}", metadata.uid()), remedy);
    }
    Check::good(NAME, format!("{shown} (mode {mode:04o})"))
}

fn space(root: &Path) -> Option<Check> {
    const NAME: &str = "disk";
    let disk = statfs(root).ok()?;
    let block = u64::try_from(disk.block_size()).ok()?;
    let free = disk.blocks_available().saturating_mul(block);
    let shown = format!("{} free", Bytes(free));
    // Room for a few recorders' intakes and some hours of events.
    let wanted = 16 * JournalConfig::default().intake_bytes;
    Some(match disk.filesystem_type() {
        NFS_SUPER_MAGIC | SMB_SUPER_MAGIC => Check::lacking(
            NAME,
            format!("{shown}, over the network: SQLite's log does not work there when several machines use it"),
            "use a data directory on a local disk (--data-dir)",
        ),
        BTRFS_SUPER_MAGIC | ZFS_SUPER_MAGIC => Check::lacking(
            NAME,
            format!("{shown}; this file system copies on write: a full disk can end the recorder"),
            "use a data directory on ext4, xfs or tmpfs (--data-dir)",
        ),
        _ if free < wanted => Check::lacking(NAME, shown, format!("make room: {} or more is comfortable", Bytes(wanted))),
        _ => Check::good(NAME, shown),
    })
}

fn journal(data_dir: &DataDir, found: &JournalStatus) -> Check {
    const NAME: &str = "journal";
    let path = data_dir.journal();
    if access(&path, AccessFlags::W_OK).is_err() {
        let remedy = "use the journal as its owner, or name another folder with --data-dir";
        return Check::broken(NAME, format!("{} may not be written", path.display()), remedy);
    }
    Check::good(NAME, format!("{} events, {} sessions, {}", Count(found.head), Count(found.sessions.total), Bytes(found.bytes)))
}

fn key(data_dir: &DataDir) -> Check {
    const NAME: &str = "signing key";
    let path = data_dir.public_key().with_extension("key");
    let shown = path.display();
    match fs::metadata(&path) {
        Ok(metadata) if metadata.mode() & 0o077 != 0 => {
            let found =
                format!("{shown} (mode {:04o}) is open to other users, who could sign in its name", metadata.mode() & 0o7777);
            Check::lacking(NAME, found, format!("chmod 600 {shown}"))
        }
        Ok(metadata) => Check::good(NAME, format!("{shown} (mode {:04o})", metadata.mode() & 0o7777)),
        Err(error) => Check::broken(
            NAME,
            format!("{shown}: {error}"),
            "put the key back from a backup: a new one would not be the one that earlier checkpoints are signed with",
        ),
    }
}

fn checkpoint(found: &JournalStatus) -> Check {
    const NAME: &str = "checkpoint";
    match &found.last_checkpoint {
        Some(last) => Check::good(
            NAME,
            format!(
                "signed up to seq {} of {}, {} ago",
                Count(last.tree_size),
                Count(found.head),
                Age::between(last.time_us, clock::now().as_micros())
            ),
        ),
        None => Check::lacking(NAME, "nothing is signed yet", "agentsh journal checkpoint"),
    }
}

fn accounts(found: &JournalStatus) -> Check {
    const NAME: &str = "accounts";
    let accounts = &found.accounts;
    let sum = format!(
        "offered {} = journaled {} + lost {} + in the intakes {}",
        Count(accounts.offered),
        Count(accounts.journaled),
        Count(accounts.lost),
        Count(accounts.in_flight)
    );
    if !accounts.differences.is_empty() {
        let found = format!("the sum does not add up: {}", accounts.differences.join("; "));
        return Check::broken(NAME, found, "agentsh verify; agentsh journal status");
    }
    if accounts.lost > 0 {
        return Check::lacking(NAME, sum, "agentsh events --kind events_lost");
    }
    Check::good(NAME, sum)
}

fn sink(found: &SinkStatus) -> Check {
    const NAME: &str = "sink";
    let SinkStatus { name, delivered, behind, dead_letters, stalled, .. } = found;
    let place = format!("{name}: delivered up to seq {}, {} behind", Count(*delivered), Count(*behind));
    match stalled {
        Some(reason) => Check::lacking(NAME, format!("{place}; stalled: {reason}"), "agentsh sinks list"),
        None if *dead_letters > 0 => {
            let found = format!("{place}; its peer refused {} events", Count(*dead_letters));
            Check::lacking(NAME, found, format!("agentsh sinks dead-letters {name}"))
        }
        None => Check::good(NAME, place),
    }
}
