//! `java.env`: the flags of the server's JVM, for whoever starts it.
//!
//! One line that systemd (`EnvironmentFile=`) and a shell read alike. Apache's `zkEnv.sh` sources
//! the file, Debian's does not, and both scripts take `SERVER_JVMFLAGS` from the environment.
//! Apache's puts `-Xmx1000m` before it, of which Java ignores all but the last.

/// How a file of the agent begins; an operator's own does not.
const HEADER: &str = "# Written by zk-bootstrap from zookeeper.heap and zookeeper.jvm_flags.";

/// The value of `SERVER_JVMFLAGS`, if anything is to be set: `-Xmx512m -XX:+UseSerialGC`.
pub fn server_jvmflags(heap: Option<&str>, jvm_flags: Option<&str>) -> Option<String> {
    let heap = heap.map(|heap| format!("-Xmx{heap}"));
    let flags: Vec<&str> = heap.as_deref().into_iter().chain(jvm_flags).collect();
    (!flags.is_empty()).then(|| flags.join(" "))
}

/// What `java.env` must contain, or `None` when it is to be left as it is: without flags, an
/// operator's own file stays, and so does none.
///
/// The flags have neither quotes nor backslashes, `$` or backquotes; the configuration refuses
/// those.
pub fn java_env(
    present: Option<&str>,
    heap: Option<&str>,
    jvm_flags: Option<&str>,
) -> Option<String> {
    match server_jvmflags(heap, jvm_flags) {
        Some(flags) => Some(format!("{HEADER}\nSERVER_JVMFLAGS=\"{flags}\"\n")),
        None => {
            let own = present.is_some_and(|text| text.starts_with(HEADER));
            own.then(|| format!("{HEADER}\n"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heap_and_flags_are_one_line_that_a_shell_and_systemd_read_alike() {
        let text = java_env(None, Some("512m"), Some("-XX:+UseSerialGC -Da=b"));
        let line = "SERVER_JVMFLAGS=\"-Xmx512m -XX:+UseSerialGC -Da=b\"";
        assert_eq!(text, Some(format!("{HEADER}\n{line}\n")));
    }

    #[test]
    fn flags_that_are_no_longer_set_are_taken_back() {
        let before = java_env(None, Some("512m"), None);
        let after = java_env(before.as_deref(), None, None);
        assert_eq!(after, Some(format!("{HEADER}\n")));
    }

    #[test]
    fn without_flags_an_operators_own_file_is_left_alone() {
        let own = "export SERVER_JVMFLAGS=-Xmx1g\n";
        assert_eq!(java_env(Some(own), None, None), None);
        assert_eq!(java_env(None, None, None), None);
    }
}
