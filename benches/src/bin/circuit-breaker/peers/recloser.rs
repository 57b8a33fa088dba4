//! recloser: half of the last hundred calls, counted in a ring of bits. It has no layer either.

use std::time::Duration;

use portcullis_bench_harness::Case;
use recloser::{AsyncRecloser, Recloser};
use tower::{Service, service_fn};

use crate::service::{Asked, Down, Form, Inner, Must, lane};

const NAME: &str = "recloser";

pub(crate) fn case(form: Form, must: Must, base: &str) -> Case {
    let recloser = Recloser::custom()
        .error_rate(0.5)
        .closed_len(100)
        .open_wait(Duration::from_secs(3600))
        .build();
    if must == Must::BeRefused {
        // It wants its ring full before it says anything.
        while !matches!(
            recloser.call(|| Err::<(), _>(Down)),
            Err(recloser::Error::Rejected)
        ) {}
    }
    let recloser = AsyncRecloser::from(recloser);
    let one = move || {
        let (recloser, inner) = (recloser.clone(), Inner::new(form));
        let service = service_fn(move |request: Asked| {
            let mut inner = inner;
            recloser.call(async move { inner.call(request).await })
        });
        lane(form, must, service)
    };
    Case::new(NAME, form.lanes(), one).over(base)
}
