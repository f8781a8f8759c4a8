//! Recordings of `observe`.

use std::fs;
use std::process::{Output, Stdio};

use crate::{directory, zk_bootstrap};

fn planned(name: &str, text: &str) -> Output {
    let directory = directory(name);
    fs::write(directory.join("snapshot.json"), text).expect("a file");
    zk_bootstrap(&directory)
        .current_dir(&directory)
        .args(["plan", "--from", "snapshot.json"])
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

/// A recording, and what is said of it behind the file's name.
const RECORDINGS: &[(&str, &str)] = &[
    ("", "EOF while parsing a value at line 1 column 0"),
    ("{}", "missing field `v` at line 1 column 2"),
    (
        "[]",
        "invalid length 0, expected struct Recording with 3 elements at line 1 column 2",
    ),
    (
        "null",
        "invalid type: null, expected struct Recording at line 1 column 4",
    ),
    ("\u{feff}{}", "expected value at line 1 column 1"),
    (
        "{\"v\":-1}",
        "invalid value: integer `-1`, expected u32 at line 1 column 7",
    ),
    (
        "situation: a serving member\n",
        "expected value at line 1 column 1",
    ),
];

#[test]
fn a_recording_that_is_none_is_refused_with_exit_code_65() {
    for (n, (text, expected)) in RECORDINGS.iter().enumerate() {
        let output = planned(&format!("recording-{n}"), text);
        assert_eq!(output.status.code(), Some(65), "{text}");
        assert!(output.stdout.is_empty(), "{text}");
        let said = String::from_utf8_lossy(&output.stderr);
        let expected = format!(
            "zk-bootstrap: snapshot.json: not a snapshot as `zk-bootstrap observe` records it: {expected}\n"
        );
        assert_eq!(said, expected);
    }
    let missing = zk_bootstrap(&directory("no-recording"))
        .current_dir(directory("no-recording"))
        .args(["plan", "--from", "none.json"])
        .output()
        .expect("the binary runs");
    assert_eq!(missing.status.code(), Some(66));
    let said = String::from_utf8_lossy(&missing.stderr);
    assert_eq!(
        said,
        "zk-bootstrap: none.json: No such file or directory (os error 2)\n"
    );
}
