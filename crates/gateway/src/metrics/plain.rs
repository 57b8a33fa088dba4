//! The numbers in the text format of Prometheus, for whoever does not ask for OpenMetrics.

use http::HeaderMap;
use http::HeaderValue;
use http::header::ACCEPT;

/// What the text says of itself.
pub(crate) const PLAIN: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Whether somebody reads OpenMetrics, as Prometheus does and says.
pub(crate) fn wants_openmetrics(headers: &HeaderMap) -> bool {
    let said = headers.get_all(ACCEPT);
    let wants = |value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        let mut ranges = text.split(',').map(|range| range.split(';'));
        ranges.any(|mut range| {
            let named = range.next().is_some_and(|name| name.trim() == OPENMETRICS);
            // Not if it is the one that is refused.
            named && !range.any(|parameter| matches!(parameter.trim(), "q=0" | "q=0.0"))
        })
    };
    said.iter().any(wants)
}

const OPENMETRICS: &str = "application/openmetrics-text";

/// The same page: counters and infos are named as their samples are, units are in the names, and there is no end.
pub(crate) fn from_openmetrics(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let types: std::collections::HashMap<&str, &str> =
        types.filter_map(|line| line.split_once(' ')).collect();
    for line in text.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            plain.push_str(line);
            plain.push('\n');
            continue;
        };
        let mut words = comment.splitn(3, ' ');
        let (Some(keyword @ ("HELP" | "TYPE")), Some(name), Some(rest)) =
            (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let (suffix, kind) = match types.get(name) {
            Some(&"counter") => ("_total", "counter"),
            Some(&"info") => ("_info", "gauge"),
            Some(kind) => ("", *kind),
            None => continue,
        };
        let rest = if keyword == "TYPE" { kind } else { rest };
        plain.push_str(&format!("# {keyword} {name}{suffix} {rest}\n"));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_named_as_their_samples_are() {
        let open = "# HELP a_requests Requests.\n# TYPE a_requests counter\na_requests_total{x=\"# TYPE\"} 1\n\
                    # HELP a_took_seconds Time.\n# TYPE a_took_seconds histogram\n# UNIT a_took_seconds seconds\n\
                    a_took_seconds_sum 2.5\n# HELP a_build What.\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n# EOF\n";
        let plain = "# HELP a_requests_total Requests.\n# TYPE a_requests_total counter\na_requests_total{x=\"# TYPE\"} 1\n\
                     # HELP a_took_seconds Time.\n# TYPE a_took_seconds histogram\n\
                     a_took_seconds_sum 2.5\n# HELP a_build_info What.\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n";
        assert_eq!(from_openmetrics(open), plain);
    }

    #[test]
    fn openmetrics_is_for_whoever_asks_for_it() {
        let asks = |accept: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(ACCEPT, value.parse().unwrap());
            }
            wants_openmetrics(&headers)
        };
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        assert!(asks(&[prometheus]) && asks(&["text/html", "Application/OpenMetrics-Text"]));
        for accept in [
            &[][..],
            &["*/*"],
            &["text/plain"],
            &["application/openmetrics-text;q=0"],
        ] {
            assert!(!asks(accept), "{accept:?}");
        }
    }
}
