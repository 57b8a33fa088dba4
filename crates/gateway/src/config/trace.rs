//! `[trace]`

use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use http::HeaderName;
use ipnet::IpNet;
use portcullis_core::ConfigError;
use portcullis_trace::{Egress, Format, Formats, Heard, Roots, Sampling, ServerTiming, Spans};
use toml::{Table, Value};

use super::network;
use super::secret_source::SecretSource;
use super::section::Section;

/// How requests are made part of a trace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trace {
    /// `formats`: which headers are read and written, in order. W3C unless set.
    pub formats: Formats,
    /// `trust`: whose trace goes on. Nobody's unless set.
    pub trust: Trusted,
    /// `egress`: which upstreams are told. All unless set.
    pub egress: Egress,
    /// `sample_one_in`, `heard`, `heard_after_authentication`, `heard_per_second`: which traces are sampled.
    pub sampling: Sampling,
    /// `[trace.spans]`: what the log shows of them; no spans without it.
    pub spans: Option<TraceSpans>,
    /// `[trace.timings]`: which requests are timed, stage by stage; none without it.
    pub timings: Option<TraceTimings>,
}

/// Whose trace goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trusted {
    /// `"public"`: nobody's; each request begins a trace.
    Public,
    /// `"internal"`: everybody's.
    Internal,
    /// `"peers"`: that of whoever is connected from one of `peers`.
    Peers(Vec<IpNet>),
}

/// What spans show.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TraceSpans {
    /// `headers`, `path`, `query_values`, `only_sampled`.
    pub shown: Spans,
    /// `pseudonym_key`: by which users get other names; they have none without it.
    pub pseudonym_key: Option<SecretSource>,
}

/// Which requests are timed, and who is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TraceTimings {
    /// `one_in`: one request in so many. Each unless set.
    pub one_in: NonZeroU32,
    /// `server_timing`: who gets the header. Trusted peers unless set.
    pub server_timing: ServerTiming,
    /// `slow_above`: what takes longer is an event of the log that names the bottleneck. Nothing is unless set.
    pub slow_above: Option<Duration>,
}

/// The most that a key of pseudonyms may have, in bytes.
pub(crate) const MOST_PSEUDONYM_KEY: u64 = 4096;

// === impl Trace ===

impl Trace {
    pub(super) fn read(table: Table, folder: Option<&Path>) -> Result<Self, ConfigError> {
        let mut section = Section::new(table);
        let formats = formats(&mut section);
        let trust = trusted(&mut section);
        let egress = egress(&mut section);
        let sampling = sampling(&mut section);
        let spans = section
            .table("spans")
            .map(|table| TraceSpans::read(table, folder));
        let spans = spans.and_then(|read| section.absorb("spans", read));
        let timings = section.table("timings").map(TraceTimings::read);
        let timings = timings.and_then(|read| section.absorb("timings", read));
        section.finish().into_result(Self {
            formats,
            trust,
            egress,
            sampling,
            spans,
            timings,
        })
    }
}

fn formats(section: &mut Section) -> Formats {
    let words = section.texts("formats");
    let baggage = section.flag("baggage").unwrap_or(true);
    let Some(words) = words else {
        return Formats::W3C.with_baggage(baggage);
    };
    if words.is_empty() && !section.noted("formats") {
        section.wrong("formats", "is empty", "name a format, or remove [trace]");
    }
    let mut formats = Vec::new();
    for (index, word) in words.iter().enumerate() {
        match &**word {
            "w3c" => formats.push(Format::W3c),
            "b3" => formats.push(Format::B3Single),
            "b3multi" => formats.push(Format::B3Multi),
            _ => section.wrong(
                format!("formats[{index}]"),
                "is none of the known words",
                "choose \"w3c\" or \"b3\" or \"b3multi\"",
            ),
        }
    }
    Formats::new(formats).with_baggage(baggage)
}

fn trusted(section: &mut Section) -> Trusted {
    #[derive(Clone, Copy, Default)]
    enum Word {
        #[default]
        Public,
        Internal,
        Peers,
    }
    let words = [
        ("public", Word::Public),
        ("internal", Word::Internal),
        ("peers", Word::Peers),
    ];
    let word = section.one_of("trust", &words);
    let peers = network::list(section, "peers");
    match (word, peers) {
        (Word::Public, None) => Trusted::Public,
        (Word::Internal, None) => Trusted::Internal,
        (Word::Peers, Some(peers)) if !peers.is_empty() || section.noted("peers") => {
            Trusted::Peers(peers)
        }
        (Word::Peers, _) => {
            if !section.noted("peers") {
                let remedy = "name the networks of your own services";
                section.wrong("peers", "is missing, and trust is \"peers\"", remedy);
            }
            Trusted::Public
        }
        (Word::Public | Word::Internal, Some(_)) => {
            if !section.noted("peers") {
                let remedy = "say trust = \"peers\", or remove it";
                section.wrong("peers", "is set, and nobody looks at it", remedy);
            }
            Trusted::Public
        }
    }
}

fn egress(section: &mut Section) -> Egress {
    let remedy = "write \"everywhere\", \"nowhere\" or a list of hosts";
    let hosts = match section.take("egress") {
        None => return Egress::everywhere(),
        Some(Value::String(word)) if word == "everywhere" => return Egress::everywhere(),
        Some(Value::String(word)) if word == "nowhere" => return Egress::nowhere(),
        Some(Value::Array(hosts)) => hosts,
        Some(_) => {
            section.wrong("egress", "is no rule about hosts", remedy);
            return Egress::nowhere();
        }
    };
    let mut texts = Vec::with_capacity(hosts.len());
    for host in &hosts {
        match host {
            Value::String(host) => texts.push(&**host),
            // No host at all, which is said of it.
            _ => texts.push(""),
        }
    }
    match Egress::only(texts) {
        Ok(egress) => egress,
        Err(error) => {
            for problem in error.problems() {
                let path = problem.path.replacen("hosts", "egress", 1);
                section.wrong(path, problem.message.clone(), problem.remedy.clone());
            }
            Egress::nowhere()
        }
    }
}

fn sampling(section: &mut Section) -> Sampling {
    let mut sampling = Sampling::new();
    if let Some(number) = section.integer("sample_one_in") {
        let roots = match u32::try_from(number) {
            Ok(0) => Some(Roots::Never),
            Ok(1) => Some(Roots::Always),
            Ok(many) => NonZeroU32::new(many).map(Roots::OneIn),
            Err(_) => None,
        };
        match roots {
            Some(roots) => sampling = sampling.with_roots(roots),
            None => section.wrong(
                "sample_one_in",
                "is out of range",
                "choose 1 for all, 100 for one in a hundred, 0 for none",
            ),
        }
    }
    #[derive(Clone, Copy, Default)]
    struct Word(Option<Heard>);
    let words = [
        ("trusted", Word(Some(Heard::Trusted))),
        ("everybody", Word(Some(Heard::Everybody))),
        ("nobody", Word(Some(Heard::Nobody))),
    ];
    if let Word(Some(heard)) = section.one_of("heard", &words) {
        sampling = sampling.with_heard(heard);
    }
    if section.flag("heard_after_authentication") == Some(true) {
        sampling = sampling.after_authentication();
    }
    if let Some(number) = section.integer("heard_per_second") {
        match u32::try_from(number) {
            Ok(most) => sampling = sampling.at_most_per_second(most),
            Err(_) => section.wrong(
                "heard_per_second",
                "is out of range",
                "choose a number of requests a second",
            ),
        }
    }
    sampling
}

// === impl TraceSpans ===

impl TraceSpans {
    fn read(table: Table, folder: Option<&Path>) -> Result<Self, ConfigError> {
        let mut section = Section::new(table);
        let mut names = Vec::new();
        let mut places = Vec::new();
        for (index, text) in section
            .texts("headers")
            .unwrap_or_default()
            .iter()
            .enumerate()
        {
            match text.parse::<HeaderName>() {
                Ok(name) => {
                    names.push(name);
                    places.push(index);
                }
                Err(_) => section.wrong(
                    format!("headers[{index}]"),
                    "is no name of a header",
                    "write a name such as \"user-agent\"",
                ),
            }
        }
        let shown = section.absorb("", Spans::new().with_headers(names));
        let query = section.texts("query_values").unwrap_or_default();
        let mut shown = shown.unwrap_or_default();
        shown = shown.with_query_values(query.iter().map(String::as_str));
        if section.flag("path") != Some(true) {
            shown = shown.without_path();
        }
        if section.flag("only_sampled") == Some(true) {
            shown = shown.only_sampled();
        }
        let pseudonym_key = SecretSource::take(&mut section, "pseudonym_key", folder);
        section.finish().into_result(Self {
            shown,
            pseudonym_key,
        })
    }
}

// === impl TraceTimings ===

impl TraceTimings {
    fn read(table: Table) -> Result<Self, ConfigError> {
        let mut section = Section::new(table);
        #[derive(Clone, Copy)]
        struct Word(ServerTiming);
        impl Default for Word {
            fn default() -> Self {
                Self(ServerTiming::Trusted)
            }
        }
        let one_in = match section.integer("one_in").map(u32::try_from) {
            None => Some(NonZeroU32::MIN),
            Some(Ok(many)) => NonZeroU32::new(many),
            Some(Err(_)) => None,
        };
        if one_in.is_none() {
            let remedy = "choose 1 for all, 100 for one in a hundred";
            section.wrong("one_in", "is out of range", remedy);
        }
        let words = [
            ("trusted", Word(ServerTiming::Trusted)),
            ("everybody", Word(ServerTiming::Everybody)),
            ("nobody", Word(ServerTiming::Nobody)),
        ];
        let Word(server_timing) = section.one_of("server_timing", &words);
        let slow_above = section.duration("slow_above");
        section.finish().into_result(Self {
            one_in: one_in.unwrap_or(NonZeroU32::MIN),
            server_timing,
            slow_above,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Trace, ConfigError> {
        Trace::read(text.parse().unwrap(), None)
    }

    fn paths(text: &str) -> Vec<String> {
        let error = read(text).unwrap_err();
        let paths = error.problems().map(|problem| problem.path.clone());
        paths.collect()
    }

    #[test]
    fn nothing_said_is_what_suits_the_internet() {
        let trace = read("").unwrap();
        assert_eq!(trace.formats, Formats::W3C);
        assert_eq!(trace.trust, Trusted::Public);
        assert_eq!(trace.sampling, Sampling::new());
        assert!(trace.spans.is_none() && trace.timings.is_none());
    }

    #[test]
    fn what_is_said_is_what_is_done() {
        let trace = read(
            r#"
            formats = ["b3", "w3c"]
            baggage = false
            trust = "peers"
            peers = ["10.0.0.0/8"]
            egress = ["*.svc", "10.0.0.7"]
            sample_one_in = 100
            heard = "everybody"
            heard_after_authentication = true
            heard_per_second = 50

            [spans]
            headers = ["user-agent"]
            query_values = ["page"]
            path = true
            only_sampled = true
            pseudonym_key = { env = "TRACE_KEY" }

            [timings]
            one_in = 10
            server_timing = "everybody"
            slow_above = "1s"
            "#,
        )
        .unwrap();
        let formats = Formats::new([Format::B3Single, Format::W3c]);
        assert_eq!(trace.formats, formats.with_baggage(false));
        assert_eq!(
            trace.trust,
            Trusted::Peers(vec!["10.0.0.0/8".parse().unwrap()])
        );
        let sampling = Sampling::new()
            .with_roots(Roots::OneIn(NonZeroU32::new(100).unwrap()))
            .with_heard(Heard::Everybody)
            .after_authentication()
            .at_most_per_second(50);
        assert_eq!(trace.sampling, sampling);
        assert!(trace.spans.unwrap().pseudonym_key.is_some());
        let timings = trace.timings.unwrap();
        assert_eq!(timings.one_in.get(), 10);
        assert_eq!(timings.server_timing, ServerTiming::Everybody);
        assert_eq!(timings.slow_above, Some(Duration::from_secs(1)));
    }

    #[test]
    fn everything_that_is_wrong_is_said_by_its_key() {
        let wrong = r#"
            formats = ["w3c", "jaeger"]
            trust = "friends"
            peers = ["10.0.0.1/8"]
            egress = ["http://a", "b"]
            sample_one_in = -1
            heard = "some"
            heard_per_second = -1
            colour = "red"

            [spans]
            headers = ["authorization", "a b"]

            [timings]
            one_in = 0
            server_timing = "all"
            slow_above = "soon"
        "#;
        let mut found = paths(wrong);
        found.sort();
        let keys = [
            "colour",
            "egress[0]",
            "formats[1]",
            "heard",
            "heard_per_second",
            "peers[0]",
            "sample_one_in",
            "spans.headers",
            "spans.headers[1]",
            "timings.one_in",
            "timings.server_timing",
            "timings.slow_above",
            "trust",
        ];
        assert_eq!(found, keys);
        assert_eq!(paths("trust = \"peers\""), ["peers"]);
        assert_eq!(paths("peers = [\"10.0.0.0/8\"]"), ["peers"]);
        assert_eq!(paths("formats = []"), ["formats"]);
        assert_eq!(paths("egress = 7"), ["egress"]);
        assert_eq!(paths("egress = []"), ["egress"]);
        assert_eq!(paths("egress = [7]"), ["egress[0]"]);
    }
}
