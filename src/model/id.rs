//! Newtypes for whatever could be swapped by mistake.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A text that is not what it should be. The message names the text and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct Malformed {
    /// The offending text.
    pub text: String,
    /// What would have been accepted, with its article: "a server id (1 to 254)".
    pub expected: &'static str,
}

impl Malformed {
    /// Cuts a long text, so that one bad answer cannot fill a log.
    pub fn new(text: &str, expected: &'static str) -> Self {
        let text = text.chars().take(80).collect();
        Malformed { text, expected }
    }
}

/// A ZooKeeper server's id, 1 to 254. 255 collides with the marker of TTL znodes, and larger ids
/// overlap in the space of session ids (ZooKeeper starts with them all the same).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct ServerId(u8);

impl ServerId {
    /// The smallest id.
    pub const MIN: ServerId = ServerId(1);
    /// The largest id.
    pub const MAX: ServerId = ServerId(254);

    /// Every id there is, ascending.
    pub fn all() -> impl DoubleEndedIterator<Item = ServerId> {
        (Self::MIN.0..=Self::MAX.0).map(ServerId)
    }

    /// The id as a number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for ServerId {
    type Error = Malformed;
    fn try_from(value: u8) -> Result<Self, Malformed> {
        let id = ServerId(value);
        if (Self::MIN..=Self::MAX).contains(&id) {
            return Ok(id);
        }
        Err(Malformed::new(&value.to_string(), "a server id (1 to 254)"))
    }
}

impl From<ServerId> for u8 {
    fn from(id: ServerId) -> u8 {
        id.0
    }
}

impl FromStr for ServerId {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed = || Malformed::new(text, "a server id (1 to 254)");
        // `u8::from_str` would accept "+3" and "03".
        if text.starts_with(['+', '0']) {
            return Err(malformed());
        }
        let value: u8 = text.parse().map_err(|_| malformed())?;
        ServerId::try_from(value).map_err(|_| malformed())
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An EC2 instance's id: `i-` and 8 or 17 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InstanceId(String);

impl InstanceId {
    /// The id as EC2 spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InstanceId {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let digits = text.strip_prefix("i-").unwrap_or_default();
        let lowercase_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if matches!(digits.len(), 8 | 17) && digits.bytes().all(lowercase_hex) {
            return Ok(InstanceId(text.to_owned()));
        }
        Err(Malformed::new(
            text,
            "an EC2 instance id (i- and 8 or 17 hexadecimal digits)",
        ))
    }
}

impl TryFrom<String> for InstanceId {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<InstanceId> for String {
    fn from(id: InstanceId) -> String {
        id.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Declares a 64-bit number that ZooKeeper writes in hexadecimal.
macro_rules! hexadecimal {
    ($(#[$doc:meta])* $name:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub u64);

        impl FromStr for $name {
            type Err = Malformed;
            fn from_str(text: &str) -> Result<Self, Malformed> {
                let digits = text.strip_prefix("0x").unwrap_or(text);
                if digits.starts_with('+') {
                    return Err(Malformed::new(text, $expected));
                }
                u64::from_str_radix(digits, 16)
                    .map($name)
                    .map_err(|_| Malformed::new(text, $expected))
            }
        }

        impl TryFrom<String> for $name {
            type Error = Malformed;
            fn try_from(text: String) -> Result<Self, Malformed> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:x}", self.0)
            }
        }
    };
}

hexadecimal!(
    /// The version of a committed config: the zxid of its reconfig transaction, 0 for a file
    /// that was written by hand. Printed in hexadecimal, as ZooKeeper does in `/zookeeper/config`
    /// and in the suffix of a dynamic file's name.
    ConfigVersion,
    "a config version (hexadecimal)"
);

hexadecimal!(
    /// A ZooKeeper transaction id: the epoch in the upper 32 bits, a counter in the lower.
    Zxid,
    "a zxid (hexadecimal)"
);
