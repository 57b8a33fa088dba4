//! The steps as they are taken.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::report::{Fault, Outcome, Stage, Step, Visit};

/// The visits of one check, noted while they happen: what is given up in the middle of a step is known to
/// have broken there.
///
/// # Clone
/// Clones note to the same trail.
#[derive(Clone, Debug, Default)]
pub(super) struct Trail {
    visits: Arc<Mutex<Vec<Walk>>>,
}

/// A visit under way.
#[derive(Debug, Default)]
struct Walk {
    visit: Visit,
    /// When the last step ended.
    ended: Option<Instant>,
}

/// A step that has not ended. Dropped, it is one that nothing came of in time.
struct Pending<'a> {
    trail: &'a Trail,
    stage: Stage,
    began: Instant,
    ended: bool,
}

/// The visit ends here: why is noted.
#[derive(Debug)]
pub(super) struct Broken;

// === impl Trail ===

impl Trail {
    /// Begins a visit: the steps from here on belong to it.
    pub(super) fn visit(&self, place: String) {
        let mut walks = self.walks();
        walks.push(Walk {
            visit: Visit {
                place,
                steps: Vec::new(),
            },
            ended: None,
        });
    }

    /// Takes a step within its deadline. What it gives besides its value is told.
    pub(super) async fn step<T>(
        &self,
        stage: Stage,
        deadline: Duration,
        work: impl Future<Output = Result<(T, Outcome), Fault>>,
    ) -> Result<T, Broken> {
        let pending = Pending {
            trail: self,
            stage,
            began: Instant::now(),
            ended: false,
        };
        match tokio::time::timeout(deadline, work).await {
            Ok(Ok((value, outcome))) => {
                pending.end(outcome);
                Ok(value)
            }
            Ok(Err(fault)) => {
                pending.end(Outcome::Broken(fault));
                Err(Broken)
            }
            Err(_elapsed) => {
                drop(pending);
                Err(Broken)
            }
        }
    }

    /// Notes what needed no waiting of its own, in the last visit. Its time is that since the step before
    /// it ended: the rest of the answer was read then.
    pub(super) fn note(&self, stage: Stage, outcome: Outcome) {
        let mut walks = self.walks();
        if let Some(walk) = walks.last_mut() {
            let took = walk.ended.take().map(|ended| ended.elapsed());
            walk.visit.steps.push(Step {
                stage,
                took,
                outcome,
            });
        }
    }

    /// The last step of the last visit was broken after all, if it is of this stage; else the next one is.
    pub(super) fn spoil(&self, stage: Stage, fault: Fault) {
        let mut walks = self.walks();
        if walks.is_empty() {
            walks.push(Walk::default());
        }
        let Some(walk) = walks.last_mut() else { return };
        match walk.visit.steps.last_mut() {
            Some(step) if step.stage == stage => step.outcome = Outcome::Broken(fault),
            _ => walk.visit.steps.push(Step {
                stage,
                took: None,
                outcome: Outcome::Broken(fault),
            }),
        }
    }

    /// Says more about the step that broke last.
    pub(super) fn add(&self, remark: &str) {
        let mut walks = self.walks();
        let step = walks
            .last_mut()
            .and_then(|walk| walk.visit.steps.last_mut());
        if let Some(Outcome::Broken(fault)) = step.map(|step| &mut step.outcome) {
            fault.what.push_str(remark);
        }
    }

    /// Whether the last step broke.
    pub(super) fn is_broken(&self) -> bool {
        self.last(|step| matches!(step.outcome, Outcome::Broken(_)))
    }

    /// Whether the last step is of this stage, and there is nothing to say against it.
    pub(super) fn last_is_fine(&self, stage: Stage) -> bool {
        self.last(|step| step.stage == stage && matches!(step.outcome, Outcome::Fine(_)))
    }

    fn last(&self, is: impl FnOnce(&Step) -> bool) -> bool {
        let walks = self.walks();
        let last = walks.last().and_then(|walk| walk.visit.steps.last());
        last.is_some_and(is)
    }

    /// Everything so far.
    pub(super) fn visits(&self) -> Vec<Visit> {
        self.walks().iter().map(|walk| walk.visit.clone()).collect()
    }

    fn end(&self, stage: Stage, began: Instant, outcome: Outcome) {
        let mut walks = self.walks();
        if walks.is_empty() {
            walks.push(Walk::default());
        }
        if let Some(walk) = walks.last_mut() {
            let now = Instant::now();
            walk.ended = Some(now);
            walk.visit.steps.push(Step {
                stage,
                took: Some(now.saturating_duration_since(began)),
                outcome,
            });
        }
    }

    fn walks(&self) -> MutexGuard<'_, Vec<Walk>> {
        // Plain lists: every state that a panic could leave is a good one.
        self.visits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Broken ===

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a step broke")
    }
}

impl std::error::Error for Broken {}

// === impl Pending ===

impl Pending<'_> {
    fn end(mut self, outcome: Outcome) {
        self.ended = true;
        self.trail.end(self.stage, self.began, outcome);
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.ended {
            let waited = self.began.elapsed().as_millis();
            let remedy = match self.stage {
                Stage::Dns => "look at the resolver of this machine: its servers do not answer",
                Stage::Tcp => "look for a firewall on the way, and whether the address is right",
                Stage::Tls => "look whether the port is one of TLS, and what stands on the way",
                Stage::Http | Stage::Content => "look whether the server hangs, and at its load",
            };
            let fault = Fault::new(format!("no answer within {waited} ms"), remedy);
            self.trail
                .end(self.stage, self.began, Outcome::Broken(fault));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(trail: &Trail) -> Vec<Vec<(Stage, bool)>> {
        let broken = |step: &Step| matches!(step.outcome, Outcome::Broken(_));
        let of = |visit: &Visit| {
            let steps = visit.steps.iter();
            steps.map(|step| (step.stage, broken(step))).collect()
        };
        trail.visits().iter().map(of).collect()
    }

    async fn fine(trail: &Trail, stage: Stage) {
        let work = async { Ok(((), Outcome::Fine(String::new()))) };
        trail
            .step(stage, Duration::from_secs(1), work)
            .await
            .unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_step_that_is_given_up_is_where_it_broke() {
        let trail = Trail::default();
        trail.visit("a".to_owned());
        fine(&trail, Stage::Dns).await;
        let hangs = trail.step::<()>(Stage::Tcp, Duration::from_secs(5), std::future::pending());
        assert!(hangs.await.is_err());
        assert!(trail.is_broken());
        // From outside, too.
        trail.visit("b".to_owned());
        let hangs = trail.step::<()>(Stage::Http, Duration::from_secs(5), std::future::pending());
        let cut = tokio::time::timeout(Duration::from_secs(1), hangs);
        assert!(cut.await.is_err());
        assert_eq!(
            outcomes(&trail),
            [
                vec![(Stage::Dns, false), (Stage::Tcp, true)],
                vec![(Stage::Http, true)]
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_be_found_wanting_later() {
        let trail = Trail::default();
        trail.visit(String::new());
        fine(&trail, Stage::Http).await;
        trail.note(Stage::Content, Outcome::Note(String::new()));
        assert!(!trail.is_broken());
        trail.spoil(Stage::Content, Fault::new("a", "b"));
        trail.visit(String::new());
        fine(&trail, Stage::Http).await;
        trail.spoil(Stage::Content, Fault::new("a", "b"));
        assert_eq!(
            outcomes(&trail),
            vec![vec![(Stage::Http, false), (Stage::Content, true)]; 2]
        );
    }
}
