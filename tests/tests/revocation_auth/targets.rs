//! What ends a token, and what it leaves alone.

use std::time::Duration;

use portcullis_auth::{Reason, Standing, StandingView as _};
use portcullis_core::{IdentityParts, Provenance, TokenHash};
use portcullis_revocation::{Confirmation, Target};
use portcullis_testing::forge;
use portcullis_tests::revocation::Stand;

const SECOND: Duration = Duration::from_secs(1);

/// A token like the usual one but for one claim.
fn other(stand: &Stand, differs: &str) -> String {
    let token = stand.token();
    match differs {
        // Each token has a `jti` of its own.
        "token" => token,
        "session" => token.session("session-2"),
        "subject" => token.subject("bob"),
        "client" => token.client("app"),
        "tenant" => token.claim("org", serde_json::json!({ "tenant": "red" })),
        other => panic!("{other} is no claim"),
    }
    .issue()
}

#[tokio::test(start_paused = true)]
async fn what_is_revoked_is_out_at_the_next_request_although_cached_and_others_are_not() {
    for (differs, target) in [
        ("token", None),
        ("session", Some(Target::session as fn(&str, &str) -> Target)),
        ("subject", Some(Target::subject)),
        ("client", Some(Target::client)),
        ("tenant", Some(Target::tenant)),
    ] {
        let stand = Stand::synced().await;
        let (token, other) = (stand.token().issue(), other(&stand, differs));
        for token in [&token, &other, &token, &other] {
            assert_eq!(stand.present(token).await.status, 200, "{differs}");
        }
        let hot = stand.present(&token).await;
        assert_eq!(hot.caller().provenance(), Provenance::Cached);
        stand.clock.advance(2 * SECOND).await;
        let issuer = stand.issuer.issuer();
        let parts = hot.caller().parts();
        let target = match target {
            None => Target::token(issuer, parts.token_id.as_deref().unwrap()),
            Some(target) => target(issuer, value(parts, differs)),
        };
        stand.revoke(target).await;
        stand.present(&token).await.assert_bad(Reason::Revoked);
        stand.present(&token).await.assert_bad(Reason::Revoked);
        assert_eq!(stand.present(&other).await.status, 200, "{differs}");
    }
}

fn value<'a>(parts: &'a IdentityParts, claim: &str) -> &'a str {
    let value = match claim {
        "session" => &parts.session,
        "subject" => &parts.subject,
        "client" => &parts.client,
        _ => &parts.tenant,
    };
    value.as_deref().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_revoked_ends_the_tokens_that_it_signed_before() {
    let stand = Stand::synced().await;
    let token = stand.token().issue();
    let kid = stand.present(&token).await.caller().parts().key_id.clone();
    assert_eq!(kid.as_deref(), stand.issuer.key().kid());
    stand.clock.advance(2 * SECOND).await;
    stand
        .revoke(Target::key(stand.issuer.issuer(), "another"))
        .await;
    assert_eq!(stand.present(&token).await.status, 200);
    let target = Target::key(stand.issuer.issuer(), kid.as_deref().unwrap());
    stand.revoke(target).await;
    stand.present(&token).await.assert_bad(Reason::Revoked);
}

#[tokio::test(start_paused = true)]
async fn a_token_without_a_kid_is_ended_with_the_key_that_it_was_signed_with() {
    let stand = Stand::synced().await;
    let key = stand.issuer.key();
    let unnamed = stand.token().without_header("kid").sign(&key);
    let seen = stand.present(&unnamed).await;
    assert_eq!(seen.caller().parts().key_id.as_deref(), key.kid());
    stand.clock.advance(2 * SECOND).await;
    stand
        .revoke(Target::key(stand.issuer.issuer(), key.kid().unwrap()))
        .await;
    stand.present(&unnamed).await.assert_bad(Reason::Revoked);
}

#[tokio::test(start_paused = true)]
async fn everything_ends_every_token_of_before_and_none_of_after() {
    let stand = Stand::synced().await;
    let before = [other(&stand, "subject"), other(&stand, "client")];
    for token in &before {
        assert_eq!(stand.present(token).await.status, 200);
    }
    stand.clock.advance(2 * SECOND).await;
    let word = Confirmation::of("everything").unwrap();
    stand.revoke(Target::everything(word)).await;
    for token in &before {
        stand.present(token).await.assert_bad(Reason::Revoked);
    }
    let after = stand.token().issue();
    assert_eq!(stand.present(&after).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn logged_out_everywhere_and_in_again_at_once_is_in() {
    let stand = Stand::synced().await;
    // Wherever in the second it happens: dates in tokens are whole seconds.
    for fraction in [0, 1, 500, 999] {
        let old = stand.token().issue();
        assert_eq!(stand.present(&old).await.status, 200);
        stand.clock.advance(2 * SECOND).await;
        let wall = portcullis_core::Clock::wall(&stand.clock).since_epoch();
        let rest = SECOND - Duration::from_nanos(wall.subsec_nanos().into());
        stand
            .clock
            .advance(rest + Duration::from_millis(fraction))
            .await;
        stand
            .revoke(Target::subject(stand.issuer.issuer(), "alice"))
            .await;
        let new = stand.token().session("session-2").issue();
        stand.present(&old).await.assert_bad(Reason::Revoked);
        assert_eq!(stand.present(&new).await.status, 200, "{fraction} ms");
        stand.clock.advance(10 * SECOND).await;
        assert_eq!(stand.present(&new).await.status, 200, "{fraction} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn the_twin_of_a_revoked_token_is_refused_too() {
    let stand = Stand::synced().await;
    let token = stand.token().without("jti").issue();
    let twin = forge::es256_high_s_twin(&token);
    assert_ne!(token, twin);
    // The twin is good: whoever revokes the text of one must end both.
    assert_eq!(stand.present(&twin).await.status, 200);
    let issuer = stand.issuer.issuer();
    stand.revoke(Target::jwt(issuer, &token).unwrap()).await;
    stand.present(&token).await.assert_bad(Reason::Revoked);
    stand.present(&twin).await.assert_bad(Reason::Revoked);
    let other = stand.token().without("jti").subject("bob").issue();
    assert_eq!(stand.present(&other).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_has_a_jti_can_be_revoked_by_what_was_signed() {
    let stand = Stand::synced().await;
    let (token, other) = (stand.token().issue(), stand.token().issue());
    let seen = stand.present(&token).await;
    let parts = seen.caller().parts();
    assert!(parts.token_id.is_some());
    assert!(matches!(parts.token_hash, Some(TokenHash::SigningInput(_))));
    stand
        .revoke(Target::jwt(stand.issuer.issuer(), &token).unwrap())
        .await;
    stand.present(&token).await.assert_bad(Reason::Revoked);
    assert_eq!(stand.present(&other).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn what_was_lifted_is_in_again() {
    let stand = Stand::synced().await;
    let token = stand.token().issue();
    let session = || Target::session(stand.issuer.issuer(), "session-1");
    stand.revoke(session()).await;
    stand.present(&token).await.assert_bad(Reason::Revoked);
    stand.revocation.revoker().lift(session()).await.unwrap();
    assert_eq!(stand.present(&token).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_is_one_text_at_the_path_and_nothing_else() {
    let stand = Stand::synced().await;
    for (claim, tenant) in [
        (serde_json::json!({ "tenant": "red" }), Some("red")),
        (serde_json::json!({ "tenant": ["red"] }), Some("red")),
        (serde_json::json!({ "tenant": ["red", "blue"] }), None),
        (serde_json::json!({ "tenant": 7 }), None),
        (serde_json::json!({}), None),
    ] {
        let token = stand.token().claim("org", &claim).issue();
        let seen = stand.present(&token).await;
        assert_eq!(seen.caller().tenant(), tenant, "{claim}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_view_with_other_secrets_is_not_answered_from_what_was_kept_for_the_first() {
    let (one, two) = (Stand::synced().await, Stand::synced().await);
    let token = one.token().issue();
    let seen = one.present(&token).await;
    let identity = seen.caller();
    let issuer = one.issuer.issuer();
    // Each view is asked first once, so that both keep their digests beside the identity.
    for stand in [&one, &two, &one, &two] {
        assert_eq!(stand.revocations.standing(identity), Standing::Good);
    }
    two.revoke(Target::session(issuer, "session-1")).await;
    assert_eq!(one.revocations.standing(identity), Standing::Good);
    assert_eq!(two.revocations.standing(identity), Standing::Revoked);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_revocations_empties_no_cache() {
    let stand = Stand::synced().await;
    let mut tokens = Vec::new();
    for number in 0..200 {
        let session = format!("session-{number}");
        tokens.push(stand.token().session(&session).issue());
    }
    for token in &tokens {
        assert_eq!(
            stand.present(token).await.caller().provenance(),
            Provenance::Fresh
        );
    }
    let kept = stand.verifier.cache().len();
    // Every tenth of them is revoked, and a thousand that nobody has.
    for number in 0..1_200 {
        let session = match number {
            ours @ 0..200 if ours % 10 == 0 => format!("session-{ours}"),
            other => format!("nobody-{other}"),
        };
        stand
            .revoke(Target::session(stand.issuer.issuer(), &session))
            .await;
    }
    assert_eq!(stand.verifier.cache().len(), kept);
    for (number, token) in tokens.iter().enumerate() {
        let answer = stand.present(token).await;
        if number % 10 == 0 {
            answer.assert_bad(Reason::Revoked);
        } else {
            assert_eq!(answer.caller().provenance(), Provenance::Cached, "{number}");
        }
    }
}
