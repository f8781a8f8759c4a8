//! The super user's secret: read from a file, never printed.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest as _, Sha1};

/// The super user's password.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// A text that cannot be the secret. It is not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the super user's secret must be one line of 8 to 1024 printable characters without spaces"
)]
pub struct BadSecret;

impl Secret {
    /// Takes the content of a secret's file; one newline at its end is not a part of it.
    ///
    /// # Errors
    /// When it is too short, too long, or not one line of printable ASCII.
    pub fn new(content: &str) -> Result<Self, BadSecret> {
        let text = content.strip_suffix('\n').unwrap_or(content);
        let printable = text.bytes().all(|b| b.is_ascii_graphic());
        if printable && (8..=1024).contains(&text.len()) {
            return Ok(Secret(text.to_owned()));
        }
        Err(BadSecret)
    }

    /// What stands in zoo.cfg: `super:` and the base64 of the SHA-1 of `super:<secret>`, as
    /// ZooKeeper's DigestAuthenticationProvider computes it.
    pub fn digest(&self) -> String {
        let hash = Sha1::digest(self.credentials());
        format!("super:{}", BASE64_STANDARD.encode(hash))
    }

    /// What the `digest` scheme is told: `super:<secret>`.
    pub(super) fn credentials(&self) -> Vec<u8> {
        format!("super:{}", self.0).into_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of ZooKeeper's own documentation of `superDigest`.
    #[test]
    fn the_digest_is_the_one_that_zookeeper_computes() {
        let secret = Secret(String::from("test"));
        assert_eq!(secret.digest(), "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
    }

    #[test]
    fn a_bad_secret_is_refused_and_none_is_ever_shown() {
        for bad in [
            "",
            "\n",
            "short",
            "two\nlines of it",
            "with a space in it",
            "tab\tin it here",
        ] {
            assert_eq!(Secret::new(bad), Err(BadSecret), "{bad:?}");
        }
        let secret = Secret::new("correct-horse\n").expect("a good one");
        assert!(!format!("{secret:?}").contains("horse"));
    }
}
