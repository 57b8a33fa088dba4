//! Reading what scripts return. Whatever is not of the form expected is an error that says where.

use portcullis_revocation::log::{Anchor, Change, Covered, Epoch, LogError, Mark, SnapshotPage};
use portcullis_revocation::log::{Cursor, Refused};
use portcullis_revocation::{BadEntry, Fingerprint, Horizon, Id, Record, ServerTime, Stamp};
use redis::Value;

/// An entry of the log or the set.
type Entry = Result<(Id, Record), BadEntry>;

/// The parts of an answer, one after the other.
#[derive(Debug)]
pub(super) struct Reply {
    parts: std::vec::IntoIter<Value>,
    what: &'static str,
}

/// What a poll returns, the replication apart.
#[derive(Debug)]
pub(super) struct Polled {
    pub(super) epoch: Epoch,
    pub(super) head: Anchor,
    pub(super) stamp: Stamp,
    pub(super) server_time: ServerTime,
    pub(super) horizon: Horizon,
    pub(super) info: String,
    pub(super) fingerprints: Vec<Covered>,
    pub(super) changes: Vec<Change>,
}

// === impl Reply ===

impl Reply {
    /// The parts of an answer whose first says that it is one.
    pub(super) fn of(value: Value, what: &'static str) -> Result<Self, LogError> {
        let mut reply = Self::list(value, what)?;
        match reply.number()? {
            0 => Ok(reply),
            1 => Err(match u32::try_from(reply.number()?) {
                Ok(version) if version != 0 => LogError::OtherVersion(version),
                _ => LogError::Malformed("version"),
            }),
            2 => Err(LogError::Malformed("entry")),
            3 => Err(LogError::Refused(Refused::Other("it has no epoch".into()))),
            _ => Err(LogError::Malformed(what)),
        }
    }

    fn list(value: Value, what: &'static str) -> Result<Self, LogError> {
        match value {
            Value::Array(parts) => Ok(Self {
                parts: parts.into_iter(),
                what,
            }),
            _ => Err(LogError::Malformed(what)),
        }
    }

    fn next(&mut self) -> Result<Value, LogError> {
        self.parts.next().ok_or(LogError::Malformed(self.what))
    }

    pub(super) fn text(&mut self) -> Result<String, LogError> {
        match self.next()? {
            // What is not UTF-8 is none of ours, and is found to be so where it is read.
            Value::BulkString(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            _ => Err(LogError::Malformed(self.what)),
        }
    }

    fn number(&mut self) -> Result<u64, LogError> {
        match self.next()? {
            Value::Int(number) => u64::try_from(number).map_err(|_| LogError::Malformed(self.what)),
            _ => Err(LogError::Malformed(self.what)),
        }
    }

    fn parts(&mut self, what: &'static str) -> Result<Self, LogError> {
        Self::list(self.next()?, what)
    }

    fn is_over(&self) -> bool {
        self.parts.len() == 0
    }

    fn epoch(&mut self) -> Result<Epoch, LogError> {
        Epoch::from_hex(&self.text()?).ok_or(LogError::Malformed("epoch"))
    }

    fn head(&mut self) -> Result<Anchor, LogError> {
        let seq = self.number()?;
        let mark = self.text()?;
        if seq == 0 {
            return Ok(Anchor::default());
        }
        let mark = mark_of(&mark).ok_or(LogError::Malformed("mark"))?;
        Ok(Anchor { seq, mark })
    }

    /// What a poll returns.
    pub(super) fn polled(mut self) -> Result<Polled, LogError> {
        Ok(Polled {
            epoch: self.epoch()?,
            head: self.head()?,
            stamp: Stamp::from_micros(self.number()?),
            server_time: ServerTime::from_millis(self.number()?),
            horizon: horizon(self.number()?)?,
            info: self.text()?,
            fingerprints: self.parts("secret")?.secrets()?,
            changes: self.parts("change")?.changes()?,
        })
    }

    fn secrets(mut self) -> Result<Vec<Covered>, LogError> {
        let mut secrets = Vec::new();
        while !self.is_over() {
            // Whatever else stands there is no secret that anybody asks for.
            let fingerprint = Fingerprint::from_hex(&self.text()?);
            let since = ServerTime::from_millis(self.number()?);
            let told = ServerTime::from_millis(self.number()?);
            secrets.extend(fingerprint.map(|fingerprint| Covered {
                fingerprint,
                since,
                told,
            }));
        }
        Ok(secrets)
    }

    fn changes(mut self) -> Result<Vec<Change>, LogError> {
        let mut changes = Vec::with_capacity(self.parts.len());
        while !self.is_over() {
            changes.push(self.parts("change")?.change()?);
        }
        Ok(changes)
    }

    fn change(mut self) -> Result<Change, LogError> {
        let malformed = || LogError::Malformed("change");
        let place = self.text()?;
        let (seq, "0") = place.split_once('-').ok_or_else(malformed)? else {
            return Err(malformed());
        };
        let seq = seq.parse().map_err(|_| malformed())?;
        let mut fields = self.parts("change")?;
        let (mut id, mut record, mut mark) = (None, None, None);
        while !fields.is_over() {
            let (name, value) = (fields.text()?, fields.text()?);
            match &*name {
                "i" => id = Some(value),
                "r" => record = Some(value),
                "m" => mark = mark_of(&value),
                _ => {}
            }
        }
        let entry = match (id, record) {
            (Some(id), Some(record)) => entry(&id, &record),
            _ => Err(BadEntry::Malformed),
        };
        // Without a mark its place is unsure, and with it every page that begins there.
        let mark = mark.ok_or_else(malformed)?;
        let at = Anchor { seq, mark };
        Ok(Change { at, entry })
    }

    /// What a snapshot returns.
    pub(super) fn snapshot(mut self) -> Result<SnapshotPage, LogError> {
        let (epoch, head) = (self.epoch()?, self.head()?);
        let mut page = SnapshotPage::new(epoch, head);
        let next = self.text()?;
        page.next = (!next.is_empty()).then(|| Cursor(next.into()));
        let mut entries = self.parts("entry")?;
        while !entries.is_over() {
            let (id, record) = (entries.text()?, entries.text()?);
            page.entries.push(entry(&id, &record));
        }
        Ok(page)
    }
}

fn entry(id: &str, record: &str) -> Entry {
    let record = Record::decode(record)?;
    Ok((Id::from_hex(id).ok_or(BadEntry::Malformed)?, record))
}

/// The records of an append: a line each, of id and record.
pub(super) fn appended(lines: &str) -> Result<Vec<(Id, Record)>, LogError> {
    let record = |line: &str| {
        let (id, record) = line.split_once(' ')?;
        entry(id, record).ok()
    };
    lines
        .lines()
        .map(|line| record(line).ok_or(LogError::Malformed("record")))
        .collect()
}

fn mark_of(text: &str) -> Option<Mark> {
    let digits = text.bytes().all(|digit| digit.is_ascii_hexdigit());
    let whole = digits && text.len() == 32;
    whole
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
        .map(Mark)
}

fn horizon(seconds: u64) -> Result<Horizon, LogError> {
    Horizon::new(std::time::Duration::from_secs(seconds))
        .map_err(|_| LogError::Malformed("horizon"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            (-1_i64..5).prop_map(Value::Int),
            "[0-9a-f -]{0,34}".prop_map(|text| Value::BulkString(text.into_bytes())),
            Just(Value::BulkString(vec![0xff; 32])),
            Just(Value::Okay),
        ];
        leaf.prop_recursive(3, 40, 10, |inner| {
            prop::collection::vec(inner, 0..10).prop_map(Value::Array)
        })
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(mut parts in prop::collection::vec(value(), 0..12), ok: bool) {
            if ok {
                parts.insert(0, Value::Int(0));
                parts.insert(1, text(&"0".repeat(32)));
            }
            let value = Value::Array(parts);
            let _ = Reply::of(value.clone(), "page").and_then(Reply::polled);
            let _ = Reply::of(value, "part").and_then(Reply::snapshot);
        }

        #[test]
        fn whatever_lines_come_are_read_or_refused(lines in "[0-9a-z \n]{0,80}") {
            let _ = appended(&lines);
        }
    }

    #[test]
    fn an_entry_that_cannot_be_read_is_told_and_keeps_its_place() {
        let id = "0a".repeat(16);
        let change = |record: &str, id: &str| {
            let fields = ["r", record, "i", id, "m", &"b".repeat(32), "t", "1"];
            let fields = fields.map(text).to_vec();
            let change = Value::Array(vec![text("7-0"), Value::Array(fields)]);
            let changes = Reply::list(Value::Array(vec![change]), "change");
            let changes = changes.and_then(Reply::changes).unwrap();
            assert_eq!(changes[0].at.seq, 7);
            changes[0].entry
        };
        assert_eq!(change("nonsense", &id), Err(BadEntry::Malformed));
        assert_eq!(change("2 x", &id), Err(BadEntry::OtherVersion(2)));
        assert_eq!(change("1 t l 1 0 1", "xyz"), Err(BadEntry::Malformed));
        assert!(change("1 t l 1 0 1", &id).is_ok());
    }

    #[test]
    fn a_script_that_says_no_is_heard() {
        let said = |numbers: &[i64]| {
            let parts = numbers.iter().map(|number| Value::Int(*number)).collect();
            Reply::of(Value::Array(parts), "page").unwrap_err()
        };
        assert_eq!(said(&[1, 2]), LogError::OtherVersion(2));
        assert_eq!(said(&[1, 0]), LogError::Malformed("version"));
        assert_eq!(said(&[2, 0]), LogError::Malformed("entry"));
        assert_eq!(said(&[9]), LogError::Malformed("page"));
        assert_eq!(said(&[]), LogError::Malformed("page"));
        assert_eq!(said(&[3]).label(), "refused");
    }
}
