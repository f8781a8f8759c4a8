//! What the README says is so: its commands exist, its rights are those that are used.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use clap::Parser as _;
use zk_bootstrap::cli::Cli;

fn text(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The blocks of a language.
fn blocks(document: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}");
    let mut found = Vec::new();
    let mut open: Option<String> = None;
    for line in document.lines() {
        match &mut open {
            None if line.trim() == fence => open = Some(String::new()),
            None => {}
            Some(_) if line.trim() == "```" => found.extend(open.take()),
            Some(block) => {
                block.push_str(line.trim_start());
                block.push('\n');
            }
        }
    }
    found
}

fn commands(document: &str) -> Vec<String> {
    let blocks = blocks(&text(document), "console").concat();
    let lines = blocks.lines().filter_map(|line| line.strip_prefix("$ "));
    lines.map(str::to_owned).collect()
}

#[test]
fn every_command_of_the_readme_is_one() {
    let commands = commands("README.md");
    assert!(commands.len() >= 10, "{commands:?}");
    are_commands(&commands);
}

#[test]
fn every_command_and_variable_of_the_way_to_an_image_is_one() {
    let document = text("docs/install.md");
    are_commands(&commands("docs/install.md"));
    let template = text("packer/variables.pkr.hcl");
    for (_, rest) in document
        .match_indices("-var ")
        .map(|(at, _)| document.split_at(at + 5))
    {
        let name = rest
            .trim_start_matches('\'')
            .split('=')
            .next()
            .unwrap_or_default();
        assert!(
            template.contains(&format!("variable {name:?} {{")),
            "{name}"
        );
    }
    let roles = ["zookeeper", "zk_bootstrap"];
    let defaults = roles.map(|role| text(&format!("ansible/roles/{role}/defaults/main.yml")));
    let quoted = document.split('`').skip(1).step_by(2);
    let is_variable = |word: &&str| {
        roles
            .iter()
            .any(|role| word.starts_with(&format!("{role}_")))
    };
    let variables: BTreeSet<&str> = quoted.filter(is_variable).collect();
    assert!(variables.len() >= 10, "{variables:?}");
    for variable in variables {
        let defined = format!("\n{variable}:");
        assert!(
            defaults.iter().any(|text| text.contains(&defined)),
            "{variable}"
        );
    }
}

fn are_commands(commands: &[String]) {
    for command in commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[0] {
            "make" => {
                let mut make = Command::new("make");
                make.arg("-n").args(&words[1..]);
                let made = make.current_dir(env!("CARGO_MANIFEST_DIR")).output();
                assert!(made.expect("make runs").status.success(), "{command}");
            }
            "zk-bootstrap" => {
                let words = words.iter().take_while(|word| **word != ">");
                Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{command}: {error}"));
            }
            // `make test-image` runs these as they are meant.
            "ansible-playbook" | "cargo" | "cd" | "packer" => {}
            other => panic!("{other}: is there a test for this command?"),
        }
    }
}

/// `logs:PutLogEvents` and the like, in quotes.
fn iam_actions(text: &str) -> BTreeSet<String> {
    let quoted = text.split('"').skip(1).step_by(2);
    let is_action = |word: &&str| {
        let (service, action) = word.split_once(':').unwrap_or_default();
        ["autoscaling", "ec2", "logs"].contains(&service)
            && action.chars().all(char::is_alphanumeric)
    };
    quoted.filter(is_action).map(str::to_owned).collect()
}

#[test]
fn the_rights_in_the_readme_are_those_of_the_calls_that_are_made() {
    let policy = blocks(&text("README.md"), "json").remove(0);
    serde_json::from_str::<serde_json::Value>(&policy).expect("the policy is JSON");
    let sources = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws"));
    let sources = sources
        .expect("src/aws")
        .map(|entry| entry.expect("a file"));
    let code: String = sources
        .map(|file| std::fs::read_to_string(file.path()).expect("a source"))
        .flat_map(|source| source.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n");
    assert_eq!(iam_actions(&policy), iam_actions(&code));
}

#[test]
fn the_hand_written_records_of_the_readme_are_records() {
    let readme = text("README.md");
    let block = &blocks(&readme, "json")[1];
    for line in block.lines() {
        serde_json::from_str::<zk_bootstrap::aws::record::Record>(line)
            .unwrap_or_else(|error| panic!("{line}: {error}"));
    }
    assert_eq!(block.lines().count(), 2);
}

#[test]
fn sections_that_messages_point_at_exist() {
    let readme = text("README.md");
    let mut pointers = BTreeSet::new();
    for source in ["aws/mod.rs", "decide/formation.rs", "decide/duties.rs"] {
        let source = text(&format!("src/{source}")).replace("\\\"", "'");
        for (at, see) in source.match_indices("ee '") {
            let section = source[at + see.len()..].split('\'').next();
            pointers.insert(section.unwrap_or_default().to_owned());
        }
    }
    assert_eq!(pointers.len(), 2, "{pointers:?}");
    for section in pointers {
        assert!(readme.contains(&format!("### {section}\n")), "{section}");
    }
}
