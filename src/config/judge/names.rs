//! Names for clients: hosted zones, domains, parameters.

use super::aws::GROUP;
use super::text;
use crate::config::files::Literal;
use crate::config::reader::Judged;

/// The id of a hosted zone of Route 53.
pub(in crate::config) fn hosted_zone(literal: &Literal) -> Judged<String> {
    let text = text(literal)?;
    let plain = text
        .bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    if !plain || !(2..=32).contains(&text.len()) {
        return Err(format!(
            "is {literal}, but must be a hosted zone's id like \"Z0123456789ABCDEFGHIJ\""
        ));
    }
    Ok(text.to_owned())
}

/// A name of DNS, with room for `_zookeeper._tcp.` and `server-254.` before it.
pub(in crate::config) fn domain(literal: &Literal) -> Judged<String> {
    let text = text(literal)?;
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let is_label = |label: &str| {
        let plain = (1..=63).contains(&label.len()) && label.bytes().all(allowed);
        plain && !label.starts_with('-') && !label.ends_with('-')
    };
    let labels: Vec<&str> = text.split('.').collect();
    if labels.len() < 2 || text.len() > 230 || !labels.into_iter().all(is_label) {
        return Err(format!(
            "is {literal}, but must be a name in lower case without a last dot, like \
             \"zk.example.com\""
        ));
    }
    Ok(text.to_owned())
}

/// The name of a parameter of Systems Manager, with [`GROUP`] where the group's name goes.
pub(in crate::config) fn parameter(literal: &Literal) -> Judged<String> {
    let text = text(literal)?;
    let rest = text.replace(GROUP, "");
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_.-/".contains(&b);
    let levels = text.matches('/').count();
    let plain = text.starts_with('/') && !text.ends_with('/') && !text.contains("//");
    if !plain || levels > 15 || text.len() > 512 || !rest.bytes().all(allowed) {
        return Err(format!(
            "is {literal}, but must be a path like \"/zookeeper/{{group}}/connection-string\" of \
             letters, digits and _.-"
        ));
    }
    let first = text[1..].to_ascii_lowercase();
    if first.starts_with("aws") || first.starts_with("ssm") {
        return Err(format!(
            "is {literal}, but AWS keeps names that begin with \"aws\" or \"ssm\" for itself"
        ));
    }
    Ok(text.to_owned())
}
