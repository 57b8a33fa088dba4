//! Followers of a log that fails over, is flushed and cut off, held to what was promised.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use portcullis_core::{Secret, UnixTime};
use proptest::prelude::*;

use super::{Follower, Request, Settings};
use crate::log::memory::Inner;
use crate::log::{Append, Edit, Epoch, LogError, OpId};
use crate::time::{Moment, ServerTime};
use crate::{Check, Fingerprint, Horizon, Id, Kind, Record, Secrets, TokenFacts, TokenIds, View};

const START: u64 = 1_900_000_000;
const IDS: u8 = 6;
const S: Duration = Duration::from_secs(15);

/// A log that can lose what it acknowledged.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) log: Inner,
    /// The log before each change.
    history: Vec<Inner>,
    marks: u128,
    millis: u64,
    /// How far the clock of the server is behind since the last failovers.
    behind: u64,
    base: Instant,
}

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) follower: Follower,
    pub(super) view: View,
    tokens: Vec<TokenIds>,
    cut_off: bool,
}

#[derive(Clone, Copy, Debug)]
enum Op {
    Revoke(u8),
    Lift(u8),
    /// Revoked by a node, which takes it in at once.
    Own(usize, u8),
    Step(usize),
    Cut(usize, bool),
    /// Loses the last changes; the new primary's clock is behind.
    Failover(usize, u64),
    Flush,
}

// === impl Model ===

impl Model {
    pub(super) fn new() -> Self {
        Self {
            log: Inner::new(1000),
            history: Vec::new(),
            marks: 0,
            millis: 0,
            behind: 0,
            base: Instant::now(),
        }
    }

    pub(super) fn moment(&self) -> Moment {
        let since = Duration::from_millis(self.millis);
        Moment {
            at: self.base + since,
            wall: UnixTime::from_secs(START) + since,
        }
    }

    pub(super) fn server_time(&self) -> ServerTime {
        ServerTime::from_millis(START * 1000 + self.millis - self.behind.min(self.millis))
    }

    pub(super) fn tick(&mut self) {
        self.millis += 1;
    }

    pub(super) fn pass(&mut self, span: Duration) {
        self.millis += u64::try_from(span.as_millis()).unwrap();
    }

    /// Sets the clock of the server back.
    pub(super) fn go_back(&mut self, span: Duration) {
        self.behind += u64::try_from(span.as_millis()).unwrap();
    }

    pub(super) fn node(&self, page: usize) -> Node {
        let secrets = secrets();
        let settings = Settings {
            fingerprints: secrets.fingerprints().collect(),
            horizon: Horizon::DEFAULT,
            page,
            batch: 2,
            max_age: S,
        };
        let (view, writer) = View::new(self.base, secrets, Horizon::DEFAULT, S, 1000);
        let tokens = (0..IDS).map(|n| ids(&view, n)).collect();
        Node {
            follower: Follower::new(writer, settings),
            view,
            tokens,
            cut_off: false,
        }
    }

    pub(super) fn edit(&mut self, id: Id, edit: Edit) -> Vec<(Id, Record)> {
        self.remember();
        let mut append = Append::new(OpId::random(), Epoch::random(), vec![(id, edit)]);
        append.fingerprints = secrets().fingerprints().collect();
        let now = self.server_time();
        let appended = self.log.append(&append, now).unwrap();
        self.marks = self.marks.max(self.log.mark);
        appended.records
    }

    pub(super) fn revoke(&mut self, n: u8) -> Vec<(Id, Record)> {
        let kind = Kind::Session;
        self.edit(
            id(n),
            Edit::Revoke {
                kind,
                expires: None,
            },
        )
    }

    pub(super) fn lift(&mut self, n: u8) {
        self.edit(
            id(n),
            Edit::Lift {
                kind: Kind::Session,
            },
        );
    }

    pub(super) fn fail_over(&mut self, lost: usize) {
        let keep = self.history.len().saturating_sub(lost);
        if let Some(before) = self.history.get(keep) {
            self.log = before.clone();
        }
        self.history.truncate(keep);
        // A primary that takes over gives marks that the other has not given.
        self.log.mark = self.marks + (1 << 64);
        self.marks = self.log.mark;
    }

    pub(super) fn flush(&mut self) {
        self.log = Inner::new(1000);
        self.log.mark = self.marks;
        self.history.clear();
    }

    fn remember(&mut self) {
        self.history.push(self.log.clone());
    }

    /// Does the next thing that a node asks for; tells whether it asked for anything.
    pub(super) fn step(&mut self, node: &mut Node) -> bool {
        let sent = self.moment();
        let request = node.follower.next();
        if node.cut_off {
            return node.fail(request, sent);
        }
        match request {
            Request::Wait => return false,
            Request::Poll(poll) => {
                let page = self.log.poll(&poll, self.server_time());
                node.follower.polled(sent, sent, Ok(page));
                node.published(sent, &self.log, self.behind > 0);
            }
            Request::Snapshot(cursor, limit) => {
                let page = self.log.snapshot(cursor.as_ref(), limit);
                node.follower.snapshot_read(page);
            }
            Request::Reassert(records) => {
                self.remember();
                let done = self.log.reassert(&records, self.server_time());
                self.marks = self.marks.max(self.log.mark);
                node.follower.reasserted(sent.at, records.len(), done);
            }
        }
        true
    }

    /// Lets a node do what it has to do, as after one poll.
    pub(super) fn settle(&mut self, node: &mut Node) {
        node.follower.due();
        for _ in 0..1000 {
            self.tick();
            if !self.step(node) {
                return;
            }
        }
        panic!("it never comes to rest");
    }
}

// === impl Node ===

impl Node {
    pub(super) fn check(&self, n: u8, now: Moment) -> Check {
        self.view.check(&self.tokens[usize::from(n)], now, S)
    }

    pub(super) fn record(&self, id: &Id) -> Option<Record> {
        self.follower.writer.set().get(id).copied()
    }

    pub(super) fn records(&self) -> Vec<(Id, Record)> {
        let set = self.follower.writer.set();
        set.iter().map(|(id, record)| (id, *record)).collect()
    }

    fn fail(&mut self, request: Request, sent: Moment) -> bool {
        let error = || LogError::Unavailable("cut off".into());
        match request {
            Request::Wait => return false,
            Request::Poll(_) => self.follower.polled(sent, sent, Err(error())),
            Request::Snapshot(..) => self.follower.snapshot_read(Err(error())),
            Request::Reassert(records) => {
                self.follower
                    .reasserted(sent.at, records.len(), Err(error()));
            }
        }
        true
    }

    /// Whoever says "synced as of now" has everything that the log has now.
    fn published(&self, now: Moment, log: &Inner, clock_went_back: bool) {
        if self.view.age(now) != Some(Duration::ZERO) {
            return;
        }
        for (id, record) in log.set.iter() {
            let known = self.record(&id);
            let lifted_later = known.is_some_and(|known| known.stamp > record.stamp);
            // A lift that the log lost holds here until the log has it back.
            let excused = clock_went_back && lifted_later;
            let joined = known.map(|known| known.join(*record));
            assert_eq!(joined, known, "synced, and something is missing");
            if record.is_revoked() && !excused {
                let revoked = known.is_some_and(|known| known.is_revoked());
                assert!(revoked || lifted_later, "{id} is revoked");
            }
        }
    }
}

pub(super) fn secrets() -> Secrets {
    Secrets::new(&Secret::new(vec![9; 32])).unwrap()
}

pub(super) fn fingerprint() -> Fingerprint {
    secrets().fingerprints().next().unwrap()
}

fn session(n: u8) -> String {
    format!("session {n}")
}

pub(super) fn id(n: u8) -> Id {
    let session = session(n);
    secrets().id(crate::secrets::Domain::Session, "iss", session.as_bytes())
}

fn ids(view: &View, n: u8) -> TokenIds {
    let session = session(n);
    let mut facts = TokenFacts::new("iss");
    facts.session = Some(&session);
    facts.issued_at = Some(UnixTime::from_secs(START));
    facts.expires_at = Some(UnixTime::from_secs(START + 3600));
    view.token_ids(&facts)
}

fn op() -> impl Strategy<Value = Op> {
    let node = 0_usize..3;
    let id = 0..IDS;
    prop_oneof![
        3 => id.clone().prop_map(Op::Revoke),
        1 => id.clone().prop_map(Op::Lift),
        1 => (node.clone(), id).prop_map(|(node, id)| Op::Own(node, id)),
        12 => node.clone().prop_map(Op::Step),
        1 => (node, any::<bool>()).prop_map(|(node, cut)| Op::Cut(node, cut)),
        1 => (1_usize..5, prop_oneof![4 => Just(0_u64), 1 => 1_u64..50])
            .prop_map(|(lost, behind)| Op::Failover(lost, behind)),
        1 => Just(Op::Flush),
    ]
}

/// The ids that a node enforces.
fn enforced(node: &Node, now: Moment) -> BTreeSet<u8> {
    let revoked = |n: &u8| matches!(node.check(*n, now), Check::Revoked(_));
    (0..IDS).filter(revoked).collect()
}

fn run(ops: Vec<Op>, page: usize) {
    let mut model = Model::new();
    let mut nodes: Vec<_> = (0..3).map(|_| model.node(page)).collect();
    let mut ever_lifted = BTreeSet::new();
    for op in ops {
        model.tick();
        let before: Vec<_> = nodes
            .iter()
            .map(|node| enforced(node, model.moment()))
            .collect();
        match op {
            Op::Revoke(n) => {
                model.revoke(n);
            }
            Op::Lift(n) => {
                model.lift(n);
                ever_lifted.insert(n);
            }
            Op::Own(at, n) => {
                let records = model.revoke(n);
                nodes[at].follower.own(model.moment().at, &records);
            }
            Op::Step(at) => {
                if !model.step(&mut nodes[at]) {
                    nodes[at].follower.due();
                    model.step(&mut nodes[at]);
                }
            }
            Op::Cut(at, cut) => nodes[at].cut_off = cut,
            Op::Failover(lost, behind) => {
                model.fail_over(lost);
                model.behind += behind;
            }
            Op::Flush => model.flush(),
        }
        for (node, before) in nodes.iter().zip(before) {
            let gone: BTreeSet<_> = &before - &enforced(node, model.moment());
            assert!(gone.is_subset(&ever_lifted), "un-revoked: {gone:?}");
        }
    }
    heal(&mut model, &mut nodes);
}

/// With everything back, all know what anybody knew.
fn heal(model: &mut Model, nodes: &mut [Node]) {
    let mut known: Vec<(Id, Record)> = nodes.iter().flat_map(Node::records).collect();
    known.extend(model.log.set.iter().map(|(id, record)| (id, *record)));
    for _ in 0..8 {
        for node in nodes.iter_mut() {
            node.cut_off = false;
            model.settle(node);
        }
    }
    for node in nodes.iter() {
        let here = node.records();
        let there: Vec<_> = model
            .log
            .set
            .iter()
            .map(|(id, record)| (id, *record))
            .collect();
        if model.behind == 0 {
            assert_eq!(here, there, "a node and the log agree");
        }
        // After a clock went back, a node may know of a later time of the same watermark.
        for ((id, here), (_, there)) in here.iter().zip(&there) {
            assert_eq!(here.join(*there), *here, "{id}");
            assert_eq!(here.stamp, there.stamp, "{id}");
        }
        assert_eq!(here.len(), there.len());
        let age = node.view.age(model.moment());
        assert!(
            age.is_some_and(|age| age < S),
            "synced: {:?}",
            node.follower.health(age)
        );
        for (id, record) in &known {
            let now = node.record(id).unwrap();
            assert!(now.stamp >= record.stamp, "what anybody knew is not lost");
            // Two servers may give one stamp twice; then what is revoked stays so.
            let safe = now.stamp > record.stamp || now.is_revoked() >= record.is_revoked();
            assert!(safe, "{now:?}, {record:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_log_that_loses_what_it_promised_is_followed_without_losing_anything(
        ops in prop::collection::vec(op(), 1..150), page in 2_usize..5,
    ) {
        run(ops, page);
    }
}
