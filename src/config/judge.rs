//! Judges of single values. Each gives the value, or the rest of a sentence that begins with the
//! key and says what is wrong and what would be right.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;

use super::files::Literal;
use super::reader::Judged;
use crate::model::zoo_keys;

/// What stands for the group's name in `register.log_group`.
pub(super) const GROUP: &str = "{group}";

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Text(text) => write!(f, "{}", toml::Value::String(text.clone())),
            Literal::Number(number) => write!(f, "{number}"),
            Literal::Flag(flag) => write!(f, "{flag}"),
            Literal::Other(what) => f.write_str(what),
        }
    }
}

fn text(literal: &Literal) -> Judged<&str> {
    match literal {
        Literal::Text(text) => Ok(text),
        other => Err(format!("is {other}, but must be a text in quotes")),
    }
}

/// One line of text with something in it, of at most so many bytes.
pub(super) fn line(longest: usize) -> impl Fn(&Literal) -> Judged<String> {
    move |literal| {
        let text = text(literal)?;
        if text.trim() != text || text.is_empty() {
            return Err("must not be empty, nor begin or end with a space".to_owned());
        }
        if text.contains(char::is_control) || text.len() > longest {
            return Err(format!("must be one line of at most {longest} bytes"));
        }
        Ok(text.to_owned())
    }
}

/// One of several words.
pub(super) fn choice<T: Copy>(choices: &[(&'static str, T)]) -> impl Fn(&Literal) -> Judged<T> {
    move |literal| {
        let word = match literal {
            Literal::Text(text) => text.as_str(),
            _ => "",
        };
        let chosen = choices.iter().find(|(name, _)| *name == word);
        chosen.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<String> = choices.iter().map(|(n, _)| format!("{n:?}")).collect();
            format!("is {literal}, but must be {}", names.join(" or "))
        })
    }
}

/// A whole number within a range.
pub(super) fn number<T: TryFrom<i64>>(
    range: RangeInclusive<i64>,
) -> impl Fn(&Literal) -> Judged<T> {
    move |literal| {
        let within = match literal {
            Literal::Number(number) if range.contains(number) => T::try_from(*number).ok(),
            _ => None,
        };
        let (least, most) = (range.start(), range.end());
        within.ok_or_else(|| format!("is {literal}, but must be a number from {least} to {most}"))
    }
}

/// A duration within a range: `"90s"`, `"5m"`, `"1h 30m"`, `"500ms"`.
pub(super) fn duration(
    least: &'static str,
    most: &'static str,
) -> impl Fn(&Literal) -> Judged<Duration> {
    let known = |text: &str| parse_duration(text).expect("a limit is a duration");
    let range = known(least)..=known(most);
    move |literal| {
        let text = match literal {
            Literal::Text(text) => text,
            other => return Err(format!("is {other}, but must be a text like \"90s\"")),
        };
        let Some(duration) = parse_duration(text) else {
            return Err(format!(
                "is {literal}, but must be a duration like \"90s\", \"5m\" or \"3h\""
            ));
        };
        if !range.contains(&duration) {
            return Err(format!(
                "is {literal}, but must be from \"{least}\" to \"{most}\""
            ));
        }
        Ok(duration)
    }
}

fn parse_duration(text: &str) -> Option<Duration> {
    // A number alone has no unit, and ISO 8601 is not what is documented.
    let begins = text.starts_with(|c: char| c.is_ascii_digit());
    let duration: SignedDuration = text.parse().ok()?;
    Duration::try_from(duration).ok().filter(|_| begins)
}

/// An absolute path without `.` and `..`.
pub(super) fn path(literal: &Literal) -> Judged<PathBuf> {
    let text = line(4096)(literal)?;
    let path = Path::new(&text);
    let plain = path
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if !path.is_absolute() || !plain || text.contains("/./") || text == "/" {
        return Err(format!(
            "is {literal}, but must be an absolute path without \"..\""
        ));
    }
    // `#`, `!`, `\` and spaces mean something in zoo.cfg or to zkServer.sh.
    if !text
        .chars()
        .all(|c| c.is_ascii_graphic() && !r##"#!\"'$`;&|<>*?[]=:"##.contains(c))
    {
        return Err(format!(
            "is {literal}, but zoo.cfg and zkServer.sh take letters, digits and _-.,@%+ only"
        ));
    }
    Ok(path.components().collect())
}

/// A region's name; a zone's is refused with its region.
pub(super) fn region(literal: &Literal) -> Judged<String> {
    let text = text(literal)?;
    let parts: Vec<&str> = text.split('-').collect();
    let words = parts
        .iter()
        .take_while(|part| part.bytes().all(|b| b.is_ascii_lowercase()) && !part.is_empty())
        .count();
    let number = parts.get(words).copied().unwrap_or("");
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    if words < 2 || digits == 0 {
        return Err(format!(
            "is {literal}, but must be a region's name like \"eu-central-1\""
        ));
    }
    let region = [parts[..words].join("-"), number[..digits].to_owned()].join("-");
    if region == text {
        return Ok(region);
    }
    let zone = text.ends_with(|c: char| c.is_ascii_lowercase());
    let of_zone = zone && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match of_zone {
        true => Err(format!("is {literal}, a zone; its region is {region:?}")),
        false => Err(format!(
            "is {literal}, but must be a region's name like {region:?}"
        )),
    }
}

/// The id of a security group.
pub(super) fn security_group(literal: &Literal) -> Judged<String> {
    let text = text(literal)?;
    let id = text.strip_prefix("sg-").unwrap_or("");
    if id.len() < 8 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(format!(
            "is {literal}, but must be a security group's id like \"sg-0123456789abcdef0\""
        ));
    }
    Ok(text.to_owned())
}

/// The name of a log group, with [`GROUP`] where the group's name goes.
pub(super) fn log_group(literal: &Literal) -> Judged<String> {
    let text = text(literal)?;
    let rest = text.replace(GROUP, "");
    if rest.contains(['{', '}']) {
        return Err(format!(
            "is {literal}, but {GROUP} is all that it may have in braces"
        ));
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-/.#".contains(&b);
    if text.is_empty() || text.len() > 512 || !rest.bytes().all(allowed) {
        return Err(format!(
            "is {literal}, but CloudWatch Logs takes 1 to 512 letters, digits and _-/.# only"
        ));
    }
    if text.starts_with("aws/") {
        return Err(format!("is {literal}, but AWS keeps \"aws/\" for itself"));
    }
    Ok(text.to_owned())
}

/// The name of a service's unit, other than the agent's own.
pub(super) fn unit(literal: &Literal) -> Judged<String> {
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
pub(super) fn heap(literal: &Literal) -> Judged<String> {
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
pub(super) fn jvm_flags(literal: &Literal) -> Judged<String> {
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

/// The address of an AWS endpoint.
pub(super) fn endpoint(literal: &Literal) -> Judged<String> {
    let text = line(2048)(literal)?;
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .unwrap_or("");
    let name = rest.split(['/', ':']).next().unwrap_or("");
    if name.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(format!(
            "is {literal}, but must be an address like \"https://vpce-1.example.com\""
        ));
    }
    if rest.contains('@') {
        return Err("has a password in it; AWS's credentials come from the instance".to_owned());
    }
    Ok(text)
}

/// A key of zoo.cfg that an operator may set, and its value.
pub(super) fn zoo_key(name: &str, literal: &Literal) -> Judged<String> {
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
            match text.contains('\\') {
                true => Err("has a backslash, which zoo.cfg takes for an escape".to_owned()),
                false => Ok(text),
            }
        }
        Literal::Other(what) => Err(format!(
            "is {what}, but must be a text, a number, true or false"
        )),
    }
}
