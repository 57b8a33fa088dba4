//! What families are called.

use super::family::Family;

/// The names of durations. All others are the same in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Naming {
    /// `http_request_duration_seconds{method,route,status}`, and so on: short ones.
    #[default]
    Prometheus,
    /// `http_server_request_duration_seconds{http_request_method,…}`: those of OpenTelemetry's semantic conventions.
    Semconv,
}

/// The names in use.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// With what divides it from a name.
    prefix: String,
    naming: Naming,
}

// === impl Names ===

impl Names {
    pub(super) fn with_prefix(self, prefix: &str) -> Self {
        let legal = |(at, letter): (usize, char)| {
            let legal = letter.is_ascii_alphabetic() || (at > 0 && letter.is_ascii_digit());
            if legal { letter } else { '_' }
        };
        let mut prefix: String = prefix.chars().enumerate().map(legal).collect();
        if !prefix.is_empty() && !prefix.ends_with('_') {
            prefix.push('_');
        }
        Self { prefix, ..self }
    }

    pub(super) fn with_naming(self, naming: Naming) -> Self {
        Self { naming, ..self }
    }

    pub(super) fn name(&self, family: &Family) -> String {
        let name = match (self.naming, family.semconv) {
            (Naming::Semconv, Some(semconv)) => semconv.name,
            _ => family.name,
        };
        format!("{}{name}", self.prefix)
    }

    pub(super) fn labels(&self, family: &Family) -> &'static [&'static str] {
        match (self.naming, family.semconv) {
            (Naming::Semconv, Some(semconv)) => semconv.labels,
            _ => family.labels,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::family::{IN_FLIGHT, REQUESTS};
    use super::*;

    #[test]
    fn a_prefix_is_divided_from_the_name_and_made_of_legal_letters() {
        for (prefix, name) in [
            ("", "http_requests_in_flight"),
            ("shop", "shop_http_requests_in_flight"),
            ("shop_", "shop_http_requests_in_flight"),
            ("my-shop", "my_shop_http_requests_in_flight"),
            ("9 lives", "__lives_http_requests_in_flight"),
        ] {
            let names = Names::default().with_prefix(prefix);
            assert_eq!(names.name(&IN_FLIGHT), name);
        }
    }

    #[test]
    fn conventions_change_what_has_a_name_in_them() {
        let names = Names::default().with_naming(Naming::Semconv);
        assert_eq!(
            names.name(&REQUESTS),
            "http_server_request_duration_seconds"
        );
        assert_eq!(names.labels(&REQUESTS)[1], "http_route");
        assert_eq!(names.name(&IN_FLIGHT), "http_requests_in_flight");
        assert_eq!(names.labels(&IN_FLIGHT), ["side"]);
    }
}
