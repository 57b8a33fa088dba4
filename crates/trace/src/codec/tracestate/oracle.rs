//! The rules once more, written down as plainly as they are told.

/// What of `lines` is handed on; nothing if that is nothing.
pub(super) fn carry(lines: &[Vec<u8>], most: usize) -> Option<String> {
    let joined = lines.join(&b","[..]);
    let mut members: Vec<String> = Vec::new();
    for part in joined.split(|&byte| byte == b',') {
        // A byte as a character, so that nothing is lost before it is judged.
        let part: String = part.iter().map(|&byte| char::from(byte)).collect();
        let part = part.trim_matches([' ', '\t']);
        if !part.is_empty() {
            members.push(part.to_owned());
        }
    }
    if members.len() > 32 || !members.iter().all(|member| is_member(member)) {
        return None;
    }

    let mut kept: Vec<String> = Vec::new();
    for member in members {
        if !kept.iter().any(|other| key(other) == key(&member)) {
            kept.push(member);
        }
    }
    while kept.join(",").len() > most {
        let long = kept.iter().rposition(|member| member.len() > 128);
        kept.remove(long.unwrap_or(kept.len() - 1));
    }
    (!kept.is_empty()).then(|| kept.join(","))
}

fn key(member: &str) -> &str {
    member.split('=').next().unwrap()
}

fn is_member(member: &str) -> bool {
    let halves: Vec<&str> = member.split('=').collect();
    let &[key, value] = &halves[..] else {
        return false;
    };
    let key: Vec<char> = key.chars().collect();
    let first = "0123456789abcdefghijklmnopqrstuvwxyz";
    let value: Vec<char> = value.chars().collect();
    (1..=256).contains(&key.len())
        && first.contains(key[0])
        && key
            .iter()
            .all(|&one| first.contains(one) || "_-*/@".contains(one))
        && (1..=256).contains(&value.len())
        && value.iter().all(|&one| (' '..='~').contains(&one))
        && value[value.len() - 1] != ' '
}
