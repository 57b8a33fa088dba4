//! What `/metrics` says, read as strictly as its format is written down
//! (<https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md>).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use http::Request;
use http_body_util::Full;

use crate::stand::send;

/// Labels by name.
pub(crate) type Labels = BTreeMap<String, String>;

/// One scrape.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    pub(super) text: String,
    pub(super) families: BTreeMap<String, Family>,
}

/// The samples of one name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Family {
    pub(super) kind: String,
    /// By what follows the name, and labels.
    pub(super) samples: BTreeMap<(String, Labels), f64>,
}

// === impl Page ===

impl Page {
    pub(super) async fn of(admin: SocketAddr) -> Self {
        let request = Request::get(format!("http://{admin}/metrics"));
        // As Prometheus asks.
        let request = request.header(
            "accept",
            "application/openmetrics-text;version=1.0.0,*/*;q=0.1",
        );
        let request = request.body(Full::default());
        let answer = send(request.expect("a request")).await;
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.header("content-type"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        );
        assert_eq!(answer.header("cache-control"), "no-store");
        let text = String::from_utf8(answer.body.to_vec()).expect("UTF-8");
        Self::parse(text)
    }

    /// The sum of a counter over the labels that are not given.
    pub(crate) fn count(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.sum(name, "_total", labels)
    }

    /// The sum of a gauge.
    pub(crate) fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.sum(name, "", labels)
    }

    /// What a gauge without labels says, if anything.
    pub(crate) fn told(&self, name: &str) -> Option<f64> {
        let family = self.families.get(name).unwrap_or_else(|| panic!("{name}"));
        let alone = (String::new(), Labels::new());
        family.samples.get(&alone).copied()
    }

    /// The values of one label of a family.
    pub(super) fn values(&self, name: &str, label: &str) -> Vec<&str> {
        let family = self.families.get(name).unwrap_or_else(|| panic!("{name}"));
        let labels = family.samples.keys().map(|(_, labels)| labels);
        labels.map(|labels| &*labels[label]).collect()
    }

    pub(crate) fn sum(&self, name: &str, suffix: &str, labels: &[(&str, &str)]) -> f64 {
        let family = self.families.get(name).unwrap_or_else(|| panic!("{name}"));
        let wanted = |(of, has): &(String, Labels)| {
            let same = |(name, value): &(&str, &str)| has.get(*name).is_some_and(|it| it == value);
            of == suffix && labels.iter().all(same)
        };
        let samples = family.samples.iter().filter(|(key, _)| wanted(key));
        samples.map(|(_, value)| value).sum()
    }

    /// Every series, without its value.
    pub(super) fn series(&self) -> BTreeSet<(String, String, Labels)> {
        let families = self.families.iter();
        families
            .flat_map(|(name, family)| {
                let keys = family.samples.keys();
                keys.map(|(suffix, labels)| (name.clone(), suffix.clone(), labels.clone()))
            })
            .collect()
    }

    fn parse(text: String) -> Self {
        let mut page = Self::default();
        let lines = text.strip_suffix("\n").expect("a last line that ends");
        let lines = lines.strip_suffix("\n# EOF").expect("the end");
        let mut current = String::new();
        let (mut helped, mut typed) = (BTreeSet::new(), BTreeSet::new());
        for line in lines.split('\n') {
            if let Some(rest) = line.strip_prefix("# ") {
                let mut words = rest.splitn(3, ' ');
                let mut word = || words.next().unwrap_or_else(|| panic!("{line}"));
                let (what, name, said) = (word(), word(), word());
                assert!(is_name(name), "{line}");
                match what {
                    "HELP" => {
                        assert!(helped.insert(name.to_owned()), "twice: {line}");
                        assert!(!said.is_empty() && !said.contains('\\'), "{line}");
                        name.clone_into(&mut current);
                    }
                    "TYPE" => {
                        assert!(typed.insert(name.to_owned()), "twice: {line}");
                        let known = ["counter", "gauge", "histogram", "info"];
                        assert!(known.contains(&said), "{line}");
                        let family = page.families.entry(name.to_owned()).or_default();
                        said.clone_into(&mut family.kind);
                    }
                    "UNIT" => assert!(name.ends_with(&format!("_{said}")), "{line}"),
                    _ => panic!("{line}"),
                }
                assert_eq!(name, current, "families do not mix: {line}");
                continue;
            }
            let (name, labels, value) = sample(line);
            let suffix = name
                .strip_prefix(&current)
                .unwrap_or_else(|| panic!("not of {current}: {line}"));
            let family = page.families.get_mut(&current).expect("a type before");
            let suffixes: &[&str] = match &*family.kind {
                "counter" => &["_total"],
                "gauge" => &[""],
                "info" => &["_info"],
                _ => &["_bucket", "_count", "_sum"],
            };
            assert!(suffixes.contains(&suffix), "{line}");
            assert!(family.kind == "gauge" || value >= 0.0, "{line}");
            let before = family.samples.insert((suffix.to_owned(), labels), value);
            assert_eq!(before, None, "twice: {line}");
        }
        for (name, family) in &page.families {
            if family.kind == "histogram" {
                family.judge_histogram(name);
            }
        }
        assert_eq!(helped, typed);
        page.text = text;
        page
    }
}

// === impl Family ===

impl Family {
    fn judge_histogram(&self, name: &str) {
        let mut histograms = BTreeMap::<Labels, Vec<(f64, f64)>>::new();
        for ((suffix, labels), value) in &self.samples {
            if suffix == "_bucket" {
                let mut labels = labels.clone();
                let bound = labels.remove("le").expect("an upper bound");
                let bound = match &*bound {
                    "+Inf" => f64::INFINITY,
                    number => number.parse().expect("a number"),
                };
                histograms.entry(labels).or_default().push((bound, *value));
            }
        }
        let sums = self.samples.keys().filter(|(suffix, _)| suffix == "_sum");
        assert_eq!(sums.count(), histograms.len(), "{name}");
        for (labels, mut buckets) in histograms {
            buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            let grows = |pair: &[(f64, f64)]| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1;
            assert!(buckets.windows(2).all(grows), "{name} {buckets:?}");
            let (last, all) = *buckets.last().expect("a bucket");
            assert_eq!(last, f64::INFINITY, "{name}");
            assert_eq!(self.samples[&("_count".to_owned(), labels)], all, "{name}");
        }
    }
}

fn is_name(name: &str) -> bool {
    let rest = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    rest && name
        .bytes()
        .next()
        .is_some_and(|first| !first.is_ascii_digit())
}

/// Name, labels and value of a line.
fn sample(line: &str) -> (&str, Labels, f64) {
    let (name, labels, value) = match line.split_once('{') {
        None => {
            let (name, value) = line.split_once(' ').unwrap_or_else(|| panic!("{line}"));
            (name, Labels::new(), value)
        }
        Some((name, rest)) => {
            let (labels, rest) = labels(rest);
            let value = rest.strip_prefix(' ').unwrap_or_else(|| panic!("{line}"));
            (name, labels, value)
        }
    };
    assert!(is_name(name), "{line}");
    let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
    (name, labels, value)
}

/// What stands in braces, and what follows.
fn labels(mut text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    if let Some(rest) = text.strip_prefix('}') {
        return (labels, rest);
    }
    loop {
        let (name, rest) = text.split_once("=\"").expect("a value");
        assert!(is_name(name), "{name}");
        let mut value = String::new();
        let mut chars = rest.char_indices();
        let end = loop {
            match chars.next().expect("an end of the value") {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next() {
                    Some((_, 'n')) => '\n',
                    Some((_, same @ ('\\' | '"'))) => same,
                    other => panic!("escaped: {other:?}"),
                }),
                (_, plain) => value.push(plain),
            }
        };
        assert_eq!(labels.insert(name.to_owned(), value), None, "twice: {name}");
        let rest = &rest[end + 1..];
        match rest.as_bytes().first() {
            Some(b',') => text = &rest[1..],
            Some(b'}') => return (labels, &rest[1..]),
            other => panic!("after {name}: {other:?}"),
        }
    }
}

#[test]
fn the_reader_is_strict() {
    let good = "# HELP a_b Things.\n# TYPE a_b counter\na_b_total{c=\"\\\"x\\n\"} 2\n# EOF\n";
    let page = Page::parse(good.to_owned());
    assert_eq!(page.count("a_b", &[("c", "\"x\n")]), 2.0);
    for (part, by) in [
        ("# EOF\n", ""),
        ("a_b_total", "a_b"),
        ("a_b_total", "a_c_total"),
        ("\\\"x", "\"x"),
        ("} 2", "} two"),
        ("} 2", "} -2"),
        ("c=", "c"),
        ("# TYPE a_b counter\n", ""),
        ("# TYPE", "# HELP a_b Again.\n# TYPE"),
        ("# EOF", "a_b_total{c=\"\\\"x\\n\"} 3\n# EOF"),
    ] {
        let bad = good.replacen(part, by, 1);
        assert_ne!(bad, good);
        let read = std::panic::catch_unwind(|| Page::parse(bad.clone()));
        assert!(read.is_err(), "{bad}");
    }
}
