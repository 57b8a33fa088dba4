//! How an explanation is told.

use std::fmt;
use std::time::Duration;

use portcullis_auth::{Reason, TokenOutline};
use portcullis_core::UnixTime;

use super::reasons;
use crate::diagnose::{printable, shown};

/// Everything that is told about a token: no part of it, and nothing about who it is of.
pub(super) struct Told {
    pub(super) finding: Finding,
    pub(super) outline: TokenOutline,
    /// The position of its issuer in the configuration, with its leeway.
    pub(super) issuer: Option<(usize, Duration)>,
    pub(super) now: UnixTime,
    pub(super) answer: Option<Answer>,
}

/// What was found out about the token itself.
pub(super) enum Finding {
    Valid,
    Invalid(Reason),
    /// Why it could not be found out.
    Unknown(String),
}

/// What the gateway would answer to a request with it.
pub(super) struct Answer {
    /// The route, and what it demands.
    pub(super) route: Option<String>,
    pub(super) status: u16,
    /// The label of the refusal; none if it would be passed on.
    pub(super) refused: Option<String>,
    /// What else there is to say.
    pub(super) notes: Vec<String>,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.finding {
            Finding::Valid => {
                line(f, "verdict", "valid")?;
                line(f, "check", "passed all")?;
            }
            Finding::Invalid(reason) => {
                let (check, remedy) = reasons::told(*reason);
                line(f, "verdict", format_args!("invalid: {reason}"))?;
                line(f, "check", check)?;
                line(f, "why", reason.detail())?;
                line(f, "remedy", remedy)?;
            }
            Finding::Unknown(why) => {
                line(f, "verdict", "not found out: it may be good")?;
                line(f, "check", "key")?;
                line(f, "why", why)?;
                line(f, "remedy", "see where it breaks: check --online")?;
            }
        }
        if let Ok(header) = &self.outline.header {
            match header.algorithm {
                Some(algorithm) => line(f, "algorithm", algorithm)?,
                None => line(f, "algorithm", "none that is known")?,
            }
            match &header.kid {
                Some(kid) => line(f, "key id", format_args!("{kid:?}"))?,
                None => line(f, "key id", "none")?,
            }
        }
        if let Ok(claims) = &self.outline.claims {
            let named = claims
                .issuer
                .as_deref()
                .map(|issuer| printable(&shown(issuer)));
            match (named, self.issuer) {
                (Some(name), Some((index, _))) => {
                    line(f, "issuer", format_args!("{name}, issuer[{index}]"))?;
                }
                (Some(name), None) => {
                    line(
                        f,
                        "issuer",
                        format_args!("{name}, which is none of those configured"),
                    )?;
                }
                (None, _) => line(f, "issuer", "none")?,
            }
            for (name, time) in [
                ("issued", claims.issued_at),
                ("not before", claims.not_before),
                ("expires", claims.expires),
            ] {
                line(f, name, Since(time, self.now))?;
            }
            if let Some((_, leeway)) = self.issuer {
                line(f, "leeway", format_args!("{} s", leeway.as_secs()))?;
            }
        }
        if let Some(answer) = &self.answer {
            if let Some(route) = &answer.route {
                line(f, "route", route)?;
            }
            match &answer.refused {
                Some(reason) => {
                    line(f, "answer", format_args!("{}: {reason}", answer.status))?;
                }
                None => line(f, "answer", "passed on to the upstream")?,
            }
            for note in &answer.notes {
                line(f, "", note)?;
            }
        }
        line(
            f,
            "shown",
            "algorithm, key id, issuer, times, as the token says them; nothing else of it",
        )
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "{name:<10}  {value}")
}

/// A time of a token, as seen from now.
struct Since(Option<UnixTime>, UnixTime);

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Some(time), now) = *self else {
            return f.write_str("not said");
        };
        if time > now {
            write!(f, "in {}", Span(time.since(now)))
        } else {
            write!(f, "{} ago", Span(now.since(time)))
        }
    }
}

/// A span in its two largest units.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds} s"),
            (0, 0, _) => write!(f, "{minutes} min {} s", seconds % 60),
            (0, ..) => write!(f, "{hours} h {} min", minutes % 60),
            _ => write!(f, "{days} d {} h", hours % 24),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_from_now() {
        let now = UnixTime::from_secs(1_000_000);
        for (time, told) in [
            (Some(1_000_000), "0 s ago"),
            (Some(1_000_059), "in 59 s"),
            (Some(999_935), "1 min 5 s ago"),
            (Some(1_003_660), "in 1 h 1 min"),
            (Some(1_000_000 - 90_000), "1 d 1 h ago"),
            (None, "not said"),
        ] {
            let since = Since(time.map(UnixTime::from_secs), now);
            assert_eq!(since.to_string(), told);
        }
        let far = Since(Some(UnixTime::from_secs(u64::MAX)), now).to_string();
        assert!(far.starts_with("in "), "{far}");
    }
}
