//! How long a published choice may still be corrected.

use std::str::FromStr;
use std::time::Duration;

/// Whether a preview is chosen again when a part of it turns out to be repeated elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Correct {
    /// What was published stays; it then depends on the order of arrival.
    Never,
    /// While it is no older than this.
    Within(Duration),
    /// Whenever it is known: the same facts give the same previews.
    #[default]
    Always,
}

impl Correct {
    /// Whether a preview of this age, in seconds, may be chosen again.
    pub fn allows(self, age: f64) -> bool {
        match self {
            Self::Never => false,
            Self::Within(limit) => age <= limit.as_secs_f64(),
            Self::Always => true,
        }
    }
}

impl FromStr for Correct {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let hours = |text: &str| text.strip_suffix('h')?.trim().parse::<u32>().ok();
        match text.trim() {
            "never" => Ok(Self::Never),
            "always" => Ok(Self::Always),
            other => hours(other)
                .map(|hours| Self::Within(Duration::from_secs(u64::from(hours) * 3600)))
                .ok_or_else(|| format!("{text:?} is none of never, always, or a number of hours such as 24h")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_a_word_or_hours_and_says_what_age_it_allows() {
        assert_eq!("24h".parse(), Ok(Correct::Within(Duration::from_secs(86_400))));
        let allows = |text: &str, age| text.parse::<Correct>().expect("a policy").allows(age);
        assert!(allows("24h", 86_000.0) && !allows("24h", 87_000.0));
        assert!(allows("always", 1e9) && !allows("never", 0.0));
        assert!("a day".parse::<Correct>().is_err_and(|message| message.contains("24h")));
    }
}
