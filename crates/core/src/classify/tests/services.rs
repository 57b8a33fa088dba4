//! Any service, and what all outcomes share.

use super::*;

#[test]
fn every_error_fails_and_every_answer_succeeds() {
    assert_eq!(ErrorsFail.classify(Ok::<&u8, &()>(&1)), Outcome::Success);
    assert_eq!(ErrorsFail.classify(Err::<&u8, &()>(&())), Outcome::Failure);
}

#[test]
fn a_closure_and_a_function_classify() {
    fn by<C: Classify<u8, ()>>(classify: &C, answer: u8) -> Outcome {
        classify.classify(Ok(&answer))
    }
    fn odd(result: Result<&u8, &()>) -> Outcome {
        match result {
            Ok(answer) if answer % 2 == 0 => Outcome::Success,
            Ok(_) => Outcome::Ignore,
            Err(()) => Outcome::Failure,
        }
    }
    assert_eq!(by(&odd, 1), Outcome::Ignore);
    let limit = 3;
    let large = move |result: Result<&u8, &()>| match result {
        Ok(answer) if *answer < limit => Outcome::Success,
        _ => Outcome::Failure,
    };
    assert_eq!(by(&large, 2), Outcome::Success);
    assert_eq!(by(&large, 3), Outcome::Failure);
    assert_eq!(by(&ErrorsFail, 3), Outcome::Success);
}

#[test]
fn an_error_of_the_service_is_a_failure() {
    let error = std::io::Error::other("reset");
    assert_eq!(HttpOutcomes::new().error(&error), Outcome::Failure);
}

#[test]
fn labels_are_stable() {
    for (outcome, label) in [
        (Outcome::Success, "success"),
        (Outcome::Failure, "failure"),
        (Outcome::Ignore, "ignored"),
        (overloaded(None), "overload"),
        (overloaded(Some(1)), "overload"),
    ] {
        assert_eq!(outcome.as_str(), label);
    }
}
