//! ZooKeeper's unit, its JVM, and the keys of zoo.cfg.

use super::{line, text};
use crate::config::files::Literal;
use crate::config::reader::Judged;
use crate::model::zoo_keys;

/// The name of a service's unit, other than the agent's own.
pub(in crate::config) fn unit(literal: &Literal) -> Judged<String> {
    let text = text(literal)?;
    let name = text.strip_suffix(".service");
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b":-_.\\@".contains(&b);
    let plain =
        name.is_some_and(|n| !n.is_empty() && !n.starts_with('-') && n.bytes().all(allowed));
    if !plain || text.len() > 255 {
        return Err(format!(
            "is {literal}, but must be a unit's name like \"zookeeper.service\""
        ));
    }
    if name == Some("zk-bootstrap") {
        return Err(format!(
            "is {literal}, the agent's own unit; name ZooKeeper's"
        ));
    }
    Ok(text.to_owned())
}

/// A heap's size as Java writes it, from 64 MiB.
pub(in crate::config) fn heap(literal: &Literal) -> Judged<String> {
    let wrong = || format!("is {literal}, but must be a size like \"512m\" or \"4g\"");
    let Literal::Text(text) = literal else {
        return Err(wrong());
    };
    let unit: u64 = match text.chars().last() {
        Some('m' | 'M') => 1,
        Some('g' | 'G') => 1024,
        _ => return Err(wrong()),
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    let megabytes = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit));
    match megabytes {
        Some(64..=1_048_576) => Ok(text.clone()),
        _ => Err(format!(
            "is {literal}, but must be from \"64m\" to \"1024g\""
        )),
    }
}

/// Flags for the JVM: `zkServer.sh` splits them at spaces and no shell may see more in them.
pub(in crate::config) fn jvm_flags(literal: &Literal) -> Judged<String> {
    let text = line(4096)(literal)?;
    if text.contains(['"', '\'', '\\', '$', '`']) {
        return Err(
            "must have no quotes, backslashes, $ or `: zkServer.sh splits it at its spaces"
                .to_owned(),
        );
    }
    if let Some(word) = text
        .split(' ')
        .find(|w| !w.is_empty() && !w.starts_with('-'))
    {
        return Err(format!(
            "has {word:?}, but each of its words is a flag and begins with -"
        ));
    }
    Ok(text)
}

/// A key of zoo.cfg that an operator may set, and its value.
pub(in crate::config) fn zoo_key(name: &str, literal: &Literal) -> Judged<String> {
    if let Some(reason) = zoo_keys::refusal(name) {
        return Err(reason.to_owned());
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if name.is_empty() || !name.bytes().all(allowed) {
        return Err("is no key of zoo.cfg: those are letters, digits and ._- only".to_owned());
    }
    match literal {
        Literal::Number(number) => Ok(number.to_string()),
        Literal::Flag(flag) => Ok(flag.to_string()),
        Literal::Text(_) => {
            let text = line(4096)(literal)?;
            if text.contains('\\') || !text.is_ascii() {
                let what = "has a backslash or a letter beyond ASCII, which zoo.cfg escapes";
                return Err(what.to_owned());
            }
            Ok(text)
        }
        Literal::EmptyTable | Literal::Other(_) => Err(format!(
            "is {literal}, but must be a text, a number, true or false"
        )),
    }
}
