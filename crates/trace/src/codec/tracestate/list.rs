//! Lists between commas, as `tracestate` and `baggage` are.

/// The members of a line; empty ones are skipped.
pub(in crate::codec) fn members(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|&byte| byte == b',')
        .map(trim)
        .filter(|member| !member.is_empty())
}

/// Without the blanks and tabs around it, and nothing else.
#[inline]
pub(in crate::codec) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// How long the list of `members` is.
#[inline]
pub(in crate::codec) fn length<'a>(members: impl Iterator<Item = &'a [u8]>) -> usize {
    let with_commas: usize = members.map(|member| member.len() + 1).sum();
    with_commas.saturating_sub(1)
}

/// The list of `members`, whose [`length`] is known: so it is allocated once.
pub(in crate::codec) fn join<'a>(
    members: impl Iterator<Item = &'a [u8]>,
    length: usize,
) -> Vec<u8> {
    let mut list = Vec::with_capacity(length);
    for member in members {
        if !list.is_empty() {
            list.push(b',');
        }
        list.extend_from_slice(member);
    }
    list
}
