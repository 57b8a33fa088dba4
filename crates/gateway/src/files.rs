//! Files that are read whole, with a bound.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

/// Reads a file of at most `most` bytes.
///
/// Only a regular file, or a link to one: a pipe would be waited for, and a device has no end.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let too_large = || io::Error::other(format!("it has more than {} KiB", most / 1024));
    if metadata.len() > most {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // It may have grown since.
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
        return Err(too_large());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, [b'x'; 2048]).unwrap();
        assert_eq!(read(&file, 2048).unwrap().len(), 2048);
        let error = read(&file, 1024).unwrap_err().to_string();
        assert_eq!(error, "it has more than 1 KiB");
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(folder.path(), 1024).is_err());
        assert!(read(&folder.path().join("missing"), 1024).is_err());
        #[cfg(target_os = "linux")]
        assert!(read(Path::new("/dev/zero"), 1024).is_err());
    }
}
