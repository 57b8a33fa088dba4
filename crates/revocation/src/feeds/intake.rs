//! What every feed asks of a request before it looks at what it says.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf as _, BufMut as _};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Method, Request, StatusCode, request};
use http_body::Body;
use http_body_util::BodyExt as _;
use portcullis_core::Secret;
use tokio::time::timeout;

use super::answer::Answer;
use super::form::{Form, FormFault};

/// The most that the body may have.
pub(super) const BODY_MAX: usize = 16 * 1024;

const FORM: &str = "application/x-www-form-urlencoded";

/// Reads a request: its head, and the form in its body.
pub(super) async fn read<B>(
    request: Request<B>,
    deadline: Duration,
) -> Result<(request::Parts, Form), Answer>
where
    B: Body,
{
    let (head, body) = request.into_parts();
    check_head(&head)?;
    let Ok(body) = timeout(deadline, collect(body)).await else {
        return Err(Answer::error(
            StatusCode::REQUEST_TIMEOUT,
            "slow_body",
            "invalid_request",
            "The body did not arrive in time.",
        ));
    };
    let form = Form::parse(body?.expose()).map_err(|fault| match fault {
        FormFault::Malformed => Answer::invalid_request("malformed_form", "The form is malformed."),
        FormFault::Duplicate => Answer::invalid_request(
            "duplicate_parameter",
            "A parameter is there more than once.",
        ),
        FormFault::TooMany => {
            Answer::invalid_request("too_many_parameters", "There are too many parameters.")
        }
    })?;
    Ok((head, form))
}

fn check_head(head: &request::Parts) -> Result<(), Answer> {
    if head.method != Method::POST {
        return Err(Answer::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "method",
            "invalid_request",
            "Use POST.",
        ));
    }
    // A token in the target is in every log on the way: whoever sends it there must notice.
    if head.uri.query().is_some_and(|query| !query.is_empty()) {
        return Err(Answer::invalid_request(
            "query",
            "Parameters belong into the body.",
        ));
    }
    if !is_form(&head.headers) {
        return Err(Answer::invalid_request(
            "content_type",
            "The content type must be application/x-www-form-urlencoded, without content coding.",
        ));
    }
    let announced = head.headers.get(CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > BODY_MAX as u64) {
        return Err(too_large());
    }
    Ok(())
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(one), None) = (types.next(), types.next()) else {
        return false;
    };
    let essence = one.as_bytes().split(|byte| *byte == b';').next();
    let form =
        essence.is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(FORM.as_bytes()));
    form && !headers.contains_key(CONTENT_ENCODING)
}

/// All of a body, if it is not too long.
async fn collect<B: Body>(body: B) -> Result<Secret, Answer> {
    let mut body = pin!(body);
    // Of the final size, so that no copy of a token is left behind by growing.
    let mut all = Vec::with_capacity(BODY_MAX);
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Answer::invalid_request(
                "broken_body",
                "The body was cut off.",
            ));
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if data.remaining() > BODY_MAX - all.len() {
            return Err(too_large());
        }
        all.put(data);
    }
    Ok(Secret::new(all))
}

const fn too_large() -> Answer {
    Answer::error(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body_too_large",
        "invalid_request",
        "The body is longer than 16 KiB.",
    )
}
