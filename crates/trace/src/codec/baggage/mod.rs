//! `baggage`: what an application wants to be told along its calls.

mod fuzz;
mod member;
mod typed;

use http::{HeaderMap, HeaderValue};

use super::names::BAGGAGE;
use super::tracestate::list;
use member::Member;

pub use fuzz::fuzz_baggage;
pub use typed::{BadBaggage, Baggage};

/// The most members that are handed on, and the longest list of them, in bytes.
const MOST_MEMBERS: usize = 64;
const MOST_BYTES: usize = 8192;

/// What is to be handed on: all lines as one list, unread. One header within the limits is handed on as it is, without
/// a copy.
///
/// Beyond the limits whole members are dropped: first those that are too long to go even alone, then from the right.
pub(crate) fn carry(headers: &HeaderMap) -> Option<HeaderValue> {
    let all = headers.get_all(&BAGGAGE);
    let mut lines = all.iter();
    let first = lines.next()?;
    if lines.next().is_none() && is_within_limits(first.as_bytes()) {
        return Some(first.clone());
    }
    let kept = || fitting(all.iter().flat_map(|line| list::members(line.as_bytes())));
    value(list::join(kept(), list::length(kept())))
}

/// The members whose key is one of `keys`.
pub(crate) fn only(value: &HeaderValue, keys: &[String]) -> Option<HeaderValue> {
    let kept = || {
        list::members(value.as_bytes()).filter(|member| {
            Member::key(member).is_some_and(|key| keys.iter().any(|one| one.as_bytes() == key))
        })
    };
    let length = list::length(kept());
    if length == value.len() && length > 0 {
        return Some(value.clone());
    }
    self::value(list::join(kept(), length))
}

/// Whether a line can be handed on as it is. It may hold fewer members than this takes for granted, and none too many.
fn is_within_limits(line: &[u8]) -> bool {
    let commas = || line.iter().filter(|&&byte| byte == b',').count();
    line.len() <= MOST_BYTES && list::members(line).next().is_some() && commas() < MOST_MEMBERS
}

/// Those of `members` that make a list within the limits.
fn fitting<'a>(members: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = &'a [u8]> {
    // Each takes a comma with it; the first has none.
    let mut left = MOST_BYTES + 1;
    members
        .filter(|member| member.len() <= MOST_BYTES)
        .take(MOST_MEMBERS)
        .map_while(move |member| {
            left = left.checked_sub(member.len() + 1)?;
            Some(member)
        })
}

fn value(list: Vec<u8>) -> Option<HeaderValue> {
    if list.is_empty() {
        return None;
    }
    HeaderValue::try_from(list).ok()
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
