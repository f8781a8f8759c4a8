//! The connections of this machine, by the kernel's own tables.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::files::{self, FileError};

/// The states in which somebody has, or had within the last minute, a connection here: established,
/// and on its way down (`TIME_WAIT` lasts for a minute). A port that is listened to, and an attempt
/// from here, are none.
const CAME: &[&str] = &["01", "03", "04", "05", "06", "08", "09", "0B"];

/// Who has connections to which of these ports of this machine.
///
/// # Errors
/// When the kernel's table cannot be read.
pub fn arrivals(ports: &[u16]) -> Result<BTreeMap<IpAddr, BTreeSet<u16>>, FileError> {
    let mut arrivals: BTreeMap<IpAddr, BTreeSet<u16>> = BTreeMap::new();
    // Without IPv6 there is no second table.
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(Path::new);
    for table in tables.iter().filter(|table| table.exists()) {
        let lines = BufReader::new(files::open(table)?).lines();
        for line in lines.map_while(Result::ok) {
            if let Some((from, port)) = arrival(&line).filter(|(_, port)| ports.contains(port)) {
                arrivals.entry(from).or_default().insert(port);
            }
        }
    }
    Ok(arrivals)
}

/// Who is at the other end of a connection, and the port at this one.
fn arrival(line: &str) -> Option<(IpAddr, u16)> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, remote, state) = (fields.next()?, fields.next()?, fields.next()?);
    if !CAME.contains(&state) {
        return None;
    }
    let (_, port) = local.split_once(':')?;
    let (from, _) = remote.split_once(':')?;
    Some((address(from)?, u16::from_str_radix(port, 16).ok()?))
}

/// Words of 32 bits in hexadecimal, each in the machine's own order of bytes.
fn address(text: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = text.get(at..at + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    match text.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.as_flattened().try_into().ok()?;
            // A server that listens on both has its connections of IPv4 here, too.
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn the_kernels_lines_tell_who_came_to_which_port() {
        let established = "   1: 0A00000A:0B40 0B00000A:D431 01 00000000:00000000 00:00000000";
        let came: IpAddr = "10.0.0.11".parse().expect("an address");
        assert_eq!(arrival(established), Some((came, 2880)));
        let mapped = "   2: 0000000000000000FFFF00000A00000A:0F30 \
                      0000000000000000FFFF00000B00000A:D431 06 00000000:00000000";
        assert_eq!(arrival(mapped), Some((came, 3888)));
        for none in [
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when",
            "   0: 00000000:0B40 00000000:0000 0A 00000000:00000000 00:00000000",
            "   0: 0A00000A:D431 0B00000A:0B40 02 00000000:00000000 00:00000000",
            "",
            "   0: zz:zz yy:yy 01",
        ] {
            assert_eq!(arrival(none), None, "{none:?}");
        }
    }
}
