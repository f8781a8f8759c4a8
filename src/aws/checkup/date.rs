//! AWS's own time: the `Date` of an answer.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeDeserializationInterceptorContextRef as Answered,
    BeforeTransmitInterceptorContextRef as Asking,
};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use jiff::{SignedDuration, Timestamp};

use crate::clock;

/// Notes when a question was asked, and what the date of its answer says of this clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Dates(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    asked: Option<Timestamp>,
    ahead: Option<SignedDuration>,
}

impl Dates {
    /// How far this instance's clock is ahead, once an answer with a date has come.
    pub(super) fn ahead(&self) -> Option<SignedDuration> {
        self.with(|noted| noted.ahead)
    }

    fn with<T>(&self, look: impl FnOnce(&mut Noted) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The answer was dated at any time between `asked` and `heard`, and within the second that it
/// names: only what lies outside of both is a difference.
fn ahead(asked: Timestamp, date: Timestamp, heard: Timestamp) -> SignedDuration {
    let last = date + SignedDuration::from_secs(1);
    match (asked > last, heard < date) {
        (true, _) => asked.duration_since(last),
        (false, true) => heard.duration_since(date),
        (false, false) => SignedDuration::ZERO,
    }
}

impl Intercept for Dates {
    fn name(&self) -> &'static str {
        "Dates"
    }

    fn read_before_transmit(
        &self,
        _: &Asking<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.with(|noted| noted.asked = Some(clock::now()));
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &Answered<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let heard = clock::now();
        let date = context.response().headers().get("date");
        let date = date.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
        self.with(|noted| {
            if let Some((asked, date)) = noted.asked.zip(date) {
                noted.ahead = Some(ahead(asked, date.timestamp(), heard));
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_neither_the_call_nor_the_second_explains_is_a_difference() {
        let at = |milliseconds| Timestamp::from_millisecond(milliseconds).expect("a time");
        for (asked, date, heard, expected) in [
            (10_200, 10_000, 10_400, 0),
            (10_900, 10_000, 11_900, 0),
            (9_700, 10_000, 10_100, 0),
            (15_000, 10_000, 15_200, 4_000),
            (5_000, 10_000, 7_000, -3_000),
        ] {
            let ahead = ahead(at(asked), at(date), at(heard));
            assert_eq!(ahead.as_millis(), expected, "{asked} {date} {heard}");
        }
    }
}
