//! Secrets in files: a file's content without its last line break, from a file that nobody else may read.

use std::fs::{File, Metadata};
use std::io::Read;
use std::path::Path;

use crate::Reason;

/// The largest file that is taken for a secret, in bytes.
pub(crate) const MAX_BYTES: u64 = 64 * 1024;

pub(crate) fn read(path: &Path) -> Result<String, Reason> {
    let file = File::open(path).map_err(Reason::Unreadable)?;
    // Asked of the open file, so that it cannot be exchanged between the check and the reading.
    let metadata = file.metadata().map_err(Reason::Unreadable)?;
    if !metadata.is_file() {
        return Err(Reason::NotAFile);
    }
    refuse_exposed(&metadata)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(Reason::Unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_BYTES {
        return Err(Reason::TooLarge);
    }
    let mut text = String::from_utf8(bytes).map_err(|_| Reason::NotText)?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

#[cfg(unix)]
fn refuse_exposed(metadata: &Metadata) -> Result<(), Reason> {
    use std::os::unix::fs::PermissionsExt;
    let mode = metadata.permissions().mode() & 0o7777;
    let others_have = mode & 0o077;
    if others_have == 0 { Ok(()) } else { Err(Reason::Exposed { mode }) }
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on unix")]
fn refuse_exposed(_metadata: &Metadata) -> Result<(), Reason> {
    Ok(())
}
