//! Names and addresses of AWS.

use super::{line, text};
use crate::config::files::Literal;
use crate::config::reader::Judged;

/// What stands for the group's name in `register.log_group`.
pub(in crate::config) const GROUP: &str = "{group}";

/// A region's name; a zone's is refused with its region.
pub(in crate::config) fn region(literal: &Literal) -> Judged<String> {
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
pub(in crate::config) fn security_group(literal: &Literal) -> Judged<String> {
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
pub(in crate::config) fn log_group(literal: &Literal) -> Judged<String> {
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

/// The address of an AWS endpoint.
pub(in crate::config) fn endpoint(literal: &Literal) -> Judged<String> {
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
