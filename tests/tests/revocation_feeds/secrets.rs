//! Nothing that a caller sent is in a log line, in an answer, or in `Debug`.

use std::io::Write;
use std::sync::{Arc, Mutex};

use portcullis_auth::RevocableTokens;
use portcullis_core::Secret;
use portcullis_revocation::feeds::{Client, Clients, TokenRevocation};
use tracing_subscriber::fmt::MakeWriter;

use crate::backchannel::{logout, receiver};
use crate::stand::{Answer, CLIENT, Mood, PASSWORD, Stand, authenticated, send, serve};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn what_was_sent_is_nowhere() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    // Of this thread, on which all tasks of the test run.
    let _guard = tracing::subscriber::set_default(subscriber);
    let stand = Stand::new().await;
    let clients = [Client::new(
        stand.issuer.issuer(),
        CLIENT,
        Secret::from(PASSWORD),
    )];
    let endpoint = TokenRevocation::new(
        stand.revoker(),
        RevocableTokens::new(stand.verifier.clone()),
        Clients::new(clients).unwrap(),
    );
    let receiver = receiver(&stand);
    let shown = format!("{endpoint:?} {receiver:?}");
    let (revocation, receiver) = (serve(endpoint).await, serve(receiver).await);
    let mut answers: Vec<Answer> = Vec::new();
    let secret = |name: &str| format!("canary-{name}");
    let mut sent = Vec::new();
    for mood in [Mood::Well, Mood::Down] {
        stand.log.set(mood);
        let access = stand
            .token()
            .subject(&secret("sub"))
            .session(&secret("sid"));
        let access = access.token_id(&secret("jti")).issue();
        let end = stand
            .logout()
            .subject(&secret("sub"))
            .session(&secret("sid"));
        let end = end.token_id(&format!("{}-{mood:?}", secret("jti"))).issue();
        let bad = format!("{end}{}", secret("tail"));
        let form = [("token", &*access), ("token_type_hint", "canary-hint")];
        answers.push(send(authenticated(revocation, &form)).await);
        let unknown = secret("opaque");
        answers.push(send(authenticated(revocation, &[("token", &unknown)])).await);
        let wrong = [
            ("client_id", "canary-id"),
            ("client_secret", "canary-password"),
            ("token", "t"),
        ];
        answers.push(send(crate::stand::post(revocation, &wrong)).await);
        answers.push(logout(receiver, &end).await);
        answers.push(logout(receiver, &bad).await);
        sent.extend([access, end, bad]);
    }
    let statuses: Vec<u16> = answers
        .iter()
        .map(|answer| answer.status.as_u16())
        .collect();
    assert_eq!(statuses, [200, 200, 401, 200, 400, 503, 200, 401, 503, 400]);
    let bodies: Vec<_> = answers.iter().map(|answer| answer.body.to_vec()).collect();
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    // The search finds what is there.
    for line in [
        "feed=\"rfc7009\" status=200 outcome=\"revoked\"",
        "feed=\"rfc7009\" status=401 outcome=\"invalid_client\"",
        "feed=\"backchannel_logout\" status=200 outcome=\"logged_out\"",
        "feed=\"backchannel_logout\" status=503 outcome=\"log_unavailable\"",
        "reason=\"backchannel_logout\"",
    ] {
        assert!(logged.contains(line), "{line}\n{logged}");
    }
    let everything = format!(
        "{logged} {shown} {}",
        String::from_utf8_lossy(&bodies.concat())
    );
    assert!(!everything.contains("canary"), "{everything}");
    assert!(!everything.contains(PASSWORD));
    for token in &sent {
        for part in token.split('.') {
            assert!(!everything.contains(part), "{part}\n{everything}");
        }
    }
}
