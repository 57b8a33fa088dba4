//! The questions: one table each.

use axum::body::Body as Body08;
use axum_07::body::Body as Body07;
use portcullis_bench_harness::{Args, Case, Group, Report, Requests, inner, service_lane};

use crate::ours::{Ours, Verdicts};
use crate::peers::{self, tower_oauth2};
use crate::setup::{BARE, BARE_AXUM_07, BARE_AXUM_08, SIGNATURE, signature_lane};
use crate::tokens::{Kit, POOL};

/// What is presented.
pub(crate) enum Presented {
    /// One good token, over and over.
    OneToken,
    /// Many good tokens, in turn.
    Pool,
    /// Another forgery each time.
    Forged,
    /// One forgery, over and over.
    ForgedAgain,
    /// No credential.
    Nothing,
    /// A word.
    Garbage,
    /// Three words with dots between them, as long as a token.
    LongGarbage,
}

/// Measures one question for everybody.
pub(crate) fn run(args: &Args, kit: &Kit, presented: &Presented, threads: usize) -> Option<Report> {
    let plural = if threads == 1 { "" } else { "s" };
    let title = format!("{}, {threads} thread{plural}", presented.title(kit));
    if !args.wants(&title) {
        return None;
    }
    let requests = |lane| presented.requests(kit, lane, threads);
    let mut group = Group::new(&title)
        .against(tower_oauth2::NAME)
        .warm(presented.warm())
        .note(presented.note())
        .case(bare::<()>(BARE, threads, requests))
        .case(bare::<Body07>(BARE_AXUM_07, threads, requests))
        .case(bare::<Body08>(BARE_AXUM_08, threads, requests));

    let mut counted = Vec::new();
    for (ours, verdicts) in presented.ours(kit) {
        group = group.case(presented.must(ours.case(threads, requests)));
        counted.push((ours.counts.clone(), verdicts));
    }
    for peer in peers::ALL {
        group = group.case(match (peer.lanes)(kit) {
            Ok(lanes) => {
                let mut lane = 0;
                let case = Case::new(peer.name, threads, || {
                    lane += 1;
                    lanes(requests(lane - 1))
                });
                presented.must(case.over(peer.base))
            }
            Err(reason) => Case::absent(peer.name, reason),
        });
    }
    if presented.is_checked() {
        group = group.case(Case::new(SIGNATURE, threads, || signature_lane(kit)));
    }
    let report = group.run(args);
    for (counts, verdicts) in counted {
        counts.expect(verdicts);
    }
    Some(report)
}

fn bare<B: Default + 'static>(
    name: &str,
    threads: usize,
    mut requests: impl FnMut(u64) -> Requests,
) -> Case {
    let mut lane = 0;
    Case::new(name, threads, || {
        lane += 1;
        service_lane(inner::<B>(), requests(lane - 1))
    })
}

// === impl Presented ===

impl Presented {
    fn title(&self, kit: &Kit) -> String {
        let algorithm = kit.algorithm;
        match self {
            Self::OneToken => format!("{algorithm}, valid, one token"),
            Self::Pool => format!("{algorithm}, valid, {POOL} tokens"),
            Self::Forged => format!("{algorithm}, forged, another one each time"),
            Self::ForgedAgain => format!("{algorithm}, forged, the same again"),
            Self::Nothing => "No token".to_owned(),
            Self::Garbage => "Garbage, a word".to_owned(),
            Self::LongGarbage => "Garbage, three long parts".to_owned(),
        }
    }

    fn note(&self) -> &'static str {
        match self {
            Self::OneToken => {
                "The view has 100 000 tombstones and 1 000 watermarks of others, and 10 revocations a second arrive."
            }
            Self::Pool => {
                "Ours holds all of them in its cache of 16 MiB; for the row of tokens not seen before it has 32 KiB."
            }
            Self::Forged => {
                "The signature counts up; copying the header value is in the bare service too."
            }
            _ => "",
        }
    }

    /// Ours, in the set-ups that answer this question.
    fn ours(&self, kit: &Kit) -> Vec<(Ours, Verdicts)> {
        match self {
            Self::OneToken => vec![
                (Ours::new(kit), Verdicts::Cached),
                (Ours::watched(kit), Verdicts::Cached),
                (Ours::uncached(kit), Verdicts::Fresh),
            ],
            Self::Pool => vec![
                (Ours::new(kit), Verdicts::Cached),
                (Ours::watched(kit), Verdicts::Cached),
                (Ours::unseen(kit), Verdicts::Fresh),
            ],
            _ => vec![(Ours::new(kit), Verdicts::Refused)],
        }
    }

    fn requests(&self, kit: &Kit, lane: u64, lanes: usize) -> Requests {
        match self {
            Self::OneToken => Requests::one(&kit.token),
            // Threads start apart, so that none runs in the wake of another.
            Self::Pool => {
                let start = POOL * usize::try_from(lane).unwrap_or(0) / lanes;
                kit.pool().starting_at(start)
            }
            Self::Forged => Requests::forgeries(&kit.token, lane),
            Self::ForgedAgain => {
                Requests::one(&portcullis_testing::forge::bad_signature(&kit.token))
            }
            Self::Nothing => Requests::Without,
            Self::Garbage => Requests::one("garbage"),
            Self::LongGarbage => {
                let word = "garbage-".repeat(35);
                Requests::one(&format!("{word}.{word}.{word}"))
            }
        }
    }

    /// A pool is gone through once before anything is measured.
    fn warm(&self) -> u64 {
        match self {
            Self::Pool => POOL as u64,
            _ => 0,
        }
    }

    fn must(&self, case: Case) -> Case {
        match self {
            Self::OneToken | Self::Pool => case.passed(),
            _ => case.refused(),
        }
    }

    /// Whether those without a cache check a signature.
    fn is_checked(&self) -> bool {
        !matches!(self, Self::Nothing | Self::Garbage | Self::LongGarbage)
    }
}
