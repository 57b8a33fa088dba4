//! The token, from standard input.

use std::io::{self, BufRead as _, IsTerminal as _, Read as _};

use portcullis_core::Secret;

/// The longest token that is read: no verifier takes a longer one.
const MOST_BYTES: usize = 16 * 1024;

/// Reads a token from standard input, up to its end, or from a terminal up to the end of the line.
pub(crate) fn token() -> io::Result<Secret> {
    let stdin = io::stdin().lock();
    // A byte more than the longest, with what may stand round it, so that a longer one is not cut to fit.
    let most = MOST_BYTES + SCHEME.len() + 1 + LINE_END_MAX;
    let mut bounded = stdin.take(u64::try_from(most).unwrap_or(u64::MAX));
    let mut bytes = Vec::with_capacity(most);
    if io::stdin().is_terminal() {
        // Standard output is for the answer.
        eprintln!(
            "Paste the token and press Enter. (A terminal passes on at most 4095 bytes of a line: have \
             longer ones read from a file, with < FILE.)"
        );
        bounded.read_until(b'\n', &mut bytes)?;
    } else {
        bounded.read_to_end(&mut bytes)?;
    }
    let whole = Secret::new(bytes);
    Ok(Secret::new(bare(whole.expose()).to_vec()))
}

const SCHEME: &[u8] = b"Bearer ";
const LINE_END_MAX: usize = 2;

/// A token without the scheme before it and the end of the line after it.
fn bare(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    match text.split_at_checked(SCHEME.len()) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) => token.trim_ascii_start(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scheme_and_line_end_are_no_part_of_a_token() {
        for (text, token) in [
            ("a.b.c", "a.b.c"),
            ("a.b.c\n", "a.b.c"),
            ("a.b.c\r\n", "a.b.c"),
            ("Bearer a.b.c\n", "a.b.c"),
            ("bearer  a.b.c", "a.b.c"),
            ("Bearer", "Bearer"),
            ("Bearer \n", ""),
            ("", ""),
            // Whatever else stands round it is for the verifier to judge.
            (" a.b.c ", " a.b.c "),
            ("a.b.c\n\n", "a.b.c\n"),
        ] {
            assert_eq!(bare(text.as_bytes()), token.as_bytes(), "{text:?}");
        }
    }
}
