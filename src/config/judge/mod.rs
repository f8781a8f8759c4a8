//! Judges of single values. Each gives the value, or the rest of a sentence that begins with the
//! key and says what is wrong and what would be right.

mod aws;
mod zookeeper;

use std::ops::RangeInclusive;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use jiff::SignedDuration;

use super::files::Literal;
use super::reader::Judged;

pub(super) use aws::{GROUP, endpoint, log_group, region, security_group};
pub(super) use zookeeper::{heap, jvm_flags, unit, zoo_key};

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

/// True or false.
pub(super) fn flag(literal: &Literal) -> Judged<bool> {
    match literal {
        Literal::Flag(flag) => Ok(*flag),
        other => Err(format!("is {other}, but must be true or false")),
    }
}

/// How many voters there are to be at most: an odd number.
pub(super) fn voters(literal: &Literal) -> Judged<usize> {
    let voters: usize = number(1..=7)(literal)?;
    match voters % 2 {
        1 => Ok(voters),
        _ => Err(format!(
            "is {voters}, but {voters} voters survive no more losses than {}: set {} or {}",
            voters - 1,
            voters - 1,
            voters + 1
        )),
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
